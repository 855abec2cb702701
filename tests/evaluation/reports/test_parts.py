"""Excerpts, plots and wording: what the templates are handed."""

from __future__ import annotations

import dataclasses
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.outcome import Outcome
from evaluation.reports import eval_report
from evaluation.reports.excerpt import Excerpt, Mark, cut, excerpt
from evaluation.reports.page import visible
from evaluation.reports.plots import axis, histogram
from evaluation.reports.questions import room_for
from evaluation.reports.wording import amount, gap, money, name_of, seconds
from evaluation.summary import summarise
from tests.evaluation.reports.worlds import HOSTILE, found, gold_and_run

TEXT = "One sentence here. Another one there, and more. " * 40
_NUMBERS = st.floats(-1e6, 1e6, allow_nan=False, allow_infinity=False)


@st.composite
def marks(draw: st.DrawFn) -> list[Mark]:
    made = []
    for number in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(TEXT) - 1))
        end = draw(st.integers(start + 1, min(len(TEXT), start + 300)))
        made.append(Mark(start, end, f"hit {number}", draw(st.booleans())))
    return made


def _whole(found: Excerpt) -> str:
    return "".join(one.text for one in found.segments)


@given(marks(), st.integers(20, 300))
def test_an_excerpt_is_the_documents_text_with_exactly_the_spans_marked(spans: list[Mark], around: int) -> None:
    made = excerpt(TEXT, spans, around, longest=10_000)
    assert _whole(made) == TEXT[made.before : len(TEXT) - made.after]
    at = made.before
    for one in made.segments:
        for place in range(at, at + len(one.text)):
            over = [mark for mark in spans if mark.start <= place < mark.end]
            assert one.gold == any(mark.gold for mark in over)
            assert one.retrieved == any(not mark.gold for mark in over)
        at += len(one.text)


@given(marks(), st.integers(20, 300), st.integers(50, 400))
def test_all_gold_is_in_the_excerpt_however_long_the_text(spans: list[Mark], around: int, longest: int) -> None:
    made = excerpt(TEXT, spans, around, longest=longest)
    last = len(TEXT) - made.after
    assert all(made.before <= mark.start and mark.end <= last for mark in spans if mark.gold)
    assert len(_whole(made)) + sum(one.left_out for one in made.segments) == last - made.before
    assert all(len(one.text) <= longest for one in made.segments)


@given(marks())
def test_each_mark_that_ends_in_sight_opens_and_closes_once(spans: list[Mark]) -> None:
    made = excerpt(TEXT, spans, 50, longest=10_000)
    last = len(TEXT) - made.after
    opened = [label for one in made.segments for label in one.opens]
    closed = [label for one in made.segments for label in one.closes]
    shown = [mark for mark in spans if mark.start < last and mark.end > made.before]
    assert sorted(opened) == sorted(mark.label for mark in shown)
    assert sorted(closed) == sorted(mark.label for mark in shown if mark.end <= last)


@given(marks(), st.integers(60, 700))
def test_a_cut_text_keeps_its_first_gold_and_stays_about_as_short_as_asked(spans: list[Mark], most: int) -> None:
    made = cut(TEXT, spans, most)
    gold = [mark for mark in spans if mark.gold]
    if gold:
        assert any(one.gold for one in made.segments)
    else:
        assert len(_whole(made)) <= most


@given(_NUMBERS, _NUMBERS)
def test_an_axis_covers_its_values_in_a_few_even_steps(one: float, other: float) -> None:
    low, high = sorted((one, other))
    made = axis("", low, high)
    tolerance = 1e-6 * max(1.0, abs(low), abs(high))
    assert made.low <= low + tolerance and made.high >= high - tolerance
    assert 2 <= len(made.ticks) <= 9
    steps = [b - a for a, b in zip(made.ticks, made.ticks[1:], strict=False)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-3) for step in steps)


@given(st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=300))
def test_a_histogram_counts_every_value_once(values: list[float]) -> None:
    bins = histogram(values)
    assert sum(count for *_, count in bins) == len(values)
    assert all(start < end for start, end, _ in bins)


@given(st.integers(1, 5000), st.integers(0, 20))
def test_room_for_a_question_never_runs_out(n: int, hits: int) -> None:
    one = Outcome("x", tuple(found(0, 50) for _ in range(hits)))
    room = room_for([one] * n)
    assert 1 <= room.questions <= n and room.text >= 80 and room.around >= 90 and room.hits >= 1


def test_unseen_characters_are_shown() -> None:
    assert visible("a\u202eb\u2066c\x00d\te\nf\r\n") == "a[U+202E]b[U+2066]c␀d\te\nf\n"
    assert visible("שלום\u200f مرحبا") == "שלום\u200f مرحبا"


def test_figures_for_people() -> None:
    assert [amount(0.9125), amount(431.2, "context_tokens"), amount(0.0124, "seconds"), amount(None)] == [
        "91.2%", "431", "12 ms", "–",
    ]  # fmt: skip
    assert [gap(0.031), gap(-12.0, "context_tokens")] == ["+3.1", "−12"]
    assert [name_of("ndcg@10"), name_of("context_recall")] == ["nDCG@10", "context recall"]
    assert [money(0.00213, "USD"), money(None, "USD"), money(12.5, "EUR")] == [
        "USD 0.0021",
        "no price known",
        "EUR 12.50",
    ]
    assert seconds(1.234) == "1.23 s"


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=60)
    | st.sampled_from(["</script>", "{{ 1 }}", HOSTILE])
)
@settings(max_examples=30)
def test_any_text_is_shown_as_it_is_and_adds_no_element(text: str) -> None:
    from lxml import html

    gold, run = gold_and_run()
    plain = html.document_fromstring(eval_report(run, gold, summarise(run, gold)))
    cases = (dataclasses.replace(gold.cases[0], question=text, answer=text, tags=(text,)), *gold.cases[1:])
    gold = dataclasses.replace(gold, cases=cases)
    page = html.document_fromstring(eval_report(run, gold, summarise(run, gold)))
    asked = page.xpath("//details[@id='q1']//*[@class='ask']")[0].text_content()
    assert asked == visible(text)
    assert {one.tag for one in page.iter()} <= {one.tag for one in plain.iter()} | {"blockquote", "details", "summary"}
    assert len(page.xpath("//script")) == 1 and len(page.xpath("//style")) == 1
