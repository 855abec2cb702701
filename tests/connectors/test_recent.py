"""What an overlap repeats is known."""

from __future__ import annotations

import json

from connectors.recent import Recent


def test_what_was_delivered_is_known_by_its_stamp() -> None:
    recent = Recent()
    recent.note("a", 3, 100.0)
    assert recent.known("a", 3)
    assert not recent.known("a", 4)
    assert not recent.known("b", 3)
    recent.note("a", 4, 101.0)
    assert recent.known("a", 4)
    assert not recent.known("a", 3)


def test_no_stamp_is_a_stamp_too() -> None:
    recent = Recent()
    assert not recent.known("a", None)
    recent.note("a", None, 1.0)
    assert recent.known("a", None)


def test_what_failed_is_forgotten() -> None:
    recent = Recent()
    recent.note("a", 3, 100.0)
    recent.forget("a")
    recent.forget("never seen")
    assert not recent.known("a", 3)


def test_only_the_edge_is_kept() -> None:
    recent = Recent()
    for moment in range(10):
        recent.note(str(moment), moment, moment)
    recent.trim(7)
    assert list(recent.state) == ["7", "8", "9"]


def test_it_survives_in_a_cursor() -> None:
    recent = Recent()
    recent.note("a", [1, "x"], 100)
    again = Recent(json.loads(json.dumps(recent.state)))
    assert again.known("a", [1, "x"])
    again.trim(100.5)
    assert again.state == {}
    assert recent.state == {"a": [[1, "x"], 100]}
