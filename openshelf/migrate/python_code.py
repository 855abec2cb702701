"""Uses in Python, by its own parser: aliases, keyword arguments and results of calls are followed."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from itertools import accumulate

from openshelf.migrate.text_code import in_string
from openshelf.migrate.uses import Part, Use

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_AROUND = ("with_raw_response", "with_streaming_response")
_LONGEST = 300
"""Characters of what a name stands for: `x = x.next` is not followed for ever."""
_HANDLERS = ("AssistantEventHandler", "AsyncAssistantEventHandler")


def uses(text: str) -> Iterator[Use]:
    """Uses in a Python file; one that Python cannot parse is one use of kind ``broken``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the file's own, such as an invalid escape
            tree = ast.parse(text)
    except SyntaxError as error:
        yield Use("broken", f"Python cannot parse it: {error.msg}", error.lineno or 1)
        return
    except (ValueError, RecursionError, MemoryError) as error:
        yield Use("broken", f"Python cannot parse it: {error or type(error).__name__}", 1)
        return
    reader = _Reader(text)
    try:
        reader.visit(tree)
        # Once more: now it is known what functions above find in the names below them.
        reader.found.clear()
        reader.visit(tree)
    except RecursionError:
        yield Use("broken", "it is nested too deeply to be read", 1)
    yield from reader.found


