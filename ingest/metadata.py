"""Metadata on its way into the ledger (JSON, exact) and into a vector store (flat scalars, for narrowing only)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime

from configs.errors import IngestError
from connectors.contract import MetaValue
from ingest.document import Document
from ingest.filters import All, AnyOf, Comparison, Filter, epoch
from ingest.stores.contract import Flat as Flat

FlatValue = str | int | float | bool | list[str]

UNRESTRICTED = "unrestricted"
READER = "reader:"
MAX_KEYS, MAX_KEY, MAX_TEXT, MAX_ITEMS = 200, 200, 20_000, 1000
_EXACT = 2**53  # integers up to here are exact as floats
MAX_GROUPS = 50  # more would make the store's own filter slower than the ledger's
_STORED_FIELDS = ("document_id", "language")
_UNSTORED_FIELDS = ("title", "url", "media_type")  # would weigh on every vector; the ledger filters them
_UNSTORABLE = ("#", "$", "chroma:")
"""How keys start that Chroma keeps for itself; filters on them are left to the ledger."""


def encode_metadata(metadata: Mapping[str, MetaValue]) -> tuple[dict[str, FlatValue], list[str]]:
    """Metadata as JSON values, and the names of the keys that are dates.

    Points in time become seconds since 1970 UTC: an ``int`` for a ``date``, a ``float`` for a ``datetime``, so that
    ``decode_metadata`` can tell them apart.

    Raises:
        IngestError: a value is too large, not finite, or of a type that cannot be filtered.
    """
    if len(metadata) > MAX_KEYS:
        raise IngestError(f"The document has {len(metadata)} metadata keys; at most {MAX_KEYS} are kept.")
    flat: dict[str, FlatValue] = {}
    dates: list[str] = []
    for key, value in metadata.items():
        if not isinstance(key, str) or not key or len(key) > MAX_KEY:
            raise IngestError(f"Metadata key {str(key)[:80]!r} is not a text of 1 to {MAX_KEY} characters.")
        if isinstance(value, date):
            seconds = epoch(value)
            if seconds is None:  # unreachable for a date; keeps the type exact
                raise IngestError(f"Metadata {key!r} is no point in time.")
            flat[key] = seconds if isinstance(value, datetime) else int(seconds)
            dates.append(key)
        else:
            flat[key] = _checked(key, value)
    return flat, dates


def _checked(key: str, value: MetaValue) -> FlatValue:
    match value:
        case bool():
            return value
        case str() if len(value) <= MAX_TEXT:
            return value
        case int() if -(2**63) <= value < 2**63:
            return value
        case float() if math.isfinite(value):
            return value
        case list() if len(value) <= MAX_ITEMS and all(isinstance(v, str) and len(v) <= MAX_TEXT for v in value):
            return list(value)
        case _:
            raise IngestError(
                f"Metadata {key!r} is no text of at most {MAX_TEXT} characters, finite 64-bit number, truth value, "
                f"date or list of at most {MAX_ITEMS} texts: {str(value)[:80]!r}.",
                hint="Map it to a text, or leave it out in the source's metadata settings.",
            )


def decode_metadata(flat: Mapping[str, FlatValue], dates: Collection[str]) -> dict[str, MetaValue]:
    """What ``encode_metadata`` was given; ``datetime`` values come back in UTC."""
    metadata: dict[str, MetaValue] = {}
    for key, value in flat.items():
        if key in dates and isinstance(value, int | float):
            moment = datetime.fromtimestamp(value, UTC)
            metadata[key] = moment if isinstance(value, float) else moment.date()
        else:
            metadata[key] = value
    return metadata


def store_metadata(
    flat: Mapping[str, FlatValue],
    readers: Collection[str] | None,
    *,
    source: str,
    document_id: str,
    language: str | None,
) -> Flat:
    """What goes beside a vector: scalars only, enough for ``store_filter`` to narrow a search.

    Numbers are floats (a store need not compare integers with floats); ``tags: [a, b]`` becomes ``tags:a`` and
    ``tags:b``; readers become ``reader:<group>``, and their absence ``unrestricted``.
    """
    out: dict[str, str | int | float | bool] = {}
    for key, value in flat.items():
        if key.startswith(_UNSTORABLE):
            continue
        if isinstance(value, list):
            out.update({f"{key}:{item}": True for item in value})
        elif isinstance(value, int | float) and not isinstance(value, bool):
            out[key] = float(value)
        else:
            out[key] = value
    for key, field in (("source", source), ("document_id", document_id), ("language", language)):
        out.pop(key, None)
        if field is not None:
            out[key] = field
    out.pop(UNRESTRICTED, None)
    if readers is None:
        out[UNRESTRICTED] = True
    else:
        out.update({f"{READER}{group}": True for group in readers})
    return out


def vector_metadata(document: Document) -> Flat:
    """``store_metadata`` of a parsed document.

    Raises:
        IngestError: see ``encode_metadata``.
    """
    flat, _ = encode_metadata(document.metadata)
    return store_metadata(
        flat, document.readers, source=document.source, document_id=document.id, language=document.language
    )


def store_filter(filter: Filter | None, groups: Collection[str] | None, *, source: str) -> Filter | bool:
    """The part of a filter that a vector store of ``source`` can apply, over ``store_metadata``.

    It never excludes what the ledger would let through, but may let through more: exclusions (``ne``, ``nin``),
    titles, URLs and media types are left to the ledger.

    Args:
        groups: the viewer's groups; ``None`` leaves visibility out (nothing there is restricted, or the viewer may
            see everything).

    Returns:
        A filter of plain scalars; ``True`` for no narrowing; ``False`` when nothing of this source can match.
    """
    parts: list[Filter | bool] = [True if filter is None else _narrow(filter, source)]
    if groups is not None and len(groups) <= MAX_GROUPS:
        # An empty set still sees what is unrestricted.
        parts.append(_any([_is(UNRESTRICTED, True), *(_is(f"{READER}{group}", True) for group in sorted(groups))]))
    return _all(parts)


def _narrow(filter: Filter, source: str) -> Filter | bool:
    if isinstance(filter, All):
        return _all([_narrow(part, source) for part in filter.parts])
    if isinstance(filter, AnyOf):
        return _any([_narrow(part, source) for part in filter.parts])
    values = filter.value if isinstance(filter.value, tuple) else (filter.value,)
    if filter.key == "source":
        found = source in values if filter.operator in ("eq", "in", "ne", "nin") else False
        return found != (filter.operator in ("ne", "nin"))
    if filter.operator in ("ne", "nin") or filter.key in _UNSTORED_FIELDS or filter.key.startswith(_UNSTORABLE):
        return True
    if filter.key == UNRESTRICTED or filter.key.startswith(READER):
        return True
    moments = filter.moment if isinstance(filter.moment, tuple) else (filter.moment,) * len(values)
    if filter.operator in ("eq", "in"):
        return _any([_equal(filter.key, value, moment) for value, moment in zip(values, moments, strict=True)])
    bound = moments[0] if moments[0] is not None else values[0]
    if isinstance(bound, str) or abs(bound) > _EXACT:
        return True
    return Comparison(filter.key, filter.operator, float(bound))


def _equal(key: str, value: str | float | bool, moment: float | None) -> Filter | bool:
    if isinstance(value, bool):
        return _is(key, value)
    if isinstance(value, str):
        if key in _STORED_FIELDS:
            return _is(key, value)  # a field is one text, never a list or a date
        kinds: list[Filter | bool] = [_is(key, value), _is(f"{key}:{value}", True)]
        if moment is not None:
            kinds.append(_is(key, float(moment)))
        return _any(kinds)
    return _is(key, float(value)) if abs(value) <= _EXACT else True


def _is(key: str, value: str | float | bool) -> Filter:
    return Comparison(key, "eq", value)


def _all(parts: list[Filter | bool]) -> Filter | bool:
    if any(part is False for part in parts):
        return False
    kept = tuple(part for part in parts if not isinstance(part, bool))
    return kept[0] if len(kept) == 1 else All(kept) if kept else True


def _any(parts: list[Filter | bool]) -> Filter | bool:
    if any(part is True for part in parts):
        return True
    kept = tuple(part for part in parts if not isinstance(part, bool))
    return kept[0] if len(kept) == 1 else AnyOf(kept) if kept else False
