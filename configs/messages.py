"""Turns pydantic's errors into one sentence each, without ever repeating a secret."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from configs.secrets import MASK, Hidden
from configs.yaml_lines import KeyPath


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the key it is about, and the rest of the sentence."""

    path: KeyPath
    text: str


_EXPECTED = {
    "string": "text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping of keys to values",
    "mapping": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "date": "a date such as 2026-01-31",
    "datetime": "a date and time",
    "url": "a URL",
}
_LIMITS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_SECRET_KEY = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)


def problems_of(
    error: ValidationError, raw: Any, *, model: type[BaseModel] | None = None, known: Collection[str] = ()
) -> list[Problem]:
    """The problems behind ``error``, at most one for each key.

    Args:
        raw: the value that was validated, to find what was given and which part of a location is a real key.
        model: what it was validated against, for suggestions.
        known: further keys worth suggesting, where there is no model.
    """
    grouped: dict[KeyPath, list[ErrorDetails]] = defaultdict(list)
    for detail in error.errors(include_url=False, include_context=True):
        grouped[_real_path(detail, raw)].append(detail)
    return [Problem(path, _sentence(path, details, raw, model, known)) for path, details in grouped.items()]


def suggestion(word: str, known: Iterable[str]) -> str:
    """`` Did you mean x?`` for the known word that is most like ``word``, otherwise nothing."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def dotted(path: KeyPath) -> str:
    """``("sources", "faq", "include", 0)`` as ``sources.faq.include[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def given(value: object, path: KeyPath) -> str:
    """What stands there, in words; only its kind where it may be a secret."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case Hidden():
            return "a text from ${...} (not shown)"
        case SecretStr():
            return "a secret (not shown)"
    kind = "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else "value"
    kind = "date" if isinstance(value, date) else kind
    if any(isinstance(part, str) and _SECRET_KEY.search(part) for part in path):
        return f"a {kind} (not shown)"
    shown = str(value)
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    return f"the {kind} {shown!r}" if kind == "text" else f"the {kind} {shown}"


def _sentence(
    path: KeyPath, details: list[ErrorDetails], raw: Any, model: type[BaseModel] | None, known: Collection[str]
) -> str:
    first = details[0]
    kind = first["type"]
    value = _at(raw, path)
    if kind == "extra_forbidden":
        return _unknown_key(path, model, known)
    if kind == "missing":
        return f"is missing. It holds {_purpose(path, model)}"
    if kind in ("value_error", "assertion_error"):
        cause = first.get("ctx", {}).get("error")
        return f"is impossible: {_masked(str(cause) if cause else first['msg'], value)}."
    if len(details) == 1 and kind in _LIMITS:
        key, words = _LIMITS[kind]
        return f"must be {words} {first['ctx'][key]:g}, not {given(value, path)}."
    expected = list(dict.fromkeys(filter(None, map(_expected, details))))
    if not expected:
        return f"is wrong: {_masked(first['msg'], value)}."
    literals = [word for detail in details if detail["type"] == "literal_error" for word in _literals(detail)]
    hint = suggestion(value, literals) if type(value) is str else ""
    return f"must be {' or '.join(expected)}, not {given(value, path)}.{hint}"


def _unknown_key(path: KeyPath, model: type[BaseModel] | None, known: Collection[str]) -> str:
    word = str(path[-1])
    siblings = [*_fields_at(model, path[:-1]), *known]
    hint = suggestion(word, siblings)
    if not hint and model is not None and len(path) == 1:
        homes = [section for section in model.model_fields if word in _fields_at(model, (section,))]
        hint = f" It belongs under {homes[0]}." if homes else ""
    if not hint and 0 < len(siblings) <= 12:
        hint = f" Known here: {', '.join(sorted(set(siblings)))}."
    return f"is not a known key.{hint}"


def _expected(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "literal_error":
        return " or ".join(_literals(detail))
    for suffix in ("_type", "_parsing", "_from_float", "_parsing_size", "_from_date_parsing"):
        if kind.endswith(suffix):
            return _EXPECTED.get(kind.removesuffix(suffix), "")
    return _EXPECTED.get(kind, "")


def _literals(detail: ErrorDetails) -> list[str]:
    return re.findall(r"'([^']*)'", str(detail["ctx"]["expected"]))


def _purpose(path: KeyPath, model: type[BaseModel] | None) -> str:
    for candidate in _models_at(model, path[:-1]):
        field = candidate.model_fields.get(str(path[-1]))
        if field and field.description:
            return field.description[0].lower() + field.description[1:]
    return "a value that has no default."


def _masked(text: str, value: object) -> str:
    """``text`` without any filled-in value that is at or below the key it is about."""
    for hidden in sorted(_hidden_in(value), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(hidden)}(?!\w)", MASK, text)
    return text.rstrip(".")


def _hidden_in(value: object) -> list[str]:
    if isinstance(value, Hidden):
        return [str(value)] if value else []
    if isinstance(value, SecretStr):
        return [value.get_secret_value()]
    if isinstance(value, Mapping):
        return [found for item in value.values() for found in _hidden_in(item)]
    if isinstance(value, list | tuple):
        return [found for item in value for found in _hidden_in(item)]
    return []


def _real_path(detail: ErrorDetails, raw: Any) -> KeyPath:
    """The part of pydantic's location that is keys of the YAML (unions add their members' names)."""
    path: list[str | int] = []
    for part in detail["loc"]:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            break
        path.append(part)
    if detail["type"] == "missing":
        path.append(detail["loc"][-1])
    return tuple(path)


def _at(raw: Any, path: KeyPath) -> Any:
    for part in path:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def _fields_at(model: type[BaseModel] | None, path: KeyPath) -> list[str]:
    return [name for candidate in _models_at(model, path) for name in candidate.model_fields]


def _models_at(model: type[BaseModel] | None, path: KeyPath) -> list[type[BaseModel]]:
    """The models that may stand at ``path`` of ``model``."""
    current: list[Any] = [model] if model else []
    for part in path:
        below: list[Any] = []
        for annotation in current:
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                field = annotation.model_fields.get(str(part))
                below += _alternatives(field.annotation) if field else []
            else:  # a dict or list: its values, whatever the key
                below += _alternatives(get_args(annotation)[-1]) if get_args(annotation) else []
        current = below
    return [one for one in current if isinstance(one, type) and issubclass(one, BaseModel)]


def _alternatives(annotation: Any) -> list[Any]:
    """The members of a union, flattened; anything else as it is."""
    origin = getattr(annotation, "__origin__", None)
    if origin is not None or isinstance(annotation, type):
        return [annotation]
    members = get_args(annotation)
    return [inner for member in members for inner in _alternatives(member)] if members else []
