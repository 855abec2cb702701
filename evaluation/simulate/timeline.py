"""Knowledge that is moved forward in time: before each ticket the real sync brings a shelf of its own to that moment.

Nothing is filtered out afterwards. What was published later is not in the index, so neither a hit nor the statistics
of the keyword index can know of it. Embeddings are cached by the shelf, so a step embeds only what is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import ConfigError, RetrievalError
from configs.loader import Loaded
from configs.schema import ConversationChunker, Defaults, Source, Store
from connectors.contract import Change, Checkpoint, Complete, Cursor, Delete, Reachability, Upsert
from evaluation.simulate.knowledge import check_leak
from evaluation.simulate.ticket import Ticket
from evaluation.simulate.version import KNOWN_SINCE, History, Version

if TYPE_CHECKING:
    from evaluation.subject import OpenSubject, Subject
    from retrieval.hit import Hit

TICKETS = "solved-tickets"
"""The source of solved tickets, where they are knowledge too."""

_CONVERSATION = "application/x-conversation+json"


class TimelineConnector:
    """Yields one source as it was after the first ``position`` events of its history.

    The cursor is that position. From an earlier one only what happened since is yielded, each document once in its
    last state; from a later one (time does not run backwards) everything.
    """

    def __init__(self, history: History, position: int) -> None:
        self._history, self._position = history, position

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """What changed between the cursor and this connector's moment."""
        known = self._history.state(self._position)
        done = cursor.get("position", 0) if cursor else 0
        if done > self._position:
            done = 0
        changed = dict.fromkeys(event.id for event in self._history.events[done : self._position])
        for name in changed:
            yield Upsert(known[name].document()) if name in known else Delete(name)
        yield Checkpoint({"position": self._position})
        yield Complete(frozenset(known))

    def check(self) -> Reachability:
        """Always reachable: it is in memory."""
        return Reachability(True, f"{len(self._history.events)} changes.")


class Timeline:
    """A shelf of its own in ``folder`` that holds what was known at a moment.

    Args:
        loaded: the configuration to rehearse; its sources are replaced by those of ``versions``, each indexed with
            the settings of the configured source of the same name, or the defaults.
        versions: every version of every article.
        tickets: solved tickets that are knowledge from the moment they were solved; empty: they are not.
        step: how often the shelf is synced. Zero: before every ticket. A day: a ticket sees what was known at the
            last midnight (UTC) before it, as a shelf does that is synced every night.
    """

    def __init__(
        self,
        loaded: Loaded,
        open_subject: OpenSubject,
        versions: Iterable[Version],
        folder: Path,
        *,
        tickets: Iterable[Ticket] = (),
        step: timedelta = timedelta(0),
    ) -> None:
        by_source: dict[str, list[Version]] = {}
        for version in versions:
            by_source.setdefault(version.source, []).append(version)
        solved = [conversation(ticket) for ticket in tickets]
        if solved:
            if TICKETS in by_source:
                raise ConfigError(f"The knowledge has a source {TICKETS!r}, which is the name of the solved tickets.")
            by_source[TICKETS] = solved
        self._histories = {name: History(own) for name, own in by_source.items()}
        self._step = step
        self._at: dict[str, int] = {}
        self._known: dict[str, int] = {}
        sources = {name: _source(loaded, name) for name in self._histories}
        config = loaded.config.model_copy(
            update={"path": folder, "sources": sources, "store": Store(mode="embedded")}  # nobody else's server
        )
        self._opened: Subject = open_subject(_with(loaded, config))

    @property
    def subject(self) -> Subject:
        """The shelf, as it stands."""
        return self._opened

    @property
    def known(self) -> int:
        """Documents that are known now."""
        return sum(self._known.values())

    def at(self, ticket: Ticket) -> Mapping[str, Any] | None:
        """Bring the shelf to the moment before ``ticket``; no filter is needed then.

        Raises:
            RetrievalError: the shelf could not be brought there; says why.
        """
        moment = self._floor(ticket.asked)
        for name, history in self._histories.items():
            position = history.before(moment)
            if self._at.get(name) != position:
                self._sync(name, history, position)
        return None

    def now(self) -> Mapping[str, Any] | None:
        """Bring the shelf to the end of its history; solved tickets are left out."""
        for name, history in self._histories.items():
            if self._at.get(name) != len(history.events):
                self._sync(name, history, len(history.events))
        return {"source": {"nin": [TICKETS]}}

    def notes(self) -> list[str]:
        """How often the shelf was synced."""
        often = f"synced every {self._step}" if self._step else "synced before every ticket"
        return [f"Knowledge was rebuilt in time order, {often}; nothing later than a ticket was in its index."]

    def check(self, ticket: Ticket, hits: Iterable[Hit]) -> None:
        """Make sure that nothing of ``hits`` was unknown when ``ticket`` was asked.

        Raises:
            RetrievalError: something leaked. It is a bug; nothing is reported rather than too much.
        """
        check_leak(ticket, hits, dict.fromkeys(self._histories, KNOWN_SINCE))

    def close(self) -> None:
        """Close the shelf."""
        self._opened.close()

    def _floor(self, moment: datetime) -> datetime:
        if not self._step:
            return moment
        start = datetime(1970, 1, 1, tzinfo=UTC)
        return start + (moment - start) // self._step * self._step

    def _sync(self, name: str, history: History, position: int) -> None:
        from ingest.sync import SourceSync

        subject = self._opened
        report = SourceSync(
            ledger=subject.ledger,
            store=subject.store,
            embedders=subject.embedders,
            source=subject.config.sources[name],
            connector=TimelineConnector(history, position),
            settings=subject.config.sync,
            allow_mass_delete=True,
        ).run()
        if report.error is not None:
            raise RetrievalError(f"The knowledge of {name!r} could not be indexed: {report.error}")
        self._at[name] = position
        self._known[name] = len(history.state(position))


def conversation(ticket: Ticket) -> Version:
    """A solved ticket as knowledge: its public messages, known from when it was solved."""
    import json

    turns = [{"role": "customer" if turn.asks else "agent", "text": turn.text} for turn in ticket.turns]
    title = " ".join(ticket.question.split())
    return Version(
        source=TICKETS,
        id=ticket.id,
        start=ticket.solved,
        content=json.dumps(turns, ensure_ascii=False).encode(),
        title=title if len(title) <= 80 else f"{title[:79]}…",
        media_type=_CONVERSATION,
        language=ticket.language,
        metadata={"tags": list(ticket.tags)} if ticket.tags else {},
        readers=ticket.groups,
        where=ticket.where,
    )


def _source(loaded: Loaded, name: str) -> Source:
    configured = loaded.config.sources.get(name)
    settings: Defaults = configured or loaded.config.defaults
    own: dict[str, Any] = {key: getattr(settings, key) for key in Defaults.model_fields}
    if name == TICKETS and configured is None:
        own["chunker"] = ConversationChunker()
    return Source(name=name, type="timeline", **own)


def _with(loaded: Loaded, config: Any) -> Loaded:
    from dataclasses import replace

    return replace(loaded, config=config, warnings=())
