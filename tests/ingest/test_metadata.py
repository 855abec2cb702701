"""Metadata into the ledger and back exactly; beside a vector it narrows and never excludes what is right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from configs.errors import IngestError
from ingest.document import Document
from ingest.filters import All, AnyOf, Filter, parse_filter
from ingest.metadata import (
    MAX_GROUPS,
    MAX_ITEMS,
    MAX_KEYS,
    MAX_TEXT,
    decode_metadata,
    encode_metadata,
    store_filter,
    vector_metadata,
)
from tests.ingest.ledger.test_where import FILTERS, GROUPS, METADATA, known_of, meant

VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(),
    st.datetimes(min_value=datetime(1800, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.lists(st.text(max_size=5), max_size=3),
)


@given(st.dictionaries(st.text(min_size=1, max_size=10), VALUES, max_size=6))
@example({"at": datetime(2026, 1, 1, tzinfo=UTC), "day": date(2026, 1, 1), "n": 1, "x": 1.0, "b": True})
def test_what_goes_in_comes_out(metadata: dict[str, Any]) -> None:
    flat, dates = encode_metadata(metadata)
    through_json = json.loads(json.dumps(flat))
    back = decode_metadata(through_json, dates)
    assert back == metadata
    assert {key: type(value) for key, value in back.items()} == {key: type(value) for key, value in metadata.items()}


def test_a_moment_without_a_zone_is_utc() -> None:
    flat, dates = encode_metadata(
        {"a": datetime(2026, 1, 1), "b": datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))}
    )
    assert flat["a"] == flat["b"]
    assert decode_metadata(flat, dates)["a"] == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": "x" * (MAX_TEXT + 1)},
        {"a": ["x"] * (MAX_ITEMS + 1)},
        {"a": [1]},
        {"a": None},
        {"a": {"b": 1}},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": 2**63},
        {"": "x"},
        {"k" * 201: "x"},
        {1: "x"},
        {str(n): n for n in range(MAX_KEYS + 1)},
    ],
)
def test_what_cannot_be_filtered_is_refused(metadata: dict[Any, Any]) -> None:
    with pytest.raises(IngestError) as caught:
        encode_metadata(metadata)
    assert len(str(caught.value)) < 500


def document(metadata: Mapping[str, Any], **fields: Any) -> Document:
    given_fields = {"id": "0", "source": "faq", "title": "0", "text": "", "elements": ()}
    return Document(**{**given_fields, **fields}, metadata=metadata)


def beside_matches(filter: Filter | bool, beside: Mapping[str, Any]) -> bool:
    """How a vector store reads a filter: scalars of the same kind, a missing key matches nothing."""
    if isinstance(filter, bool):
        return filter
    if isinstance(filter, All):
        return all(beside_matches(part, beside) for part in filter.parts)
    if isinstance(filter, AnyOf):
        return any(beside_matches(part, beside) for part in filter.parts)
    stored, value = beside.get(filter.key), filter.value
    assert not isinstance(value, tuple)
    if type(stored) is not type(value):
        return False
    return {
        "eq": lambda: stored == value,
        "gt": lambda: stored > value,
        "gte": lambda: stored >= value,
        "lt": lambda: stored < value,
        "lte": lambda: stored <= value,
    }[filter.operator]()


@settings(max_examples=400, deadline=None)
@given(METADATA, FILTERS, st.sampled_from(["en", None]), st.none() | GROUPS, st.none() | GROUPS)
def test_narrowing_never_excludes_what_the_filter_lets_through(
    metadata: dict[str, Any],
    raw: dict[str, Any],
    language: str | None,
    readers: frozenset[str] | None,
    viewer: frozenset[str] | None,
) -> None:
    item = {"metadata": metadata, "title": None, "url": None, "language": language}
    beside = vector_metadata(document(metadata, language=language, readers=readers))
    narrowed = store_filter(parse_filter(raw), viewer, source="faq")
    allowed = viewer is None or readers is None or bool(readers & viewer)
    if meant(raw, known_of(0, item)) and allowed:
        assert beside_matches(narrowed, beside)
    if viewer is not None and not allowed and isinstance(narrowed, bool):
        assert narrowed is False


@given(METADATA, st.none() | GROUPS)
def test_beside_a_vector_are_scalars_only(metadata: dict[str, Any], readers: frozenset[str] | None) -> None:
    beside = vector_metadata(document(metadata, readers=readers))
    assert all(type(value) in (str, float, bool) for value in beside.values())
    assert (beside.get("unrestricted") is True) == (readers is None)


@pytest.mark.parametrize("key", ["#", "#1", "$ref", "chroma:document"])
def test_keys_that_chroma_keeps_for_itself_stay_away_from_it_and_filter_all_the_same(key: str) -> None:
    assert key not in vector_metadata(document({key: "a", "kind": "b"}, readers=None))
    assert store_filter(parse_filter({key: "a"}), None, source="faq") is True


def test_metadata_cannot_forge_who_may_read() -> None:
    forged = {"unrestricted": True, "reader:staff": True, "source": "other", "document_id": "x", "language": "xx"}
    beside = vector_metadata(document(forged, readers=frozenset(), language="fr"))
    assert "unrestricted" not in beside
    assert (beside["source"], beside["document_id"], beside["language"]) == ("faq", "0", "fr")


def test_another_source_has_nothing_to_search() -> None:
    assert store_filter(parse_filter({"source": "other"}), None, source="faq") is False
    assert store_filter(parse_filter({"source": ["other", "faq"]}), None, source="faq") is True
    assert store_filter(parse_filter({"source": {"ne": "faq"}}), None, source="faq") is False
    assert store_filter(parse_filter({"and": [{"source": "other"}, {"a": 1}]}), None, source="faq") is False
    assert store_filter(None, None, source="faq") is True


def test_a_viewer_of_many_groups_is_left_to_the_ledger() -> None:
    assert store_filter(None, [f"g{n}" for n in range(MAX_GROUPS + 1)], source="faq") is True
    assert store_filter(None, [f"g{n}" for n in range(MAX_GROUPS)], source="faq") is not True
