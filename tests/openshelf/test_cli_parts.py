"""The small parts of the command line: filters, settings, JSON, words for numbers, log lines."""

from __future__ import annotations

import json
import logging
import operator
import string
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.schema import TokenChunker
from configs.secrets import Redactor
from ingest.filters import Comparison, parse_filter
from openshelf.cli.filtering import read_filters, read_settings
from openshelf.cli.hits import excerpt
from openshelf.cli.logs import JsonLines
from openshelf.cli.printing import counted, duration, jsonable, moment, money, plain

KEYS = st.text(string.ascii_letters + string.digits + "_-.", min_size=1)
OPERATORS = {"=": "eq", "!=": "ne", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


@given(key=KEYS, sign=st.sampled_from(sorted(OPERATORS)), value=st.integers() | st.floats(-1e9, 1e9))
def test_a_number_in_a_filter_is_the_number_that_was_written(key: str, sign: str, value: float) -> None:
    parsed = parse_filter(read_filters([f"{key}{sign}{value}"], None))
    assert isinstance(parsed, Comparison)
    assert (parsed.key, parsed.operator, parsed.value) == (key, OPERATORS[sign], value)


@given(key=KEYS, value=st.text(string.printable).filter(lambda text: text.strip()[:1] not in ("", "=")))
def test_quoted_text_in_a_filter_is_that_text(key: str, value: str) -> None:
    assert read_filters([f"{key}={json.dumps(value)}"], None) == {key: {"eq": value}}


@pytest.mark.parametrize(
    ("term", "meaning"),
    [
        ("source=faq", {"source": {"eq": "faq"}}),
        (" price <= 9.5 ", {"price": {"lte": 9.5}}),
        ("sku=007", {"sku": {"eq": "007"}}),
        ("sku!=a=b", {"sku": {"ne": "a=b"}}),
        ("released>=2026-01-31", {"released": {"gte": "2026-01-31"}}),
        ("in_stock=true", {"in_stock": {"eq": True}}),
        ('source=["faq", "guide"]', {"source": {"in": ["faq", "guide"]}}),
        ('source!=["faq"]', {"source": {"nin": ["faq"]}}),
        ("note=null", {"note": {"eq": "null"}}),
        ("note=", {"note": {"eq": ""}}),
        ("x=NaN", {"x": {"eq": "NaN"}}),
    ],
)
def test_what_a_filter_term_means(term: str, meaning: dict[str, Any]) -> None:
    assert read_filters([term], None) == meaning


def test_terms_and_json_must_all_hold() -> None:
    assert read_filters([], None) is None
    assert read_filters([], "{}") is None
    assert read_filters(["a=1", "b=2"], '{"c": 3}') == {"and": [{"a": {"eq": 1}}, {"b": {"eq": 2}}, {"c": 3}]}


def test_settings_nest_and_are_json_where_they_can_be() -> None:
    given_ = ["fusion=rrf", "per-document=2", "reranker.model=./m", "reranker.candidates=9", "threshold=0.5"]
    assert read_settings(given_) == {
        "fusion": "rrf",
        "per_document": 2,
        "reranker": {"model": "./m", "candidates": 9},
        "threshold": 0.5,
    }
    for wrong in ("fusion", "=1", "a..b=1"):
        with pytest.raises(click.UsageError, match="KEY=VALUE"):
            read_settings([wrong])
    with pytest.raises(click.UsageError, match="twice"):
        read_settings(["a=1", "a.b=2"])


class _Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class _Thing:
    when: date
    names: frozenset[str]
    colour: _Colour
    path: Path
    inner: Any


def test_everything_that_is_printed_has_a_json_form() -> None:
    thing = _Thing(date(2026, 1, 31), frozenset({"b", "a"}), _Colour.RED, Path("/x"), [TokenChunker(size=9), None, 1.5])
    shown = json.loads(json.dumps(jsonable({"thing": thing, 3: ValueError("no")})))
    assert shown["3"] == "no"
    assert shown["thing"]["when"] == "2026-01-31"
    assert (shown["thing"]["names"], shown["thing"]["colour"], shown["thing"]["path"]) == (["a", "b"], "red", "/x")
    assert shown["thing"]["inner"][0]["size"] == 9


@given(st.text())
def test_plain_text_has_no_control_characters_and_loses_nothing_else(text: str) -> None:
    shown = plain(text)
    assert all(character in "\n\t" or (character >= " " and not "\x7f" <= character <= "\x9f") for character in shown)
    assert shown == "".join(c for c in text if c in "\n\t" or not (c < " " or "\x7f" <= c <= "\x9f"))


@given(st.text(), st.integers(4, 80))
def test_an_excerpt_is_the_beginning_on_one_line(text: str, length: int) -> None:
    shown = excerpt(text, length)
    assert "\n" not in shown and len(shown) <= length + 2
    assert " ".join(plain(text).split()).startswith(shown.removesuffix(" …"))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (duration(0.04), "0.0 s"),
        (duration(59.4), "59 s"),
        (duration(200), "3 min 20 s"),
        (duration(7500), "2 h 5 min"),
        (money(None, "USD"), "unknown (no price is set)"),
        (money(0.0, "EUR"), "0.00 EUR"),
        (money(0.00026, "USD"), "0.0003 USD"),
        (money(1234.5, "USD"), "1,234.50 USD"),
        (counted(1, "document"), "1 document"),
        (counted(1204, "document"), "1,204 documents"),
        (moment(None), "never"),
    ],
)
def test_words_for_numbers(made: str, words: str) -> None:
    assert made == words


def test_a_moment_is_the_same_as_number_and_as_datetime() -> None:
    at = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    assert moment(at) == moment(at.timestamp()) == at.astimezone().strftime("%Y-%m-%d %H:%M")


def test_a_log_line_carries_the_trace_and_the_redactor_masks_it() -> None:
    try:
        operator.truediv(1, 0)
    except ZeroDivisionError as error:
        record = logging.LogRecord("openshelf.x", logging.ERROR, "f", 1, "key %s", ("s3cret-s3cret",), None)
        record.exc_info = (type(error), error, error.__traceback__)
    Redactor(["s3cret-s3cret"]).filter(record)
    line = json.loads(JsonLines().format(record))
    assert (line["level"], line["logger"], line["message"]) == ("error", "openshelf.x", "key ***")
    assert "ZeroDivisionError" in line["trace"]
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
