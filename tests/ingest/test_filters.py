"""The filter language: three spellings of one meaning, and one sentence for what is malformed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import FilterError
from ingest.filters import MAX_DEPTH, MAX_TERMS, All, AnyOf, Comparison, epoch, parse_filter

NEW_YEAR = 1767225600.0


def test_the_three_spellings_mean_the_same() -> None:
    expected = All((Comparison("source", "eq", "faq"), Comparison("price", "lt", 20)))
    assert parse_filter({"source": "faq", "price": {"lt": 20}}) == expected
    assert parse_filter({"and": [{"source": {"eq": "faq"}}, {"price": {"lt": 20}}]}) == expected
    openai = [{"type": "eq", "key": "source", "value": "faq"}, {"type": "lt", "key": "price", "value": 20}]
    assert parse_filter({"type": "and", "filters": openai}) == expected


def test_nothing_is_no_filter() -> None:
    assert parse_filter(None) is None
    assert parse_filter({}) is None


def test_a_list_is_in_and_two_operators_are_both() -> None:
    assert parse_filter({"a": ["x", "y"]}) == Comparison("a", "in", ("x", "y"), (None, None))
    assert parse_filter({"a": {"gte": 1, "lt": 3}}) == All((Comparison("a", "gte", 1), Comparison("a", "lt", 3)))


def test_groups_nest() -> None:
    assert parse_filter({"or": [{"a": 1, "b": 2}, {"and": [{"c": 3}]}]}) == AnyOf(
        (All((Comparison("a", "eq", 1), Comparison("b", "eq", 2))), All((Comparison("c", "eq", 3),)))
    )


def test_a_key_called_type_is_a_key_unless_openais_words_are_with_it() -> None:
    assert parse_filter({"type": "boot"}) == Comparison("type", "eq", "boot")
    assert parse_filter({"type": "eq", "key": "a"}) == All(
        (Comparison("type", "eq", "eq"), Comparison("key", "eq", "a"))
    )


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (date(2026, 1, 1), NEW_YEAR),
        (datetime(2026, 1, 1), NEW_YEAR),
        (datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), NEW_YEAR),
        ("2026-01-01", NEW_YEAR),
        ("2026-01-01T00:00:00Z", NEW_YEAR),
        ("2026-01-01T01:00:00+01:00", NEW_YEAR),
        ("20260101", None),
        ("2026-13-01", None),
        ("not a date at all", None),
        (1767225600, None),
        (True, None),
        (None, None),
    ],
)
def test_dates_are_points_in_time(value: object, moment: float | None) -> None:
    assert epoch(value) == moment


@given(
    st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))]),
        min_value=datetime(2, 1, 1),
        max_value=datetime(9998, 1, 1),
    )
)
def test_a_datetime_and_its_iso_text_are_the_same_moment(moment: datetime) -> None:
    assert epoch(moment) == epoch(moment.isoformat()) == moment.timestamp()
    parsed = parse_filter({"at": {"gte": moment}})
    assert isinstance(parsed, Comparison)
    assert (parsed.value, parsed.moment) == (moment.isoformat(), moment.timestamp())


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"a": {"like": "x"}}, "'like' is no filter operator .*eq, ne, gt"),
        ({"type": "like", "key": "a", "value": 1}, "'like' is no filter operator"),
        ({"a": {}}, "empty part"),
        ({"and": []}, "non-empty list"),
        ({"or": "a"}, "non-empty list"),
        ({"and": {"a": 1}}, "non-empty list"),
        ({"and": [1]}, "a mapping, not 1"),
        ({"type": "and", "filters": None}, "non-empty list"),
        ({"a": []}, "non-empty list"),
        ({"a": {"in": "xyz"}}, "non-empty list"),
        ({"a": {"nin": []}}, "non-empty list"),
        ({"a": None}, "no text, number, truth value or date"),
        ({"a": {"eq": [1]}}, "no text, number"),
        ({"a": [["x"]]}, "no text, number"),
        ({"a": {"gt": "x"}}, "compares numbers and dates"),
        ({"a": {"lte": True}}, "compares numbers and dates"),
        ({"a": float("nan")}, "NaN"),
        ({"a": "\ud800"}, "lone surrogate"),
        ({"": 1}, "plain name"),
        ({'a"b': 1}, "plain name"),
        ({"\ud800": 1}, "plain name"),
        ({1: 1}, "plain name"),
        ({"a": list(range(MAX_TERMS + 1))}, "more than 500 terms"),
        ({"or": [{"a": 1}] * (MAX_TERMS + 1)}, "more than 500 terms"),
    ],
)
def test_a_malformed_filter_names_its_part(raw: dict, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        parse_filter(raw)


def test_nesting_is_bounded() -> None:
    raw: dict = {"a": 1}
    for _ in range(MAX_DEPTH):
        raw = {"and": [raw]}
    assert parse_filter(raw)
    with pytest.raises(FilterError, match="deeper than 10"):
        parse_filter({"and": [raw]})
