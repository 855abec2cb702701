"""Amounts, dates and codes: the same thing however it is written, another thing wherever it differs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.simulate.facts import facts, names, without


@pytest.mark.parametrize(
    "same",
    [
        ["30 days", "thirty days", "30 jours", "within 30-day", "trente jours"],
        ["£4.95", "4,95 £", "4.95 pounds", "£ 4.95"],
        ["1,250.50 euros", "1 250,50 €", "€1250.50"],
        ["until 17:30", "jusqu'à 17h30", "until 5.30pm", "until 5:30 pm"],
        ["on 12 March", "le 12 mars", "12th March"],
        ["2.5 kg", "2500 g", "2,5 kilos"],
        ["24 months", "2 years", "deux ans"],
        ["30 °C", "30°", "30 degrees"],
        ["GTX-3000", "gtx-3000"],
        ["15%", "15 percent", "15 pour cent"],
    ],
    ids=lambda same: str(same[0]),
)
def test_the_same_amount_is_one_fact(same: list[str]) -> None:
    assert len({(fact.kind, fact.value) for text in same for fact in facts(text)}) == 1
    assert all(len(facts(text)) == 1 for text in same)


@pytest.mark.parametrize(
    ("one", "other"),
    [("30 days", "45 days"), ("£4.95", "€4.95"), ("17:30", "17:00"), ("12 March", "12 April"), ("3 kg", "3 days")],
)
def test_another_amount_is_another_fact(one: str, other: str) -> None:
    assert without(facts(one), facts(other)) == facts(one)


def test_words_and_parts_of_words_are_no_amounts() -> None:
    assert facts("Revision BCDFGH of the guide; version A4x and B2B.") == ()
    assert facts("Is that so? An answer within reason.") == ()


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_read_and_states_what_its_parts_state(one: str, other: str) -> None:
    joined = {(fact.kind, fact.value) for fact in facts(f"{one}\n;\n{other}")}
    assert joined <= {(fact.kind, fact.value) for part in (one, other) for fact in facts(part)}
    assert without(facts(one), facts(one)) == ()


@given(st.integers(0, 10**6), st.integers(0, 99))
def test_amounts_do_not_depend_on_how_a_number_is_grouped(whole: int, part: int) -> None:
    written = [f"{whole:,}.{part:02d} £", f"{whole}.{part:02d} £", f"£{whole:,}.{part:02d}"]
    assert len({fact.value for text in written for fact in facts(text)}) == 1


def test_names_stand_inside_a_sentence() -> None:
    assert names("Repairs are done in our workshop in Hexham. Parcels go with Harrow Parcels.") == {
        "hexham",
        "harrow",
        "parcels",
    }
    assert names("Hello, Repairs are done. Kind regards, Ines") == frozenset()
    assert (
        names("Die Reparatur macht unsere Werkstatt im Ort und der Bote bringt das Paket am Tag darauf.") == frozenset()
    )
