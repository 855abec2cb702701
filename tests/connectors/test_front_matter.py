"""What documents say of themselves: front matter, titles and languages, tickets as JSON."""

from __future__ import annotations

import json
from datetime import date

import pytest

from connectors.conversation import read_conversation
from connectors.front_matter import About, split_front_matter
from connectors.titles import title_and_language
from connectors.version import digest


def test_front_matter_is_taken_off_and_read() -> None:
    text = (
        "---\ntitle: How to return\nurl: https://x.org/1\nlang: fr-CA\nreaders: [agents, ' staff ']\n"
        "price: 1.5\nsince: 2026-01-02\ntags: [a, 2]\nopen: true\n_secret: x\nnested: {a: 1}\n---\n# Body\n"
    )
    about, body = split_front_matter(text.encode())
    assert body == b"# Body\n"
    assert (about.title, about.url, about.language) == ("How to return", "https://x.org/1", "fr")
    assert about.readers == frozenset({"agents", "staff"})
    assert about.metadata == {"price": 1.5, "since": date(2026, 1, 2), "tags": ["a", "2"], "open": True}


@pytest.mark.parametrize(
    "block", ["---\r\ntitle: A\r\n---\r\nbody", "\ufeff---\ntitle: A\n...\nbody", "---\ntitle: A\n---\nbody"]
)
def test_windows_lines_marks_and_dots_are_front_matter_too(block: str) -> None:
    about, body = split_front_matter(block.encode())
    assert (about.title, body) == ("A", b"body")


@pytest.mark.parametrize(
    "text", ["# No front matter", "---\nA rule and prose.\n---\nmore", "---\ntitle: never closed\n", ""]
)
def test_what_is_no_front_matter_stays_in_the_text(text: str) -> None:
    assert split_front_matter(text.encode()) == (About(), text.encode())


def test_an_empty_block_is_taken_off() -> None:
    assert split_front_matter(b"---\n---\nbody") == (About(), b"body")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("title: [", "cannot be read"),
        ("title: a\ntitle: b", "cannot be read"),
        ("title: [a, b]", "not one value"),
        ("readers: {a: 1}", "list of group names"),
        ("readers: [1]", "list of group names"),
        ("readers: [a]\ngroups: [b]", "keep one"),
    ],
)
def test_front_matter_that_cannot_be_trusted_is_refused(block: str, message: str) -> None:
    # It may have said who can read the document.
    with pytest.raises(ValueError, match=message):
        split_front_matter(f"---\n{block}\n---\nbody".encode())


def test_front_matter_in_another_encoding_is_refused() -> None:
    with pytest.raises(ValueError, match="not UTF-8"):
        split_front_matter("---\ntitle: été\n---\nbody".encode("latin-1"))


@pytest.mark.parametrize(
    ("value", "readers"), [("", frozenset()), ("[]", frozenset()), ("agents", frozenset({"agents"}))]
)
def test_readers_without_a_group_are_nobody(value: str, readers: frozenset[str]) -> None:
    assert split_front_matter(f"---\ngroups: {value}\n---\n".encode())[0].readers == readers


@pytest.mark.parametrize(
    ("content", "media_type", "expected"),
    [
        (b"<html lang=fr-FR><title> A\n b </title><h1>C</h1>", "text/html", ("A b", "fr")),
        (b"<html lang='x-klingon'><h1>C &amp; <em>d</em></h1><h1>E</h1>", "text/html", ("C & d", None)),
        (b"<title></title><p>no heading", "text/html", ("name", None)),
        ("<title>été</title>".encode("cp1252"), "text/html", ("été", None)),
        ("<title>返品</title>".encode("utf-16"), "text/html", ("返品", None)),
        (b"```\n# code\n```\n\n# The [real](x) *one* #\n", "text/markdown", ("The real one", None)),
        (b"Underlined\n==========\n", "text/markdown", ("Underlined", None)),
        (b"## Only a lower one", "text/markdown", ("name", None)),
        (b"Subject: =?utf-8?q?=C3=A9t=C3=A9?=\n\nbody", "message/rfc822", ("été", None)),
        (b"From: a@example.org\n\nbody", "message/rfc822", ("name", None)),
        (b"plain", "text/plain", ("name", None)),
    ],
)
def test_titles_come_from_the_document(content: bytes, media_type: str, expected: tuple[str, str | None]) -> None:
    assert title_and_language(content, media_type, "folder/name.ext") == expected


def test_a_title_is_cut_and_a_character_at_the_end_of_the_head_does_no_harm() -> None:
    assert len(title_and_language(b"# " + b"x" * 1000, "text/markdown", "a.md")[0]) == 300
    # The head ends in the middle of a two-byte character.
    page = "<title>é</title>x".encode() + "é".encode() * 150_000
    assert title_and_language(page, "text/html", "a.html")[0] == "é"


def test_a_ticket_says_what_it_is_about() -> None:
    turns = [{"role": "user", "text": "Où ?", "created_at": "2026-01-01"}, {"role": "agent", "text": "Là."}]
    ticket = {"id": 7, "title": " T ", "url": "u", "language": "FR", "tags": ["a"], "turns": turns, "readers": ["x"]}
    about, content = read_conversation(json.dumps(ticket | {"metadata": {"n": 1}}).encode("utf-8-sig"))
    assert json.loads(content) == turns
    assert (about.title, about.url, about.language, about.readers) == ("T", "u", "fr", frozenset({"x"}))
    assert about.metadata == {"n": 1, "tags": ["a"], "conversation_id": "7"}


def test_json_that_is_no_conversation_is_told_apart() -> None:
    assert read_conversation(b"[]") is None
    assert read_conversation(b'{"name": "x"}') is None


TURNS = [{"role": "user", "text": "x"}]


@pytest.mark.parametrize(
    ("ticket", "message"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        ('{"turns": "é"}'.encode("latin-1"), "not JSON"),
        ({"turns": []}, "not a list of turns"),
        ({"turns": [{"role": "user"}]}, "turn 1 has no"),
        ({"turns": [*TURNS, "x"]}, "turn 2 has no"),
        ({"turns": TURNS, "metadata": [1]}, "not an object"),
        ({"turns": TURNS, "readers": "agents"}, "list of group names"),
        ({"turns": TURNS, "readers": None}, "list of group names"),
    ],
)
def test_a_malformed_ticket_is_refused(ticket: bytes | dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_conversation(ticket if isinstance(ticket, bytes) else json.dumps(ticket).encode())


def test_a_ticket_for_nobody_is_not_for_everybody() -> None:
    about, _ = read_conversation(json.dumps({"turns": TURNS, "readers": []}).encode())
    assert about.readers == frozenset()


def test_a_version_takes_only_what_it_can_write_down() -> None:
    assert digest({"a": date(2026, 1, 1), "b": 1}) == digest({"b": 1, "a": date(2026, 1, 1)})
    with pytest.raises(TypeError, match="no place in a version"):
        digest({"a": object()})
