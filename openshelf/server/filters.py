"""OpenAI's filters over attributes, on their way to the shelf's own filters over metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from configs.errors import FilterError
from ingest.filters import MAX_DEPTH, OPERATORS, parse_filter
from openshelf.server.attached import key_in_metadata

_EXAMPLE = 'For example {"type": "eq", "key": "language", "value": "en"}.'


def check(raw: Any) -> None:
    """See that a filter is one of OpenAI's comparison and compound filters, all the way down.

    Raises:
        FilterError: it is not.
    """
    _check(raw, 0)
    parse_filter(raw)


def translated(raw: Mapping[str, Any], uploaded: Sequence[str], *, both: bool) -> Mapping[str, Any]:
    """A checked filter in which an attribute called like a field of the ledger (``title``) means the attribute.

    Args:
        uploaded: the sources made over HTTP.
        both: sources of the YAML are searched too; there such a name means the field.
    """
    if raw["type"] in ("and", "or"):
        return {**raw, "filters": [translated(part, uploaded, both=both) for part in raw["filters"]]}
    key = key_in_metadata(raw["key"])
    if key == raw["key"] or not uploaded:
        return raw
    attribute = {**raw, "key": key}
    if not both:
        return attribute
    among = {"type": "in", "key": "source", "value": list(uploaded)}
    elsewhere = {"type": "nin", "key": "source", "value": list(uploaded)}
    here, there = [among, attribute], [elsewhere, raw]
    return {"type": "or", "filters": [{"type": "and", "filters": here}, {"type": "and", "filters": there}]}


def _check(raw: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise FilterError(f"The filter is nested deeper than {MAX_DEPTH} levels.")
    if not isinstance(raw, Mapping):
        raise FilterError(f"A filter is an object, not {str(raw)[:80]!r}.", hint=_EXAMPLE)
    if raw.get("type") in ("and", "or"):
        parts = raw.get("filters")
        if not isinstance(parts, list) or not parts or raw.keys() != {"type", "filters"}:
            raise FilterError("A compound filter has a type and a list of filters that is not empty.", hint=_EXAMPLE)
        for part in parts:
            _check(part, depth + 1)
        return
    if raw.keys() != {"type", "key", "value"} or raw["type"] not in OPERATORS or not isinstance(raw["key"], str):
        kinds = ", ".join((*OPERATORS, "and", "or"))
        raise FilterError(f"A comparison has a type ({kinds}), a key and a value.", hint=_EXAMPLE)
