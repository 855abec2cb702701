"""Uses in JavaScript and TypeScript, by tree-sitter's parser. Names come in Python's spelling."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from configs.errors import MissingExtra
from openshelf.migrate.text_code import in_string
from openshelf.migrate.uses import Part, Use, snake

if TYPE_CHECKING:
    from tree_sitter import Node

_SAME = ("await_expression", "parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression")
_FUNCTIONS = (
    "function_declaration",
    "function_expression",
    "arrow_function",
    "method_definition",
    "generator_function",
    "generator_function_declaration",
)
_QUOTES = "\"'"
_LONGEST = 300


def uses(text: str, *, typed: bool) -> Iterator[Use]:
    """Uses in a script. What the parser does not understand is one use of kind ``broken``; the rest is read.

    Args:
        typed: TypeScript without JSX, where ``<Thing>value`` is a type.

    Raises:
        MissingExtra: the parser is not installed.
    """
    try:
        import tree_sitter_typescript
        from tree_sitter import Language, Parser
    except ImportError as error:
        raise MissingExtra("Reading JavaScript and TypeScript", "migrate") from error
    grammar = tree_sitter_typescript.language_typescript() if typed else tree_sitter_typescript.language_tsx()
    tree = Parser(Language(grammar)).parse(text.encode("utf-8", "replace"))
    reader = _Reader(text)
    try:
        reader.visit(tree.root_node)
        reader.found.clear()
        reader.visit(tree.root_node)
    except RecursionError:
        yield Use("broken", "it is nested too deeply to be read", 1)
    yield from reader.found
    if tree.root_node.has_error and (wrong := _first_error(tree.root_node)) is not None:
        yield Use("broken", "the parser does not understand it", wrong.start_point.row + 1)


class _Reader:
    """Walks the tree in the order of the file, knowing what each name stands for at that place."""

    def __init__(self, text: str) -> None:
        self.found: list[Use] = []
        self._ends = None if text.isascii() else list(accumulate(len(one.encode("utf-8", "replace")) for one in text))
        self._scopes: list[dict[str, str]] = [{}]
        self._fields: dict[str, str] = {}
        self._inside = ""
        self._loops = 0

    # names ---------------------------------------------------------------------------------------

    def chain(self, node: Node | None) -> str | None:
        """What an expression is, as far as names say; ``None`` for others."""
        if node is None:
            return None
        if node.type in ("identifier", "type_identifier", "this"):
            name = _text(node)
            return next((scope[name] for scope in reversed(self._scopes) if name in scope), name)
        if node.type in _SAME:
            return self.chain(node.named_children[0]) if node.named_children else None
        if node.type in ("member_expression", "nested_identifier", "nested_type_identifier"):
            owner, last = _sides(node)
            before = self.chain(owner)
            written = None if before is None or last is None else f"{before}.{snake(_text(last))}"
            return self._fields.get(written or "", written)
        if node.type == "subscript_expression":
            before = self.chain(node.child_by_field_name("object"))
            return None if before is None else f"{before}[]"
        if node.type in ("call_expression", "new_expression"):
            called = self.chain(node.child_by_field_name("function") or node.child_by_field_name("constructor"))
            if called == "require":
                return _module(_string(_first(node)))
            return None if called is None else f"{called}()"
        return None

    def _bind(self, target: Node | None, meaning: str | None) -> None:
        if target is None:
            return
        meaning = meaning if meaning is None or len(meaning) <= _LONGEST else None
        if target.type in ("identifier", "shorthand_property_identifier_pattern"):
            self._scopes[-1][_text(target)] = _text(target) if meaning is None else meaning
        elif target.type == "object_pattern" and meaning is not None:
            for child in target.named_children:
                if child.type == "shorthand_property_identifier_pattern":
                    self._bind(child, f"{meaning}.{snake(_text(child))}")
                elif child.type == "pair_pattern":
                    key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
                    self._bind(value, None if key is None else f"{meaning}.{snake(_text(key))}")
        elif target.type == "member_expression" and meaning is not None:
            owner, last = _sides(target)
            before = self.chain(owner)
            if before is not None and last is not None:
                self._fields[f"{before}.{snake(_text(last))}"] = meaning

    # the walk ------------------------------------------------------------------------------------

    def visit(self, node: Node) -> None:
        """Read a node and what is below it."""
        held = self._inside, self._loops
        scoped = node.type in _FUNCTIONS
        if scoped:
            self._scopes.append({})
            self._loops = 0
        elif node.type in ("while_statement", "do_statement"):
            self._loops += 1
        skip = self._enter(node)
        for child in node.named_children:
            if child.type != "comment" and (skip is None or child.id not in skip):
                self.visit(child)
        self._leave(node)
        self._inside, self._loops = held
        if scoped:
            self._scopes.pop()

    def _enter(self, node: Node) -> set[int] | None:
        """What is found at a node; ids of the children that are not to be read."""
        kind = node.type
        if kind == "import_statement":
            self._import(node)
            return {child.id for child in node.named_children}
        if kind in ("call_expression", "new_expression"):
            function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
            if function is not None:
                self._call(node, function)
                # What the function itself is called on is no argument.
                self.visit_owner(function)
                self._inside = self.chain(function) or self._inside
                return {function.id}
        if kind in ("member_expression", "nested_type_identifier"):
            self._note("attribute", self.chain(node), node)
            owner = _sides(node)[0]
            if owner is not None:
                self.visit_owner(owner)
            return {child.id for child in node.named_children}
        if kind == "object":
            self._object(node)
        if kind == "pair" and (key := node.child_by_field_name("key")) is not None:
            self._inside = f"{self._inside}>{_text(key).strip(_QUOTES)}"
        if kind in ("string", "template_string"):
            self._words(node)
        if kind in ("for_in_statement",):
            source = self.chain(node.child_by_field_name("right"))
            self._bind(node.child_by_field_name("left"), None if source is None else f"{source}[]")
        if kind in ("required_parameter", "optional_parameter"):
            annotation = node.child_by_field_name("type")
            name = self.chain(annotation.named_children[0]) if annotation and annotation.named_children else None
            instance = f"{name}()" if name is not None and name.startswith("openai.") else None
            self._bind(node.child_by_field_name("pattern"), instance)
        return None

    def visit_owner(self, node: Node) -> None:
        """Read what a chain of names is read from: its calls and brackets, not the names again."""
        if node.type in ("member_expression", "nested_type_identifier"):
            owner = _sides(node)[0]
            if owner is not None:
                self.visit_owner(owner)
        elif node.type == "subscript_expression" or node.type in _SAME:
            for child in node.named_children:
                self.visit_owner(child)
        else:
            self.visit(node)

    def _leave(self, node: Node) -> None:
        if node.type == "variable_declarator":
            self._bind(node.child_by_field_name("name"), self.chain(node.child_by_field_name("value")))
        elif node.type == "assignment_expression":
            self._bind(node.child_by_field_name("left"), self.chain(node.child_by_field_name("right")))
        elif node.type in ("public_field_definition", "field_definition"):
            name = node.child_by_field_name("name") or node.child_by_field_name("property")
            meaning = self.chain(node.child_by_field_name("value"))
            if name is not None and meaning is not None:
                self._fields[f"this.{snake(_text(name))}"] = meaning

    # what is found -------------------------------------------------------------------------------

    def _import(self, node: Node) -> None:
        source = _string(node.child_by_field_name("source"))
        for child in _below(node):
            if child.type == "import_specifier":
                name, alias = child.child_by_field_name("name"), child.child_by_field_name("alias")
                if name is not None:
                    whole = f"{source}.{_text(name)}"
                    self._scopes[-1][_text(alias or name)] = whole if source.startswith("openai") else _text(name)
                    self._note("import", whole, child)
            elif child.type in ("import_clause", "namespace_import"):
                for own in child.named_children:
                    if own.type == "identifier":
                        self._scopes[-1][_text(own)] = _module(source) or _text(own)
                        self._note("import", _module(source) or source, own)

    def _call(self, node: Node, function: Node) -> None:
        name = self.chain(function)
        if name is None:
            return
        arguments = node.child_by_field_name("arguments")
        given = [one for one in (arguments.named_children if arguments else []) if one.type != "comment"]
        keywords, positional, hidden = [], 0, False
        for one in given:
            if one.type == "object":
                for entry in one.named_children:
                    key = entry.child_by_field_name("key") if entry.type == "pair" else entry
                    if entry.type in ("pair", "shorthand_property_identifier") and key is not None:
                        keywords.append(
                            Part(_text(key).strip(_QUOTES), self._at(key.start_byte), self._at(key.end_byte))
                        )
                    hidden = hidden or entry.type == "spread_element"
            else:
                positional += 1
                hidden = hidden or one.type == "spread_element"
        self.found.append(
            Use(
                "call",
                name,
                function.end_point.row + 1,
                inside=self._inside,
                near=frozenset([*(part.name for part in keywords), *(["**"] if hidden else [])]),
                positional=positional,
                looped=self._loops > 0,
                parts=self._parts(function),
                keywords=tuple(keywords),
                opening=self._at(arguments.start_byte) + 1 if arguments else -1,
            )
        )
        if name.endswith(".on") and ".runs." in name and given and given[0].type == "string":
            self._note("handler", snake(_string(given[0])), given[0])

    def _object(self, node: Node) -> None:
        keys: list[tuple[str, Node, Node | None]] = []
        for entry in node.named_children:
            if entry.type == "pair" and (key := entry.child_by_field_name("key")) is not None:
                keys.append((_text(key).strip(_QUOTES), key, entry.child_by_field_name("value")))
            elif entry.type == "shorthand_property_identifier":
                keys.append((_text(entry), entry, None))
        near = frozenset(name for name, *_ in keys)
        if any(entry.type == "spread_element" for entry in node.named_children):
            near |= {"**"}
        for name, key, value in keys:
            line = key.start_point.row + 1
            self.found.append(Use("key", name, line, inside=self._inside, near=near))
            if value is not None and value.type == "string":
                self.found.append(Use("pair", f"{name}={_string(value)}", line, inside=self._inside, near=near))

    def _words(self, node: Node) -> None:
        text = _string(node)
        self.found.extend(in_string(text, node.start_point.row + 1))
        if len(text) < 40 and text.isidentifier():
            self._note("text", text, node)

    def _note(self, kind: str, name: str | None, node: Node) -> None:
        if name is not None:
            self.found.append(Use(kind, name, node.end_point.row + 1, inside=self._inside))  # type: ignore[arg-type]

    def _parts(self, node: Node) -> tuple[Part, ...]:
        parts: list[Part] = []
        at: Node | None = node
        while at is not None and at.type == "member_expression":
            at, last = _sides(at)
            if last is not None:
                parts.append(Part(snake(_text(last)), self._at(last.start_byte), self._at(last.end_byte)))
        if at is not None and at.type in ("identifier", "this"):
            parts.append(Part(_text(at), self._at(at.start_byte), self._at(at.end_byte)))
        return tuple(reversed(parts))

    def _at(self, byte: int) -> int:
        return byte if self._ends is None else bisect_left(self._ends, byte) + (1 if byte else 0)


def _sides(node: Node) -> tuple[Node | None, Node | None]:
    """Of ``a.b`` both sides, whatever the grammar calls them."""
    aside = ("comment", "optional_chain", "type_arguments")
    names = [child for child in node.named_children if child.type not in aside]
    return (names[0], names[-1]) if len(names) > 1 else (None, None)


def _first(node: Node) -> Node | None:
    arguments = node.child_by_field_name("arguments")
    return arguments.named_children[0] if arguments is not None and arguments.named_children else None


def _module(source: str) -> str | None:
    """What the default export of a module is; of others than ``openai`` nothing is known."""
    return "openai.OpenAI" if source == "openai" else None


def _string(node: Node | None) -> str:
    """A string's text, ``{}`` for what a template puts in."""
    if node is None:
        return ""
    if node.type == "template_string":
        whole, at, pieces = _text(node), node.start_byte, []
        raw = whole.encode("utf-8", "replace")
        last = 0
        for child in node.named_children:
            if child.type == "template_substitution":
                pieces += [raw[last : child.start_byte - at].decode("utf-8", "replace"), "{}"]
                last = child.end_byte - at
        return ("".join(pieces) + raw[last:].decode("utf-8", "replace")).strip("`")
    return _text(node)[1:-1]


def _text(node: Node) -> str:
    return node.text.decode("utf-8", "replace") if node.text is not None else ""


def _below(node: Node) -> Iterator[Node]:
    for child in node.named_children:
        yield child
        yield from _below(child)


def _first_error(node: Node) -> Node | None:
    if node.is_error or node.is_missing:
        return node
    return next((found for child in node.children if child.has_error and (found := _first_error(child))), None) or (
        node if node.has_error and not any(child.has_error for child in node.children) else None
    )
