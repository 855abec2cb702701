"""Filters in SQL give what a plain reading of their meaning gives; visibility is denied by default."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from configs.errors import FilterError
from ingest.filters import MAX_TERMS, parse_filter
from ingest.ledger import Ledger, flips
from ingest.ledger.tables import builds as build_table
from ingest.ledger.tables import documents
from ingest.ledger.where import ALL_GROUPS, Groups, clause
from tests.ingest.ledger.shelving import indexed, new_build

FIELDS = ("source", "document_id", "title", "url", "language", "media_type")


@contextmanager
def shelf(items: list[dict[str, Any]]) -> Iterator[Connection]:
    """A ledger that holds one document for each of ``items``, named by its number."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder))
        try:
            with ledger.writing() as connection:
                build = new_build(connection)
                made = [indexed(build, str(number), **item) for number, item in enumerate(items)]
                flips.flip(connection, build, made, [], cursor=None, visible=True)
            with ledger.reading() as connection:
                yield connection
        finally:
            ledger.close()


def found(connection: Connection, raw: Mapping[str, Any] | None, groups: Groups = ALL_GROUPS) -> set[int]:
    rows = connection.execute(
        select(documents.c.document_id)
        .join(build_table, build_table.c.id == documents.c.build)
        .where(clause(parse_filter(raw), groups))
    )
    return {int(row.document_id) for row in rows}


# The oracle: the meaning of a filter as `ingest/filters.py` says it, over the metadata that was given.


def seconds(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) >= 10 else None
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    return None


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(stored: object, wanted: object) -> bool:
    if isinstance(stored, date):
        at = seconds(wanted)
        return (
            seconds(stored) == (wanted if is_number(wanted) else at) if at is not None or is_number(wanted) else False
        )
    text = wanted.isoformat() if isinstance(wanted, date) else wanted
    if isinstance(stored, list):
        return text in stored
    if isinstance(stored, bool) or isinstance(text, bool):
        return isinstance(stored, bool) and isinstance(text, bool) and stored == text
    return is_number(stored) == is_number(text) and stored == text


