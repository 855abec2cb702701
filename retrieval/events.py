"""What answering gives: typed events while it runs, and the ``Answer`` at its end.

Order for one question: ``Searching``, ``Sources`` (again for each search in tool mode), ``Delta`` and ``Cited``
interleaved, one ``Done``. The texts of all ``Delta`` joined are ``Answer.text``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from retrieval.context import ContextBlock
from retrieval.hit import Hit

Mode: TypeAlias = Literal["inject", "tool", "extractive"]
Reason: TypeAlias = Literal["threshold", "no-answer", "declined", "content-filter"]
HistoryUse: TypeAlias = Literal["none", "full", "trimmed", "summarised", "provider"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call or, added up, of several. ``cached`` is part of ``input``, ``reasoning`` of ``output``."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )


@dataclass(frozen=True, slots=True)
class Citation:
    """One statement of the answer tied to a source.

    Attributes:
        number: the source's number, as in ``[2]``.
        position: where in ``Answer.text`` the marker starts; for an inferred one, where the sentence ends.
        chunk_id, document_id: the chunk that carries the quote.
        start, end: span of ``quote`` in the parsed document's text, in characters.
        quote: the passage of the source nearest to the statement.
        inferred: the model left the marker out; the tie is by shared words.
    """

    number: int
    position: int
    chunk_id: str
    document_id: str
    start: int
    end: int
    title: str
    url: str | None
    quote: str
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer.

    Attributes:
        refused: the knowledge base has no answer, or the model declined; ``reason`` says which.
        reason: ``threshold``, ``no-answer`` (the model found none in the sources), ``declined`` or
            ``content-filter``; ``None`` for an answer.
        mode: how it was made; ``extractive`` quotes passages, no model.
        model: as the provider names it; ``None`` where no model was called.
        usage: tokens of all calls for this question, a summary of the history included.
        cost: money for them; ``None`` where the model has no price.
        context_tokens: tokens of the sources that were sent.
        hits: every hit that was found, used or not.
        contexts: the sources sent, one block for each search.
        history: how the conversation's earlier turns were sent.
        incomplete: why the text ends early (``max_output_tokens``, ``content_filter``); ``None``: it does not.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    refused: bool = False
    reason: Reason | None = None
    mode: Mode = "inject"
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0
    context_tokens: int = 0
    hits: tuple[Hit, ...] = ()
    contexts: tuple[ContextBlock, ...] = ()
    conversation: str | None = None
    response_id: str | None = None
    history: HistoryUse = "none"
    incomplete: str | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Searching:
    """The knowledge base is about to be searched for ``query``."""

    query: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What was found and what of it is handed on."""

    hits: tuple[Hit, ...]
    context: ContextBlock


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation, right after the ``Delta`` that carries its marker."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Done:
    """The end; nothing follows."""

    answer: Answer


Event: TypeAlias = Searching | Sources | Delta | Cited | Done
