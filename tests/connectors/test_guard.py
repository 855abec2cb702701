"""The guard around every connector's changes."""

from __future__ import annotations

import pytest

from configs.errors import ConnectorError, CursorError
from connectors.contract import Change, Checkpoint, Complete, Cursor, Delete, Failed, SourceDocument, Upsert
from connectors.guard import checked


def upsert(name: str = "a", content: bytes = b"x", version: str = "1") -> Upsert:
    return Upsert(SourceDocument(name, content, "text/plain", "Title", version))


def run(*changes: Change, cursor: Cursor | None = None, **limits: int) -> list[Change]:
    return list(checked(changes, "help-centre", cursor, **limits))


def test_changes_that_keep_the_contract_pass_unaltered() -> None:
    changes = [upsert(), Checkpoint({"n": 1}), Delete("b"), Failed("c", "no"), Complete(frozenset("ac"))]
    assert run(*changes, Checkpoint({"n": 2})) == [*changes, Checkpoint({"n": 2})]


def test_a_cursor_that_stands_still_while_documents_come_stops_the_run() -> None:
    with pytest.raises(CursorError, match="help-centre"):
        run(upsert(), Checkpoint({"n": 1}), upsert("b"), Checkpoint({"n": 1}))


def test_a_cursor_that_goes_in_a_circle_stops_the_run() -> None:
    with pytest.raises(CursorError):
        run(upsert(), Checkpoint({"n": 1}), upsert(), Checkpoint({"n": 2}), upsert(), Checkpoint({"n": 1}))


def test_the_same_dict_changed_in_place_is_an_advance() -> None:
    cursor = {"n": 0}

    def changes():
        for number in range(3):
            cursor["n"] = number
            yield upsert(str(number))
            yield Checkpoint(cursor)

    assert len(list(checked(changes(), "s", None))) == 6


def test_an_overlap_window_without_news_may_repeat_the_first_cursor_once() -> None:
    start = {"since": "2026-01-01"}
    assert run(upsert(), Checkpoint(start), Complete(frozenset("a")), cursor=start)
    with pytest.raises(CursorError):
        run(upsert(), Checkpoint(start), upsert(), Checkpoint(start), cursor=start)


def test_checkpoints_without_documents_between_may_repeat() -> None:
    assert len(run(Checkpoint({}), Checkpoint({}))) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([Complete(frozenset("a")), upsert()], "after its listing"),
        ([Complete(frozenset()), Complete(frozenset())], "after its listing"),
        ([upsert("")], "without an id"),
        ([Delete("")], "without an id"),
        ([Failed("x" * 1001, "no")], "1,001 characters"),
        ([upsert(version="")], "no version"),
        ([upsert(content=b"x" * 11)], "11 bytes"),
        ([Checkpoint({"n": {1}})], "not JSON"),
        ([upsert("a"), Complete(frozenset("b"))], "left it out"),
    ],
)
def test_a_breach_of_the_contract_names_the_source(changes: list[Change], message: str) -> None:
    with pytest.raises(ConnectorError, match=message) as caught:
        run(*changes, max_content=10)
    assert "'help-centre'" in str(caught.value)


def test_what_was_deleted_again_need_not_be_listed() -> None:
    assert run(upsert("a"), Delete("a"), Complete(frozenset()))
