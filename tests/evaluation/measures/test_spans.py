"""Span measures: the figures of Chroma's own code on any ranges, and what they mean across documents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.measures.spans import Span, covered_share, precision_omega, span_scores

Range = tuple[int, int]
HERE, THERE = ("kb", "here.md"), ("kb", "there.md")

ranges = st.tuples(st.integers(0, 40), st.integers(1, 15)).map(lambda pair: (pair[0], pair[0] + pair[1]))
some = st.lists(ranges, min_size=1, max_size=5)
any_number = st.lists(ranges, max_size=6)


def spans(of: list[Range], document: tuple[str, str] = HERE) -> list[Span]:
    return [Span(document, start, end) for start, end in of]


# --- the published definitions, written down a second time: over ranges, piece by piece, as there -----------


def total(of: list[Range]) -> int:
    return sum(end - start for start, end in of)


def joined(of: list[Range]) -> list[Range]:
    out: list[Range] = []
    for start, end in sorted(of):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def without(of: list[Range], cut: Range) -> list[Range]:
    out = []
    for start, end in of:
        if end < cut[0] or start > cut[1]:
            out.append((start, end))
            continue
        if start < cut[0]:
            out.append((start, cut[0]))
        if end > cut[1]:
            out.append((cut[1], end))
    return out


def matched(chunks: list[Range], references: list[Range]) -> tuple[list[Range], list[Range], list[Range]]:
    """Covered parts; chunks that meet a reference (end to end counts), each character once; references left over."""
    numerator: list[Range] = []
    meeting: list[Range] = []
    unused = list(references)
    for chunk in chunks:
        for reference in references:
            common = max(chunk[0], reference[0]), min(chunk[1], reference[1])
            if common[0] <= common[1]:
                unused = without(unused, common)
                numerator = joined([common, *numerator])
                meeting = joined([chunk, *meeting])
    return numerator, meeting, unused


def published(chunks: list[Range], references: list[Range]) -> tuple[float, float, float]:
    """Recall, precision, IoU; theirs divides by zero where nothing is retrieved."""
    numerator, _, unused = matched(chunks, references)
    covered, given = total(numerator), total(chunks)
    return covered / total(references), covered / given if given else 0.0, covered / (given + total(unused))


def published_omega(chunks: list[Range], references: list[Range]) -> float:
    numerator, meeting, unused = matched(chunks, references)
    return total(numerator) / total(joined([*meeting, *unused])) if numerator else 0.0


# --- the same figures ---------------------------------------------------------------------------------------


@given(any_number, some)
def test_recall_precision_and_iou_are_the_published_ones(chunks: list[Range], references: list[Range]) -> None:
    assert span_scores(spans(chunks), spans(references)) == published(chunks, references)


@given(any_number, some)
def test_precision_omega_is_the_published_one(chunks: list[Range], references: list[Range]) -> None:
    assert precision_omega(spans(chunks), spans(references)) == published_omega(chunks, references)


def test_a_case_by_hand() -> None:
    """Quotes 10–20 and 30–40; chunks 0–15, 10–25 overlap in 10–15, which precision counts twice and recall once."""
    scores = span_scores(spans([(0, 15), (10, 25)]), spans([(10, 20), (30, 40)]))
    assert scores == (10 / 20, 10 / 30, 10 / (30 + 10))
    # All chunks: 0–15, 10–25, 25–45, and 45–60 that touches nothing. Union of the first three: 45 characters.
    assert precision_omega(spans([(0, 15), (10, 25), (25, 45), (45, 60)]), spans([(10, 20), (30, 40)])) == 20 / 45


# --- what they mean -----------------------------------------------------------------------------------------


@given(any_number, some)
def test_all_are_shares_and_iou_is_the_smallest(chunks: list[Range], references: list[Range]) -> None:
    scores = span_scores(spans(chunks), spans(references))
    share = covered_share(spans(chunks), spans(references))
    assert all(0 <= value <= 1 for value in (*scores, share, precision_omega(spans(chunks), spans(references))))
    assert scores.iou <= scores.precision
    if joined(references) == sorted(references):
        assert scores.recall == pytest.approx(share)
        assert scores.iou <= scores.recall + 1e-12


@given(any_number, any_number, some)
def test_another_chunk_never_lowers_what_is_covered(one: list[Range], more: list[Range], gold: list[Range]) -> None:
    for measure in (
        lambda chunks: span_scores(chunks, spans(gold)).recall,
        lambda chunks: covered_share(chunks, spans(gold)),
    ):
        assert measure(spans(one)) <= measure(spans([*one, *more]))


@given(any_number, some, st.randoms(use_true_random=False))
def test_the_order_of_chunks_and_quotes_does_not_matter(chunks: list[Range], gold: list[Range], random: object) -> None:
    mixed, quotes = list(chunks), list(gold)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    random.shuffle(quotes)  # type: ignore[attr-defined]
    assert span_scores(spans(mixed), spans(quotes)) == span_scores(spans(chunks), spans(gold))
    assert precision_omega(spans(mixed), spans(quotes)) == precision_omega(spans(chunks), spans(gold))


@given(some)
def test_the_quotes_themselves_are_perfect(gold: list[Range]) -> None:
    merged = spans(joined(gold))
    assert span_scores(merged, merged) == (1, 1, 1)
    assert precision_omega(merged, merged) == 1
    assert covered_share(merged, spans(gold)) == 1


@given(any_number, some, any_number)
def test_another_document_only_costs_precision(chunks: list[Range], gold: list[Range], other: list[Range]) -> None:
    alone, beside = (
        span_scores(spans(chunks), spans(gold)),
        span_scores(spans(chunks) + spans(other, THERE), spans(gold)),
    )
    assert beside.recall == alone.recall
    assert beside.precision <= alone.precision and beside.iou <= alone.iou
    assert precision_omega(spans(chunks) + spans(other, THERE), spans(gold)) == precision_omega(
        spans(chunks), spans(gold)
    )


@given(any_number, some, any_number, some)
def test_documents_add_up(here: list[Range], gold: list[Range], there: list[Range], other: list[Range]) -> None:
    """Two documents are as one in which the second stands far behind the first."""
    apart = [(start + 1000, end + 1000) for start, end in there], [(start + 1000, end + 1000) for start, end in other]
    scores = span_scores(spans(here) + spans(there, THERE), spans(gold) + spans(other, THERE))
    assert scores == published(here + apart[0], gold + apart[1])
    omega = precision_omega(spans(here) + spans(there, THERE), spans(gold) + spans(other, THERE))
    assert omega == published_omega(here + apart[0], gold + apart[1])


def test_the_same_id_in_another_source_is_another_document() -> None:
    assert span_scores(spans([(0, 10)], ("wiki", "here.md")), spans([(0, 10)])) == (0, 0, 0)
    assert covered_share(spans([(0, 10)], ("wiki", "here.md")), spans([(0, 10)])) == 0


def test_without_a_quote_there_is_nothing_to_measure() -> None:
    for measure in (span_scores, covered_share):
        with pytest.raises(ValueError, match="reference"):
            measure(spans([(0, 10)]), [])
    assert precision_omega(spans([(0, 10)]), []) == 0
