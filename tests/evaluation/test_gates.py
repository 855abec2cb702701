"""Gates: what they may say, what they are about, and that none passes by measuring nothing."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError
from evaluation.gates import judge, measured, read_gate
from evaluation.summary import Summary, summarise
from tests.evaluation import made

OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise(made.run([1.0, 0.5, 0.3, None]), made.gold(4, language="fr", tags=("a:b", "a>b")))


@given(st.sampled_from(sorted(OPERATORS)), st.floats(0, 1).map(lambda value: round(value, 3)))
def test_a_gate_is_what_its_operator_says(sign: str, value: float) -> None:
    summary = summarise(made.run([1.0, 0.5, 0.3, None]), made.gold(4))
    verdict = judge(read_gate(f"context_recall {sign} {value:.3f}"), summary)
    assert verdict.passed == OPERATORS[sign](0.6, value)
    assert (verdict.found, verdict.n) == (pytest.approx(0.6), 3)


def test_a_mean_that_is_the_bound_passes(summary: Summary) -> None:
    assert judge(read_gate("context_recall>=0.6"), summary).passed
    assert not judge(read_gate("context_recall>0.6"), summary).passed


def test_whatever_is_measured_can_be_gated(summary: Summary) -> None:
    names = measured(summary.overall)
    assert {"context_recall", "context_tokens", "seconds_p50", "seconds_p95", "cost", "errors"} == set(names)
    for name, (value, n) in names.items():
        verdict = judge(read_gate(f"{name}<={value + 1}"), summary)
        assert verdict.passed and (verdict.found, verdict.n) == (value, n)
    assert not judge(read_gate("errors<=0"), summary).passed


@pytest.mark.parametrize("group", ["language=fr", "tag=a:b", "tag=a>b"])
def test_a_gate_may_be_about_a_group(summary: Summary, group: str) -> None:
    gate = read_gate(f"{group}:context_recall>=0.5")
    assert f"{gate.kind}={gate.name}" == group
    assert judge(gate, summary).n == 3


def test_a_verdict_reads_as_one_line(summary: Summary) -> None:
    assert str(judge(read_gate("context_recall>=0.8"), summary)) == "context_recall>=0.8: 0.6 (n=3) FAILED"
    assert str(judge(read_gate("context_recall>=.5"), summary)) == "context_recall>=.5: 0.6 (n=3) passed"


@pytest.mark.parametrize(
    "text",
    ["", "recall@5", ">=0.8", "recall@5=0.8", "recall@5>=", "recall@5>=80%", "recall@5>=0,8", "recall@>=1", "r>=nan",
     "colour=red:recall@5>=0.8", "language=:recall@5>=0.8", "language:fr:recall@5>=0.8", "recall@5>=0.8 and mrr>=1"],
)  # fmt: skip
def test_what_is_no_gate_is_an_error_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="is no gate") as caught:
        read_gate(text)
    assert "recall@5>=0.8" in str(caught.value)


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        assert read_gate(text).operator in OPERATORS
    except ConfigError as error:
        assert "is no gate" in str(error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recall@7>=0.1", "Cut-offs come from --k"),
        ("contxt_recall>=0.1", "context_recall"),
        ("language=de:context_recall>=0.1", "no question has it"),
        ("tag=a:context_recall>=0.1", "no question has it"),
        ("source=kb:context_recall>=0.1", "no question has it"),
    ],
)
def test_a_gate_that_would_measure_nothing_does_not_pass(summary: Summary, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        judge(read_gate(text), summary)
    assert words in str(caught.value)


def test_a_run_in_which_all_failed_passes_no_gate_of_quality() -> None:
    summary = summarise(made.run([None, None]), made.gold(2))
    with pytest.raises(ConfigError, match="does not have"):
        judge(read_gate("context_recall>=0"), summary)
