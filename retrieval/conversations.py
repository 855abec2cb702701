"""Conversations kept in the ledger: create, resume, trim, summarise, delete.

History holds what the user asked and what was answered, never a document's text: sources are sent with the current
question only. An extractive answer is made of document text, so history says that passages were quoted and leaves
them out. Citation markers are left out too, because each question numbers its sources anew.
"""

from __future__ import annotations

import builtins
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, func, select

from configs import schema
from configs.errors import RetrievalError
from ingest.ledger.tables import conversations, turns
from retrieval.citations import without_markers
from retrieval.context import CountTokens
from retrieval.events import Answer, Citation
from retrieval.wording import terms

QUOTED = "(Passages of the knowledge base were quoted here.)"
_TITLE_LENGTH = 80
_SHORT = 3  # a question with at most this many terms of its own leans on the one before
_TURN_OVERHEAD = 4  # tokens that a message costs beside its text
_ANAPHORA = re.compile(
    r"\b(it|its|they|them|their|that|this|those|these|he|she|"
    r"il|elle|ils|elles|lui|leur|ça|cela|celui|celle|ceux|celles|cet|cette|ces)\b",
    re.IGNORECASE,
)
_CONTINUES = re.compile(
    r"^\s*(and|but|or|so|then|also|what about|how about|et|mais|ou|donc|alors|aussi)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. ``citations`` and ``extractive`` only mean something for the assistant's."""

    ordinal: int
    role: Literal["user", "assistant"]
    text: str
    created: float
    citations: tuple[Citation, ...] = ()
    extractive: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation without its turns. Times are epoch seconds (UTC)."""

    id: str
    created: float
    updated: float
    title: str | None
    turns: int
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What goes with the next question.

    Attributes:
        items: input items, oldest first, within the budget.
        overflow: older turns that do not fit and that no summary covers yet.
        summary: of what came before ``items``, where there is one.
        last_question: the user's last turn, for follow-up questions.
    """

    items: tuple[dict[str, str], ...]
    overflow: tuple[Turn, ...]
    summary: str | None
    last_question: str | None


class Conversations:
    """The conversations of one shelf. Safe from many threads and processes."""

    def __init__(self, engine: Engine, settings: schema.Conversations, count_tokens: CountTokens) -> None:
        self._engine, self.settings, self._count = engine, settings, count_tokens

    def create(self, title: str | None = None) -> Conversation:
        """Start a conversation; without a title it takes its first question's."""
        now = time.time()
        key = f"conv_{secrets.token_hex(12)}"
        with self._writing() as connection:
            connection.execute(conversations.insert().values(id=key, created=now, updated=now, title=title))
        return Conversation(key, now, now, title, 0)

    def list(self, limit: int = 100) -> builtins.list[Conversation]:
        """The latest conversations, most recently used first."""
        query = self._select().order_by(conversations.c.updated.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [_conversation(row) for row in connection.execute(query)]

    def get(self, key: str) -> Conversation:
        """One conversation: what resuming needs to know that it is there.

        Raises:
            RetrievalError: there is none with that id.
        """
        with self._engine.connect() as connection:
            row = connection.execute(self._select().where(conversations.c.id == key)).first()
        if row is None:
            raise _missing(key)
        return _conversation(row)

    def turns(self, key: str) -> builtins.list[Turn]:
        """All turns, oldest first.

        Raises:
            RetrievalError: there is no such conversation.
        """
        self.get(key)
        query = select(turns).where(turns.c.conversation == key).order_by(turns.c.ordinal)
        with self._engine.connect() as connection:
            return [_turn(row) for row in connection.execute(query)]

    def delete(self, key: str) -> None:
        """Forget a conversation and its turns. What it cost stays in the ledger of money, without its text.

        Raises:
            RetrievalError: there is no such conversation.
        """
        with self._writing() as connection:
            connection.execute(turns.delete().where(turns.c.conversation == key))
            gone = connection.execute(conversations.delete().where(conversations.c.id == key)).rowcount
        if not gone:
            raise _missing(key)

    def add(self, key: str, question: str, answer: Answer) -> None:
        """Append the question and its answer, both or neither.

        Raises:
            RetrievalError: the conversation was deleted meanwhile.
        """
        now = time.time()
        extractive = answer.mode == "extractive" and not answer.refused
        record = {"extractive": extractive, "items": [asdict(citation) for citation in answer.citations]}
        title = func.coalesce(conversations.c.title, " ".join(question.split())[:_TITLE_LENGTH])
        with self._writing() as connection:
            update = conversations.update().where(conversations.c.id == key).values(updated=now, title=title)
            if not connection.execute(update).rowcount:
                raise _missing(key)
            last = connection.execute(
                select(func.coalesce(func.max(turns.c.ordinal), 0)).where(turns.c.conversation == key)
            ).scalar_one()
            shared = {"conversation": key, "created": now}
            connection.execute(
                turns.insert(),
                [
                    {**shared, "ordinal": last + 1, "role": "user", "text": question, "citations": {"items": []}},
                    {**shared, "ordinal": last + 2, "role": "assistant", "text": answer.text, "citations": record},
                ],
            )

    def history(self, key: str) -> History:
        """Whole turns, newest first, as many as fit the budget, each question together with its answer.

        Raises:
            RetrievalError: there is no such conversation.
        """
        conversation = self.get(key)
        with self._engine.connect() as connection:
            covered = connection.execute(
                select(conversations.c.summarised_to).where(conversations.c.id == key)
            ).scalar_one()
        every = self.turns(key)
        summary = conversation.summary if self.settings.strategy == "summarise" else None
        room = self.settings.budget - (self._cost(summary) if summary else 0)
        pairs = [every[i : i + 2] for i in range(0, len(every), 2)]
        kept: builtins.list[Turn] = []
        fits = True
        overflow: builtins.list[Turn] = []
        for pair in reversed(pairs):
            if summary and pair[-1].ordinal <= covered:
                break
            cost = sum(self._cost(sent_text(turn)) for turn in pair)
            fits = fits and cost <= room
            if fits:
                kept, room = pair + kept, room - cost
            else:
                overflow = pair + overflow
        items = [{"role": turn.role, "content": sent_text(turn)} for turn in kept]
        if summary:
            items.insert(0, {"role": "user", "content": f"Earlier in this conversation (a summary):\n{summary}"})
        last = next((turn.text for turn in reversed(every) if turn.role == "user"), None)
        return History(tuple(items), tuple(overflow), summary, last)

    def save_summary(self, key: str, summary: str, upto: int) -> None:
        """Keep a summary of the turns up to the ordinal ``upto``; one that covers less than the stored is ignored."""
        with self._writing() as connection:
            connection.execute(
                conversations.update()
                .where(conversations.c.id == key, conversations.c.summarised_to < upto)
                .values(summary=summary, summarised_to=upto)
            )

    @property
    def summary_tokens(self) -> int:
        """Most tokens a summary may take: a quarter of the budget, so that turns keep the rest."""
        return max(32, min(400, self.settings.budget // 4))

    def _cost(self, text: str) -> int:
        return self._count(text) + _TURN_OVERHEAD

    def _select(self) -> Any:
        count = select(func.count()).where(turns.c.conversation == conversations.c.id).scalar_subquery()
        return select(conversations, count.label("turns"))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(immediate=True) as connection, connection.begin():
            yield connection


def sent_text(turn: Turn) -> str:
    """What history says of a turn: no markers, and no document text where the answer was an extract."""
    if turn.role == "user":
        return turn.text
    return QUOTED if turn.extractive else without_markers(turn.text)


def search_query(question: str, last_question: str | None) -> str:
    """What to search for. A follow-up (at most three terms, a pronoun among at most eight, or a start such as "and")
    is searched together with the question before it; any other question stands alone."""
    if not last_question:
        return question
    own = len(terms(question))
    leans = own <= _SHORT or bool(_CONTINUES.search(question)) or (own <= 8 and bool(_ANAPHORA.search(question)))
    return f"{last_question} {question}" if leans else question


def transcript(history: History) -> str:
    """The turns that no longer fit, with the summary before them, as text to summarise."""
    lines = [f"Summary so far: {history.summary}"] if history.summary else []
    lines += [f"{turn.role}: {sent_text(turn)}" for turn in history.overflow]
    return "\n\n".join(lines)


def _conversation(row: Any) -> Conversation:
    return Conversation(row.id, row.created, row.updated, row.title, row.turns, row.summary)


def _turn(row: Any) -> Turn:
    citations = tuple(Citation(**item) for item in row.citations["items"])
    return Turn(row.ordinal, row.role, row.text, row.created, citations, bool(row.citations.get("extractive")))


def _missing(key: str) -> RetrievalError:
    return RetrievalError(f"There is no conversation {key!r}.", hint="`openshelf chat --list` shows those there are.")
