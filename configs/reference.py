"""Writes ``docs/configuration.md`` from the schema: every key, its type, its default and the reason for it.

``python -m configs.reference > docs/configuration.md`` writes it again; a test checks that it was done.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Collection, Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from configs.schema import BUILT_IN_CHUNKERS, Config, Defaults, PluginChunker

_INTRODUCTION = """\
# Configuration

Everything a shelf does is set in one YAML file. This page lists every key; it is written from `configs/schema.py` by
`python -m configs.reference`.

- **Paths** (`path`, and models written `./x`, `../x` or `~/x`) start at the YAML file's folder.
- **Variables**: `${NAME}` in a value is looked for in the environment, in a `.env` file beside the YAML, then in
  `/run/secrets/NAME`; `${NAME:-default}` has a default, and `$${` is a literal `${`. An empty value counts as missing.
  Such values are masked in logs and errors, except at keys named `path`. A disabled source may lack its variables.
- **Defaults and sources**: a source starts from `defaults` and may override any key of it, section by section. A
  `chunker` with another `type` replaces the default one; with the same type its keys are merged. `visibility` and lists
  are replaced.
- **Mistakes**: unknown keys, wrong types and impossible combinations are all reported at once, with file and line.
- A connector's own keys (`path`, `url`, `key`...) stand beside the others in its source, or below `options` where a
  name is taken: `metadata` of a `csv` source is the same for each row; its columns are `options: {metadata: ...}`.
- Limits: 1 MB, 50,000 values, 40 levels; no custom tags, no duplicate keys.
"""
_WORDS = {str: "text", int: "whole number", float: "number", bool: "true/false", SecretStr: "secret", Any: "anything"}


def render() -> str:
    """The whole page as Markdown."""
    return "\n".join([_INTRODUCTION, *_section("Top level", Config, ()), *_chunkers()])


def table_of(model: type[BaseModel], *, without: Collection[str] = ()) -> list[str]:
    """A table of the keys of ``model``: name, type, default, description; sections below it are one row each."""
    rows = [_row(name, field) for name, field in model.model_fields.items() if name not in without]
    return ["| Key | Type | Default | |", "|---|---|---|---|", *rows]


def _section(heading: str, model: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    """A heading, the model's docstring, a table of its plain keys, then the sections below it."""
    below: list[tuple[tuple[str, ...], type[BaseModel]]] = []
    rows = []
    # What a source takes from the defaults is described there.
    inherited = set(Defaults.model_fields) if path == ("sources", "<name>") else set()
    for name, field in model.model_fields.items():
        if name in inherited or (inherited and name == "name") or name == "chunker":
            continue
        inner, many = _model_of(field.annotation)
        if inner is None:
            rows.append(_row(name, field))
        else:
            below.append(((*path, name, "<name>") if many else (*path, name), inner))
    yield f"## {heading}"
    yield ""
    yield inspect.cleandoc(model.__doc__ or "").replace("``", "`")
    yield ""
    if rows:
        yield from ("| Key | Type | Default | |", "|---|---|---|---|", *rows, "")
    if "chunker" in model.model_fields and not inherited:
        yield from ("`chunker`: see [chunkers](#chunkers).", "")
    if inherited:
        yield from ("And any key of `defaults`: " + ", ".join(f"`{name}`" for name in sorted(inherited)) + ".", "")
    for where, inner in below:
        yield from _section(f"`{'.'.join(where)}`", inner, where)


def _chunkers() -> Iterator[str]:
    yield from ("## Chunkers", "", "`chunker: {type: ...}` with the keys of that type. The default is `heading`.", "")
    models: dict[str, type[BaseModel]] = {**BUILT_IN_CHUNKERS, "a plug-in's name": PluginChunker}
    for name, model in models.items():
        yield from (f"### `{name}`", "", inspect.cleandoc(model.__doc__ or "").replace("``", "`"), "")
        rows = [_row(key, field) for key, field in model.model_fields.items() if key != "type"]
        if rows:
            yield from ("| Key | Type | Default | |", "|---|---|---|---|", *rows, "")


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{name}`", _type(field.annotation, field), _default(field), field.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(annotation: Any, field: FieldInfo | None = None) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in args)
    if origin in (Union, types.UnionType):
        text = " or ".join(dict.fromkeys(_type(arg) for arg in args if arg is not type(None)))
    elif origin is list:
        text = f"list of {_type(args[0])}"
    elif origin is dict:
        text = f"mapping to {_type(args[1])}"
    elif hasattr(annotation, "__metadata__"):
        text = _type(args[0])
    else:
        text = _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())
    return text + _limits(field.metadata if field else [])


def _limits(metadata: list[Any]) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    found = [
        f"{word} {getattr(limit, key):,.10g}"
        for limit in metadata
        for key, word in words.items()
        if getattr(limit, key, None) is not None
    ]
    return f", {', '.join(found)}" if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True, validated_data={})
    match value:
        case None:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case "":
            return "empty"
        case [] | {}:
            return "empty"
        case list():
            return f"`[{', '.join(map(str, value))}]`"
        case _:
            return f"`{value}`"


def _model_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The section that a key holds, and whether it holds many by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return _model_of(args[1])[0], True
    if origin in (Union, types.UnionType):
        models = [arg for arg in args if isinstance(arg, type) and issubclass(arg, BaseModel)]
        return (models[0], False) if len(models) == 1 else (None, False)
    return None, False


if __name__ == "__main__":
    sys.stdout.write(render())
