"""A connector for tests: it plays a script, or follows a corpus in memory, and fails in the ways it is told to."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from configs.errors import ConnectorError
from connectors.contract import (
    Change,
    Checkpoint,
    Complete,
    Cursor,
    Delete,
    Failed,
    MetaValue,
    Reachability,
    SourceDocument,
    Upsert,
)
from connectors.version import version_of

_WORDS = (
    "shoe",
    "refund",
    "parcel",
    "invoice",
    "battery",
    "warranty",
    "sleeve",
    "crème",
    "retour",
    "colis",
    "靴",
    "返品",
)


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong.

    Attributes:
        fail_prob: chance that a document is ``Failed`` in place of its ``Upsert``; it is tried again next run.
        raise_after: raise ``ConnectorError`` after this many changes.
        duplicate: yield every ``Upsert`` twice.
        stall_cursor: always the same cursor.
        omit_complete: end without ``Complete``.
        empty_listing: a ``Complete`` without ids.
        seed: of the chances.
    """

    fail_prob: float = 0.0
    raise_after: int | None = None
    duplicate: bool = False
    stall_cursor: bool = False
    omit_complete: bool = False
    empty_listing: bool = False
    seed: int = 0


@dataclass(slots=True)
class Corpus:
    """Documents in memory, and the order in which they changed."""

    documents: dict[str, SourceDocument] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def put(
        self,
        name: str,
        text: str,
        *,
        title: str | None = None,
        media_type: str = "text/plain",
        metadata: dict[str, MetaValue] | None = None,
        readers: frozenset[str] | None = None,
    ) -> SourceDocument:
        """Add or change a document."""
        content, shown = text.encode(), title or name
        version = version_of(content, title=shown, metadata=metadata, readers=readers)
        document = SourceDocument(name, content, media_type, shown, version, metadata=metadata or {}, readers=readers)
        self.documents[name] = document
        self.log.append(name)
        return document

    def delete(self, name: str) -> None:
        """Remove a document; the connector says so with a ``Delete``."""
        del self.documents[name]
        self.log.append(name)

    def edit(self, edits: int, rng: random.Random) -> None:
        """Make random edits: half add, a third change, the rest delete."""
        for _ in range(edits):
            dice = rng.random()
            if dice < 0.5 or not self.documents:
                self.put(f"doc-{rng.randrange(10**9):09d}", _sentence(rng))
            elif dice < 0.83:
                self.put(rng.choice(sorted(self.documents)), _sentence(rng))
            else:
                self.delete(rng.choice(sorted(self.documents)))


class Scripted:
    """Plays ``script`` as it is, or what changed in ``corpus`` since the cursor.

    Args:
        script: changes to yield whatever the cursor; an exception in it is raised at its place.
        corpus: documents to follow; its cursor is ``{"position": log entries seen, "retry": failed ids}``.
        checkpoint_every: documents between checkpoints.
    """

    def __init__(
        self,
        script: Sequence[Change | Exception] | None = None,
        *,
        corpus: Corpus | None = None,
        faults: Faults | None = None,
        checkpoint_every: int = 5,
    ) -> None:
        if (script is None) == (corpus is None):
            raise ValueError("give a script or a corpus")
        self.corpus = corpus
        self.faults = faults or Faults()
        self._script = script
        self._every = checkpoint_every
        self._rng = random.Random(self.faults.seed)  # noqa: S311 - repeatable faults, no secret

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield the changes, with the faults that were asked for."""
        source = self._follow(cursor) if self._script is None else iter(self._script)
        yielded = 0
        for change in source:
            if isinstance(change, Exception):
                raise change
            for copy in self._with_faults(change):
                if yielded == self.faults.raise_after:
                    raise ConnectorError(f"The scripted connector stops after {yielded} changes.")
                yield copy
                yielded += 1

    def check(self) -> Reachability:
        """Always reachable."""
        return Reachability(True, "A scripted connector.")

    def _with_faults(self, change: Change) -> list[Change]:
        faults = self.faults
        match change:
            case Upsert() if faults.duplicate:
                return [change, change]
            case Checkpoint() if faults.stall_cursor:
                return [Checkpoint({"position": 0, "retry": []})]
            case Complete() if faults.omit_complete:
                return []
            case Complete() if faults.empty_listing:
                return [Complete(frozenset())]
        return [change]

    def _follow(self, cursor: Cursor | None) -> Iterator[Change]:
        if self.corpus is None:
            return
        state = cursor or {"position": 0, "retry": []}
        log = self.corpus.log[:]
        pending = list(dict.fromkeys([*state["retry"], *log[state["position"] :]]))
        retry: list[str] = []
        for done, name in enumerate(pending, start=1):
            document = self.corpus.documents.get(name)
            if document is None:
                yield Delete(name)
            elif self._rng.random() < self.faults.fail_prob:
                retry.append(name)
                yield Failed(name, "The scripted connector was told to fail here.", title=document.title)
            else:
                yield Upsert(document)
            if done % self._every == 0 and done < len(pending):
                # Until all is read, what is left over counts as to be retried: safe to resume from.
                yield Checkpoint({"position": len(log), "retry": [*retry, *pending[done:]]})
        yield Checkpoint({"position": len(log), "retry": retry})
        yield Complete(frozenset(self.corpus.documents))


def _sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(_WORDS, k=rng.randint(3, 12))).capitalize() + "."
