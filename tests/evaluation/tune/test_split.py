"""The halves of the gold: nothing lost, nothing in both, and the same whatever the order of the file."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evaluation.case import Case, Gold, Relevant
from evaluation.tune.split import split

cases = st.lists(
    st.builds(
        lambda number, answerable, document: Case(
            id=f"q{number}",
            question=f"Question {number}?",
            answerable=answerable,
            documents=(Relevant(f"d{document}"),) if answerable else (),
        ),
        st.integers(0, 400),
        st.booleans(),
        st.integers(0, 12),
    ),
    unique_by=lambda case: case.id,
    max_size=80,
)
shares = st.floats(0, 0.9)


def gold(found: list[Case]) -> Gold:
    return Gold("gold", tuple(found), "f")


@given(cases, shares, st.integers(0, 5))
def test_every_case_is_on_one_side_and_the_share_is_exact(found: list[Case], share: float, seed: int) -> None:
    tuning, held = split(gold(found), share, seed)
    assert sorted(case.id for case in (*tuning.cases, *held.cases)) == sorted(case.id for case in found)
    for answerable in (True, False):
        of_kind = [case for case in found if case.answerable is answerable]
        taken = [case for case in held.cases if case.answerable is answerable]
        assert abs(len(taken) - share * len(of_kind)) <= 0.5 + 1e-9


@given(cases, shares, st.integers(0, 5), st.sampled_from(["case", "document"]))
def test_the_order_of_the_file_does_not_matter(found: list[Case], share: float, seed: int, by: str) -> None:
    _, one = split(gold(found), share, seed, by)  # type: ignore[arg-type]
    _, other = split(gold(found[::-1]), share, seed, by)  # type: ignore[arg-type]
    assert {case.id for case in one.cases} == {case.id for case in other.cases}


@given(cases, shares, st.integers(0, 5))
def test_by_document_no_document_is_on_both_sides(found: list[Case], share: float, seed: int) -> None:
    tuning, held = split(gold(found), share, seed, "document")
    here = {document for case in tuning.cases for document in case.relevant()}
    there = {document for case in held.cases for document in case.relevant()}
    assert not here & there


def test_another_seed_holds_others_out() -> None:
    found = [Case(f"q{i}", "?") for i in range(50)]
    sides = {frozenset(case.id for case in split(gold(found), 0.5, seed)[1].cases) for seed in range(4)}
    assert len(sides) == 4