def ordered(operator: str, stored: object, wanted: object) -> bool:
    left = seconds(stored) if isinstance(stored, date) else stored if is_number(stored) else None
    if left is None or (not is_number(wanted) and not isinstance(stored, date)):
        return False
    right = wanted if is_number(wanted) else seconds(wanted)
    return {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[operator]


def holds(known: Mapping[str, Any], key: str, operator: str, wanted: Any) -> bool:
    if operator in ("ne", "nin"):
        return not holds(known, key, {"ne": "eq", "nin": "in"}[operator], wanted)
    if known.get(key) is None:
        return False
    if operator == "in":
        return any(equal(known[key], item) for item in wanted)
    return (
        equal(known[key], wanted) if operator == "eq" else key not in FIELDS and ordered(operator, known[key], wanted)
    )


def meant(raw: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a document matches; a filter of several keys is an ``and``."""
    results = []
    for key, value in raw.items():
        if key in ("and", "or"):
            results.append((all if key == "and" else any)(meant(part, known) for part in value))
        else:
            results += [holds(known, key, operator, wanted) for operator, wanted in value.items()]
    return all(results)


KEYS = st.sampled_from(["a", "b", "c.d", "language", "title", "url"])
MOMENTS = st.sampled_from(
    [
        date(2026, 1, 1),
        date(1969, 12, 31),
        datetime(2026, 1, 1),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 1, 1, 0, 0, 0, 500000),
    ]
)
TEXTS = st.sampled_from(["", "x", "X", "é", "1", "true", "2026-01-01", "2026-01-01T00:00:00", "q\"'%", "en", "a\\b"])
NUMBERS = st.sampled_from([0, 1, -1, 1.0, 1.5, 0.1 + 0.2, 2**53 + 1, 2**63 - 1, -(2**63), 1e300, 5e-324, 1767225600])
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), MOMENTS)
METADATA = st.dictionaries(
    st.sampled_from(["a", "b", "c.d", "title", 'k"q']), st.one_of(SCALARS, st.lists(TEXTS, max_size=3)), max_size=3
)
COMPARISONS = st.one_of(
    st.tuples(KEYS, st.sampled_from(["eq", "ne"]), SCALARS),
    st.tuples(KEYS, st.sampled_from(["in", "nin"]), st.lists(SCALARS, min_size=1, max_size=3)),
    st.tuples(KEYS, st.sampled_from(["gt", "gte", "lt", "lte"]), st.one_of(NUMBERS, MOMENTS, st.just("2026-01-01"))),
).map(lambda parts: {parts[0]: {parts[1]: parts[2]}})
FILTERS = st.recursive(
    COMPARISONS,
    lambda parts: st.tuples(st.sampled_from(["and", "or"]), st.lists(parts, min_size=1, max_size=3)).map(
        lambda pair: {pair[0]: pair[1]}
    ),
    max_leaves=6,
)


def known_of(number: int, item: Mapping[str, Any]) -> dict[str, Any]:
    name = str(number)
    fields = {
        "source": "faq",
        "document_id": name,
        "title": item["title"] or name,
        "url": item["url"],
        "language": item["language"],
        "media_type": "text/plain",
    }
    return {**item["metadata"], **fields}


ITEMS = st.lists(
    st.fixed_dictionaries(
        {
            "metadata": METADATA,
            "language": st.sampled_from(["en", "fr", None]),
            "title": st.sampled_from(["x", "é", None]),
            "url": st.sampled_from([None, "x"]),
        }
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=200)
@given(ITEMS, st.lists(FILTERS, min_size=1, max_size=12))
@example([{"metadata": {"a": [""]}, "language": None, "title": None, "url": None}], [{"a": {"ne": "x"}}])
def test_sql_finds_what_the_filter_means(items: list[dict[str, Any]], filters: list[dict[str, Any]]) -> None:
    with shelf(items) as connection:
        for raw in filters:
            expected = {number for number, item in enumerate(items) if meant(raw, known_of(number, item))}
            assert found(connection, raw) == expected, raw


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_numbers_are_found_exactly(numbers: list[float]) -> None:
    with shelf([{"metadata": {"n": number}} for number in numbers]) as connection:
        for number in numbers:
            assert found(connection, {"n": number}) == {i for i, other in enumerate(numbers) if other == number}
            assert found(connection, {"n": {"lt": number}}) == {i for i, o in enumerate(numbers) if o < number}


GROUPS = st.frozensets(st.sampled_from(["agents", "staff", 'o"ne', "é"]), max_size=3)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.none() | GROUPS, min_size=1, max_size=6), st.lists(st.none() | GROUPS, min_size=1, max_size=4))
def test_who_may_see_what(readers: list[frozenset[str] | None], viewers: list[frozenset[str] | None]) -> None:
    with shelf([{"readers": groups} for groups in readers]) as connection:
        for viewer in viewers:
            expected = {i for i, groups in enumerate(readers) if groups is None or groups & (viewer or frozenset())}
            assert found(connection, None, viewer) == expected
            # No filter widens what a viewer sees.
            assert found(connection, {"or": [{"a": {"ne": "x"}}, {"source": "faq"}]}, viewer) == expected
        assert found(connection, None, ALL_GROUPS) == set(range(len(readers)))


def test_a_document_for_nobody_is_seen_by_no_viewer() -> None:
    with shelf([{"readers": frozenset()}]) as connection:
        for viewer in (None, frozenset(), frozenset({"agents"})):
            assert found(connection, None, viewer) == set()


def test_many_groups_or_values_are_no_problem() -> None:
    with shelf([{"readers": frozenset({"g7"}), "metadata": {"n": 7}}]) as connection:
        assert found(connection, None, frozenset(f"g{n}" for n in range(50_000))) == {0}
        assert found(connection, {"n": list(range(MAX_TERMS))}, frozenset({"g7"})) == {0}
        assert found(connection, {"n": {"nin": list(range(MAX_TERMS))}}, frozenset({"g7"})) == set()
        assert found(connection, {"or": [{"n": number} for number in range(MAX_TERMS)]}) == {0}
        assert found(connection, {"and": [{"n": {"lte": number + 7}} for number in range(MAX_TERMS)]}) == {0}


@pytest.mark.parametrize("operator", ["eq", "ne", "gt", "gte", "lt", "lte"])
@pytest.mark.parametrize("value", [10**30, -(10**30), 10**400, -(10**400), 2**63, float("inf"), float("-inf")])
def test_a_number_beyond_what_is_stored_is_compared_and_no_crash(operator: str, value: float) -> None:
    known = [1, 2**63 - 1, -(2**63), 1.5]
    with shelf([{"metadata": {"n": number}} for number in known]) as connection:
        expected = {i for i, number in enumerate(known) if meant({"n": {operator: value}}, {"n": number})}
        assert found(connection, {"n": {operator: value}}) == expected


@pytest.mark.parametrize("value", ["\ud800", "a\0b"])
def test_text_that_no_database_holds_matches_nothing_or_is_refused(value: str) -> None:
    with shelf([{"metadata": {"t": "a"}}]) as connection:
        try:
            assert found(connection, {"t": value}) == set()
            assert found(connection, {"t": {"ne": value}}) == {0}
        except FilterError:
            pass


def test_what_looks_like_sql_is_a_value() -> None:
    with shelf([{"metadata": {"t": "x' OR 1=1 --"}}, {"metadata": {"t": "y"}}]) as connection:
        assert found(connection, {"t": "x' OR 1=1 --"}) == {0}
        assert found(connection, {"t'; DROP TABLE documents; --": 1}) == set()
        assert found(connection, {"t": "y"}) == {1}
