"""What every connector must do. Subclass ``Conformance`` in a test module and give it a ``world`` fixture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from connectors.contract import (
    Change,
    Checkpoint,
    Complete,
    Connector,
    Cursor,
    Delete,
    Expected,
    Failed,
    Skipped,
    SourceDocument,
    Upsert,
)
from connectors.guard import checked


class World(Protocol):
    """A source that can be edited. Names are identities where the source has them."""

    def connector(self) -> Connector:
        """A new connector, with checkpoints after every few documents."""
        ...

    def put(self, name: str, text: str) -> None: ...

    def remove(self, name: str) -> None: ...

    def rename(self, old: str, new: str) -> None: ...


@dataclass
class Shelf:
    """What a sync would hold after applying changes: the contract, read literally."""

    documents: dict[str, SourceDocument] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    cursor: Cursor | None = None
    deleted: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)

    def apply(self, changes: Iterable[Change]) -> list[Change]:
        return self.replay(checked(changes, "test", self.cursor))

    def replay(self, changes: Iterable[Change]) -> list[Change]:
        """``apply`` of a part of a run, which the guard can only watch as a whole."""
        seen = []
        for change in changes:
            seen.append(change)
            match change:
                case Upsert(document):
                    self.documents[document.id] = document
                    self.failed.pop(document.id, None)
                case Delete(id=name):
                    self._drop(name)
                case Skipped(id=name):
                    self.skipped[name] = change.reason
                    self._drop(name)
                case Failed():
                    self.failed[change.id] = change.error
                case Checkpoint(cursor):
                    self.cursor = cursor
                case Complete(ids):
                    for name in (self.documents.keys() | self.failed.keys()) - ids:
                        self._drop(name)
        return seen

    def _drop(self, name: str) -> None:
        if self.documents.pop(name, None):
            self.deleted.add(name)
        self.failed.pop(name, None)

    def sync(self, world: World) -> list[Change]:
        return self.apply(world.connector().changes(self.cursor))

    @property
    def texts(self) -> list[str]:
        return sorted(document.content.decode() for document in self.documents.values())

    @property
    def versions(self) -> dict[str, str]:
        return {name: document.version for name, document in self.documents.items()}


def fresh(world: World) -> Shelf:
    """What a first crawl gives."""
    shelf = Shelf()
    shelf.sync(world)
    return shelf


def changed(before: Shelf, seen: Iterable[Change]) -> set[str]:
    """Ids whose version a run changed; others may be repeated, a sync skips those."""
    versions = before.versions
    return {
        change.document.id
        for change in seen
        if isinstance(change, Upsert) and versions.get(change.document.id) != change.document.version
    }


class Conformance:
    """The suite."""

    @pytest.fixture
    def world(self) -> World:
        raise NotImplementedError

    @pytest.fixture
    def stocked(self, world: World) -> World:
        for number in range(7):
            world.put(f"doc{number}", f"Text number {number}, été 返品.")
        return world

    def test_a_first_crawl_delivers_every_document_and_is_complete(self, stocked: World) -> None:
        shelf = Shelf()
        seen = shelf.sync(stocked)
        assert len(shelf.documents) == 7
        assert not shelf.failed
        assert all(any(f"number {n}, été 返品" in text for text in shelf.texts) for n in range(7))
        assert [change.ids for change in seen if isinstance(change, Complete)] == [frozenset(shelf.documents)]
        assert shelf.cursor is not None

    def test_every_document_has_what_the_index_needs(self, stocked: World) -> None:
        for document in fresh(stocked).documents.values():
            assert document.id
            assert document.version
            assert document.title
            assert document.media_type
            assert isinstance(document.content, bytes)

    def test_a_second_crawl_delivers_nothing(self, stocked: World) -> None:
        shelf = fresh(stocked)
        for _ in range(2):
            seen = shelf.sync(stocked)
            assert seen
            assert all(isinstance(change, Checkpoint | Complete | Expected | Skipped) for change in seen)

    def test_two_first_crawls_are_equal(self, stocked: World) -> None:
        first, second = (list(stocked.connector().changes(None)) for _ in range(2))
        assert [type(change) for change in first] == [type(change) for change in second]
        assert [c for c in first if not isinstance(c, Checkpoint)] == [
            c for c in second if not isinstance(c, Checkpoint)
        ]

    def test_an_edit_changes_one_document(self, stocked: World) -> None:
        shelf = fresh(stocked)
        before = Shelf(dict(shelf.documents))
        stocked.put("doc3", "Quite another text.")
        seen = shelf.sync(stocked)
        assert len(changed(before, seen)) == 1
        assert len(shelf.documents) == 7
        assert any("Quite another text." in text for text in shelf.texts)
        assert not any("number 3" in text for text in shelf.texts)

    def test_an_edit_that_keeps_the_length_is_seen(self, stocked: World) -> None:
        shelf = fresh(stocked)
        stocked.put("doc3", "Text number 8, été 返品.")
        shelf.sync(stocked)
        assert any("number 8" in text for text in shelf.texts)
        assert not any("number 3" in text for text in shelf.texts)

    def test_a_deletion_drops_one_document(self, stocked: World) -> None:
        shelf = fresh(stocked)
        stocked.remove("doc5")
        seen = shelf.sync(stocked)
        assert len(shelf.deleted) == 1
        assert len(shelf.documents) == 6
        assert not any("number 5" in text for text in shelf.texts)
        assert not changed(fresh(stocked), seen)

    def test_a_rename_is_one_delete_and_one_upsert(self, stocked: World) -> None:
        shelf = fresh(stocked)
        before = Shelf(dict(shelf.documents))
        stocked.rename("doc2", "renamed")
        seen = shelf.sync(stocked)
        assert len(changed(before, seen)) == 1
        assert len(shelf.deleted) == 1
        assert len(shelf.documents) == 7
        assert sum("number 2" in text for text in shelf.texts) == 1

    def test_what_comes_back_has_its_old_version(self, stocked: World) -> None:
        shelf = fresh(stocked)
        versions = shelf.versions
        stocked.remove("doc1")
        shelf.sync(stocked)
        stocked.put("doc1", "Text number 1, été 返品.")
        shelf.sync(stocked)
        assert shelf.versions == versions

    def test_a_run_stopped_anywhere_converges_when_it_is_run_again(self, stocked: World) -> None:
        shelf = fresh(stocked)
        stocked.put("doc1", "Changed while away.")
        stocked.remove("doc4")
        stocked.put("doc9", "New while away.")
        whole = list(stocked.connector().changes(shelf.cursor))
        expected = fresh(stocked).versions
        for start, run in ((None, list(stocked.connector().changes(None))), (shelf, whole)):
            for length in range(len(run) + 1):
                stopped = Shelf(dict(start.documents), cursor=start.cursor) if start else Shelf()
                stopped.apply(run[:length])
                stopped.sync(stocked)
                assert stopped.versions == expected, f"stopped after {length} changes"

    def test_a_run_that_could_not_delete_deletes_next_time(self, stocked: World) -> None:
        shelf = fresh(stocked)
        stocked.remove("doc4")
        for change in stocked.connector().changes(shelf.cursor):
            if isinstance(change, Complete | Delete):
                break  # as a sync stops that would delete too much
            shelf.apply([change])
        shelf.sync(stocked)
        assert len(shelf.documents) == 6

    def test_changes_while_a_run_was_stopped_are_not_lost(self, stocked: World) -> None:
        run = list(stocked.connector().changes(None))
        for length in range(1, len(run) + 1):
            stocked.put("doc0", f"Edited after {length}.")
            stocked.put("doc6", f"Edited as well after {length}.")
            stopped = Shelf()
            stopped.apply(run[:length])
            stopped.sync(stocked)
            assert stopped.versions == fresh(stocked).versions

    def test_the_source_can_be_checked(self, stocked: World) -> None:
        reachable = stocked.connector().check()
        assert reachable.ok
        assert reachable.detail
