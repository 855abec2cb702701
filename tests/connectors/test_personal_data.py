"""What is taken out of tickets."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from configs.errors import MissingExtra
from connectors.personal_data import PersonalData

ALL = PersonalData(["email", "phone", "card", "iban", "ip"])


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("ann@example.com", "<EMAIL_ADDRESS>"),
        ("Écris à jean.dupont+x@sous.domaine.fr, merci", "Écris à <EMAIL_ADDRESS>, merci"),
        ("Call +33 6 12 34 56 78 or (212) 555-0123.", "Call <PHONE_NUMBER> or <PHONE_NUMBER>."),
        ("電話 03-1234-5678", "電話 <PHONE_NUMBER>"),
        ("card 4111 1111 1111 1111", "card <CREDIT_CARD>"),
        ("My IBAN is FR14 2004 1010 0505 0001 3M02 606.", "My IBAN is <IBAN_CODE>."),
        ("192.168.0.1 and 2001:db8::1", "<IP_ADDRESS> and <IP_ADDRESS>"),
        ("ann@x.org, bob@x.org", "<EMAIL_ADDRESS>, <EMAIL_ADDRESS>"),
    ],
)
def test_what_is_personal_is_replaced_by_its_kind(text: str, redacted: str) -> None:
    assert ALL.redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    ["", " \n", "Where is it?", "a@b", "card 4111 1111 1111 1112", "Order 4711-2024 on 12.03.2024", "version 1.2.3"],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert ALL.redact(text) == text


def test_only_the_kinds_that_are_asked_for_go() -> None:
    text = "ann@x.org or +33 6 12 34 56 78"
    assert PersonalData(["email"]).redact(text) == "<EMAIL_ADDRESS> or +33 6 12 34 56 78"
    assert PersonalData(["phone"]).redact(text) == "ann@x.org or <PHONE_NUMBER>"
    assert PersonalData([]).redact(text) == text


@pytest.mark.parametrize("between", ["\n", " ", ", ", ","])
def test_a_long_text_is_searched_whole(between: str) -> None:
    parts = [f"person{number}@example.com" for number in range(300)]
    assert ALL.redact(between.join(parts)) == between.join(["<EMAIL_ADDRESS>"] * 300)


def test_a_number_with_spaces_is_not_cut_in_a_long_line() -> None:
    for length in range(960, 1010):
        text = f"{'word ' * (length // 5)}{'x' * (length % 5)} card 4111 1111 1111 1111 {'word ' * 300}"
        assert "4111" not in ALL.redact(text)
        assert "<CREDIT_CARD>" in ALL.redact(text)


@pytest.mark.parametrize("part", ["a@b.", "1.", "1 ", "a@", "(1"])
def test_a_hostile_text_takes_no_time(part: str) -> None:
    # By the square of its length it would take minutes, and the test runner would end it.
    ALL.redact(part * (20_000 // len(part)))


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def missing(name: str, *rest: Any) -> Any:
        return None if name == "presidio_analyzer" else find(name, *rest)

    monkeypatch.setattr("importlib.util.find_spec", missing)
    with pytest.raises(MissingExtra, match="redaction"):
        PersonalData(["email"])
    PersonalData([])
