"""A listing that goes in a circle ends."""

from __future__ import annotations

from datetime import date

import pytest

from configs.errors import ConnectorError, CursorError
from connectors.trail import Trail


def test_new_pages_pass_and_an_old_one_is_an_error() -> None:
    trail = Trail("the vendor's tickets")
    for token in (None, "a", "b", 1, {"x": 1, "y": [2]}):
        trail.step(token)
    with pytest.raises(CursorError, match="the vendor's tickets does not advance") as caught:
        trail.step({"y": [2], "x": 1})
    assert "What was committed stays" in (caught.value.hint or "")
    assert isinstance(caught.value, ConnectorError)


@pytest.mark.parametrize("token", [None, "", "a\ud800", 0, ["a"], date(2025, 1, 1)])
def test_any_token_is_known_again(token: object) -> None:
    trail = Trail("pages")
    trail.step(token)
    with pytest.raises(CursorError):
        trail.step(token)


def test_two_trails_know_nothing_of_each_other() -> None:
    Trail("one").step("a")
    Trail("two").step("a")


def test_text_and_number_are_two_pages() -> None:
    trail = Trail("pages")
    trail.step(1)
    trail.step("1")
