"""Files of tickets and of article versions: what they may hold, and every mistake with its line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from configs.errors import ConfigError
from evaluation.simulate.reading import read_tickets, read_versions
from evaluation.simulate.ticket import Turn, first_exchange


def lines(path: Path, *rows: Any) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


TICKET = {"id": "1", "asked": "2026-01-02T10:00:00", "question": "Why?", "answer": "So."}


def test_tickets_come_in_time_order_and_naive_times_are_utc(tmp_path: Path) -> None:
    later = {**TICKET, "id": "2", "asked": "2026-01-01T23:30:00-02:00", "solved": "2026-01-02T02:00:00Z"}
    found = read_tickets(lines(tmp_path / "t.jsonl", TICKET, later))
    assert [ticket.id for ticket in found.tickets] == ["2", "1"]
    assert found.tickets[1].asked == datetime(2026, 1, 2, 10, tzinfo=UTC)
    assert found.tickets[1].solved == found.tickets[1].asked


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "t.jsonl",
        TICKET,
        TICKET,
        "{",
        {**TICKET, "id": "3", "asked": "soon"},
        {**TICKET, "id": "4", "solved": "2025-01-01T00:00:00Z"},
        {"id": "5", "asked": "2026-01-01", "question": "Why?"},
        {**TICKET, "id": "6", "langauge": "en"},
    )
    with pytest.raises(ConfigError) as raised:
        read_tickets(path)
    said = str(raised.value).splitlines()
    assert [line.split(":")[1] for line in said] == ["2", "3", "4", "5", "6", "7"]
    assert "line 1" in said[0]
    assert "before it was asked" in said[3]
    assert "language" in said[5]


def test_a_ticket_without_an_answer_is_left_out_and_counted(tmp_path: Path) -> None:
    silent = {"id": "2", "asked": "2026-01-01", "turns": [{"role": "customer", "text": "Hello?"}]}
    found = read_tickets(lines(tmp_path / "t.jsonl", TICKET, silent))
    assert [ticket.id for ticket in found.tickets] == ["1"]
    assert found.notes == ("1 tickets without a public question and answer are left out.",)
    with pytest.raises(ConfigError, match="no ticket"):
        read_tickets(lines(tmp_path / "t.jsonl", silent))


def test_versions_need_a_text_or_a_removal(tmp_path: Path) -> None:
    version = {"id": "a", "valid_from": "2026-01-01", "title": "A", "text": "Text", "tags": ["x"]}
    gone = {"id": "a", "valid_from": "2026-02-01", "deleted": True}
    found = read_versions(lines(tmp_path / "a.jsonl", gone, version))
    assert [one.content for one in found] == [b"Text", None]
    assert found[0].metadata == {"tags": ["x"]}
    with pytest.raises(ConfigError, match=r"a\.jsonl:1: .*no text"):
        read_versions(lines(tmp_path / "a.jsonl", {"id": "a", "valid_from": "2026-01-01"}))
    with pytest.raises(ConfigError, match="later than valid_from"):
        read_versions(lines(tmp_path / "a.jsonl", {**version, "valid_until": "2025-01-01"}))
    with pytest.raises(ConfigError, match="line 1 already"):
        read_versions(lines(tmp_path / "a.jsonl", version, version))


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file"):
        read_tickets(tmp_path / "none.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}')
    with pytest.raises(ConfigError, match="UTF-8"):
        read_tickets(tmp_path / "latin.jsonl")


@pytest.mark.parametrize(
    ("turns", "exchange"),
    [
        (["c:One.", "c:Two?", "a:So.", "a:And so.", "c:Thanks"], ("One.\n\nTwo?", "So.\n\nAnd so.")),
        (["c:Broken.", "a:Which order is it?", "c:Number 5.", "a:Replaced."], ("Broken.\n\nNumber 5.", "Replaced.")),
        (["c:Broken.", "a:Which order is it?"], ("Broken.", "Which order is it?")),
        (["a:Welcome!", "c:Why?", "a:So."], ("Why?", "So.")),
        (["c:Why?"], None),
        (["a:So."], None),
    ],
)
def test_the_first_exchange_is_the_question_and_what_answers_it(
    turns: list[str], exchange: tuple[str, str] | None
) -> None:
    roles = {"c": "customer", "a": "agent"}
    assert first_exchange([Turn(roles[turn[0]], turn[2:]) for turn in turns]) == exchange