class _Reader(ast.NodeVisitor):
    """Walks the tree in the order of the file, knowing what each name stands for at that place."""

    def __init__(self, text: str) -> None:
        self.found: list[Use] = []
        self._text = text
        # ast counts columns in bytes of UTF-8.
        self._lines = [line.encode("utf-8", "surrogatepass") for line in _split(text)]
        self._starts = [0, *accumulate(len(line) for line in _split(text))]
        self._scopes: list[dict[str, str]] = [{}]
        self._fields: dict[str, str] = {}
        self._inside = ""
        self._loops = 0
        self._handler = False
        self._chained: set[ast.AST] = set()

    # names ---------------------------------------------------------------------------------------

    def chain(self, node: ast.AST) -> str | None:
        """What an expression is, as far as names say: ``client.beta.threads.create().id``; ``None`` for others."""
        match node:
            case ast.Name(id=name):
                return next((scope[name] for scope in reversed(self._scopes) if name in scope), name)
            case ast.Attribute(value=value, attr=attr):
                owner = self.chain(value)
                if attr in _AROUND:
                    return owner
                written = None if owner is None else f"{owner}.{attr}"
                return self._fields.get(written or "", written)
            case ast.Call(func=ast.Name(id="getattr"), args=[value, ast.Constant(value=str(attr)), *_]):
                owner = self.chain(value)
                return None if owner is None else f"{owner}.{attr}"
            case ast.Call(func=function):
                called = self.chain(function)
                # A copy of a client with other options is a client.
                if called and called.endswith((".with_options", ".copy")):
                    return called.rpartition(".")[0]
                return None if called is None else f"{called}()"
            case ast.Subscript(value=value):
                owner = self.chain(value)
                return None if owner is None else f"{owner}[]"
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return self.chain(value)
        return None

    def _bind(self, target: ast.AST, meaning: str | None) -> None:
        meaning = meaning if meaning is None or len(meaning) <= _LONGEST else None
        if isinstance(target, ast.Name):
            self._scopes[-1][target.id] = meaning if meaning is not None else target.id
        elif isinstance(target, ast.Attribute) and meaning is not None:
            owner = self.chain(target.value)
            if owner is not None:
                self._fields[f"{owner}.{target.attr}"] = meaning

    # statements ----------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._scopes[-1][alias.asname or alias.name.split(".")[0]] = (
                alias.name if alias.asname else alias.name.split(".")[0]
            )
            self._add(Use("import", alias.name, node.lineno))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            name = f"{node.module or ''}.{alias.name}".lstrip(".")
            self._scopes[-1][alias.asname or alias.name] = name if node.level == 0 else alias.name
            if node.level == 0:
                self._add(Use("import", name, alias.lineno))

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)
            self._bind(target, self.chain(node.value))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
        self._bind(node.target, self.chain(node.value) if node.value is not None else self._instance(node.annotation))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._bind(node.target, self.chain(node.value))

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, self.chain(item.context_expr))
        self._all(node.body)

    visit_AsyncWith = visit_With

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        source = self.chain(node.iter)
        self._bind(node.target, None if source is None else f"{source}[]")
        self._all(node.body)
        self._all(node.orelse)

    visit_AsyncFor = visit_For

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self.visit(node.iter)
        source = self.chain(node.iter)
        self._bind(node.target, None if source is None else f"{source}[]")
        self._all(node.ifs)

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self._all(node.generators)
        self.visit(node.elt)

    visit_SetComp = visit_ListComp
    visit_GeneratorExp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._all(node.generators)
        self.visit(node.key)
        self.visit(node.value)

    def visit_While(self, node: ast.While) -> None:
        self._loops += 1
        self.generic_visit(node)
        self._loops -= 1

    def visit_FunctionDef(self, node: _FUNCTION) -> None:
        self._all(node.decorator_list)
        if self._handler and node.name.startswith("on_"):
            self._add(Use("handler", node.name.removeprefix("on_"), node.lineno))
        self._scopes.append({})
        held, self._loops = self._loops, 0
        arguments = node.args
        self._all([*arguments.defaults, *(value for value in arguments.kw_defaults if value is not None)])
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if argument.annotation is not None:
                self.visit(argument.annotation)
            self._bind(ast.Name(argument.arg), self._instance(argument.annotation))
        if node.returns is not None:
            self.visit(node.returns)
        self._all(node.body)
        self._loops = held
        self._scopes.pop()

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._all(node.decorator_list)
        held = self._handler
        self._handler = any((self.chain(one) or "").rpartition(".")[2] in _HANDLERS for one in node.bases)
        for one in node.bases:
            if name := self.chain(one):
                self._add(Use("attribute", name, one.lineno))
        self._scopes.append({})
        self._all(node.body)
        self._scopes.pop()
        self._handler = held

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring is not code
            self.generic_visit(node)

    # expressions ---------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        name = self.chain(node.func)
        if name == "getattr" and (read := self.chain(node)) is not None and not read.endswith("()"):
            self._add(Use("attribute", read, node.lineno, inside=self._inside))
        if name is not None:
            named = [keyword for keyword in node.keywords if keyword.arg is not None]
            hidden = len(named) < len(node.keywords) or any(isinstance(one, ast.Starred) for one in node.args)
            self._add(
                Use(
                    "call",
                    name,
                    getattr(node.func, "end_lineno", node.lineno) or node.lineno,
                    inside=self._inside,
                    near=frozenset([*(str(keyword.arg) for keyword in named), *(["**"] if hidden else [])]),
                    positional=len(node.args),
                    looped=self._loops > 0,
                    parts=self._parts(node.func),
                    keywords=tuple(self._keyword(keyword) for keyword in named),
                    opening=self._text.find("(", self._offset(node.func.end_lineno, node.func.end_col_offset)) + 1,
                )
            )
        if isinstance(node.func, ast.Attribute):
            self._chained.add(node.func)
        self.visit(node.func)
        held = self._inside
        self._inside = name or held
        self._all(node.args)
        for keyword in node.keywords:
            if keyword.arg is not None:
                self._key(keyword.arg, keyword.value, keyword.lineno, frozenset())
            self._below(keyword.arg, keyword.value)
        self._inside = held

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self.chain(node)
        if node not in self._chained and name is not None:
            self._add(Use("attribute", name, node.end_lineno or node.lineno, inside=self._inside))
        for below in _owners(node):
            self._chained.add(below)
        self.visit(node.value)

    def visit_Dict(self, node: ast.Dict) -> None:
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        near = frozenset(str(key) for key in keys if key is not None) | (frozenset(["**"]) if None in keys else set())
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self._key(key.value, value, key.lineno, near)
                self._below(key.value, value)
                continue
            if key is not None:
                self.visit(key)
            self.visit(value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._string(node.value, node.lineno)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pieces = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
        self._string("".join(pieces), node.lineno)
        self._all([part for part in node.values if isinstance(part, ast.FormattedValue)])

    # what is found -------------------------------------------------------------------------------

    def _key(self, name: str, value: ast.AST, line: int, near: frozenset[str]) -> None:
        self._add(Use("key", name, line, inside=self._inside, near=near))
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            self._add(Use("pair", f"{name}={value.value}", line, inside=self._inside, near=near))

    def _below(self, key: str | None, value: ast.AST) -> None:
        held = self._inside
        self._inside = f"{held}>{key}" if key is not None else held
        self.visit(value)
        self._inside = held

    def _string(self, text: str, line: int) -> None:
        for use in in_string(text, line):
            self._add(use)
        if len(text) < 40 and text.isidentifier():
            self._add(Use("text", text, line, inside=self._inside))

    def _add(self, use: Use) -> None:
        self.found.append(use)

    def _all(self, nodes: list[ast.expr] | list[ast.stmt] | list[ast.comprehension] | list[ast.FormattedValue]) -> None:
        for node in nodes:
            self.visit(node)

    def _instance(self, annotation: ast.AST | None) -> str | None:
        """What a variable of this type is: ``client: OpenAI`` is the result of ``OpenAI()``."""
        name = None if annotation is None else self.chain(annotation)
        return f"{name}()" if name is not None and name.startswith("openai.") else None

    def _parts(self, node: ast.AST) -> tuple[Part, ...]:
        parts: list[Part] = []
        while isinstance(node, ast.Attribute):
            end = self._offset(node.end_lineno, node.end_col_offset)
            parts.append(Part(node.attr, end - len(node.attr), end))
            node = node.value
        if isinstance(node, ast.Name):
            end = self._offset(node.end_lineno, node.end_col_offset)
            parts.append(Part(node.id, end - len(node.id), end))
        return tuple(reversed(parts))

    def _keyword(self, keyword: ast.keyword) -> Part:
        start = self._offset(keyword.lineno, keyword.col_offset)
        return Part(str(keyword.arg), start, start + len(str(keyword.arg)))

    def _offset(self, line: int | None, column: int | None) -> int:
        number = (line or 1) - 1
        return self._starts[number] + len(self._lines[number][: column or 0].decode("utf-8", "surrogatepass"))


def _split(text: str) -> list[str]:
    """Lines as Python counts them, with their ends: a form feed or U+2028 does not end one."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z|\Z", text)


def _owners(node: ast.Attribute) -> Iterator[ast.AST]:
    """The attributes that ``node`` is read from, as far as they are one chain."""
    value: ast.AST = node.value
    while isinstance(value, ast.Attribute | ast.Subscript):
        yield value
        value = value.value
