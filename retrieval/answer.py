"""Answer a question from the knowledge base: with a model (the Responses API) or, without a key, by quoting.

    answerer = Answerer(search, config.answer, config.context, count_tokens=count, spend=spend)
    answerer.answer("Can I return worn shoes?").text
    for event in answerer.stream("Can I return worn shoes?"): ...
    await answerer.aanswer("…")

One core (``_Run.steps``) holds the whole logic; ``drive`` runs it sync or async.
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from configs import schema
from configs.errors import AnswerError, ConfigError
from ingest.chunk.tokens import without_surrogates
from retrieval import drive
from retrieval.asking import Run
from retrieval.context import Body, CountTokens
from retrieval.conversations import Conversations
from retrieval.events import Answer, Done, Event, Mode
from retrieval.evidence import Measure, calibrated_threshold, evidence
from retrieval.failures import CallFailed, explain
from retrieval.hit import Hit
from retrieval.spend import Spend

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

MAX_QUESTION = 20_000


class Search(Protocol):
    """How the answerer searches; ``filters`` and ``groups`` are its caller's, never the model's."""

    def __call__(
        self,
        query: str,
        *,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        groups: Collection[str] | None = None,
    ) -> Sequence[Hit]:
        """Hits for ``query``, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """One question with everything that its caller decides.

    Attributes:
        conversation: id of a stored conversation to continue.
        openai_conversation: id of a conversation that the provider keeps; then no local history is sent.
        mode: overrides ``answer.mode``.
    """

    text: str
    conversation: str | None = None
    openai_conversation: str | None = None
    top_k: int | None = None
    filters: Mapping[str, Any] | None = None
    groups: Collection[str] | None = None
    mode: Mode | None = None


class Answerer:
    """Answers questions. Safe from many threads.

    Args:
        search: finds hits.
        settings, context: sections ``answer`` and ``context`` of the YAML.
        count_tokens: length of a text in tokens.
        body: the whole parsed text of a hit's document, for merging chunks with the text between them.
        conversations: where turns are kept; needed for ``conversation=``.
        spend: prices, caps and the ledger of money; without it nothing is capped or recorded.
        environment: where ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL`` are looked up.
        embedder: the embedder's name, for its calibrated ``no_answer_threshold`` where the settings have none.
        measure: how evidence is measured.
        max_retries: of one request, by the openai package, for rate limits, 5xx and broken connections.
    """

    def __init__(
        self,
        search: Search,
        settings: schema.Answer,
        context: schema.Context,
        *,
        count_tokens: CountTokens,
        body: Body | None = None,
        conversations: Conversations | None = None,
        spend: Spend | None = None,
        environment: Mapping[str, str] = os.environ,
        max_retries: int = 2,
        embedder: str | None = None,
        measure: Measure = evidence,
    ) -> None:
        self.search, self.settings, self.context = search, settings, context
        self.count_tokens, self.body = count_tokens, body
        self.conversations, self.spend = conversations, spend
        self._environment, self._max_retries = environment, max_retries
        chosen = settings.no_answer_threshold
        self.threshold = calibrated_threshold(embedder) if chosen is None else chosen
        self.evidence = measure
        self._client: OpenAI | None = None
        self._lock = threading.Lock()

    @property
    def extractive(self) -> bool:
        """Whether answers are quotes: chosen so, or no key is set.

        Raises:
            ConfigError: ``answer.provider: openai`` without a key.
        """
        if self.settings.provider == "extractive":
            return True
        if self._key:
            return False
        if self.settings.provider == "openai":
            raise ConfigError(
                "answer.provider is openai, but there is no key: answer.api_key and $OPENAI_API_KEY are both empty.",
                hint="Set one of them (any text, for a server that asks for none), or use provider: auto.",
            )
        return True

    @property
    def endpoint(self) -> tuple[str, str]:
        """The base URL and the key that calls go out with; the key is empty where there is none."""
        base_url = self.settings.base_url or self._environment.get("OPENAI_BASE_URL")
        return base_url or "https://api.openai.com/v1", self._key or ""

    def answer(self, question: str, **options: Any) -> Answer:
        """Answer at once. ``options`` are the fields of ``Question``.

        Raises:
            AnswerError: the model could not be reached or did not answer.
            BudgetExceeded: a cap could be passed; nothing was sent.
            ConfigError: a key or a price is missing.
            RetrievalError: there is no such conversation.
        """
        core = self._run(Question(question, **options), stream=False).steps()
        with closing(cast(Any, drive.run_sync(core, self._sync_client, self._explain))) as events:
            return _last(list(events))

    def stream(self, question: str, **options: Any) -> Iterator[Event]:
        """Events as they come, ``Done`` last; raises as ``answer`` does, while it is iterated."""
        core = self._run(Question(question, **options), stream=True).steps()
        return drive.run_sync(core, self._sync_client, self._explain)

    async def aanswer(self, question: str, **options: Any) -> Answer:
        """``answer`` on the running event loop."""
        core = self._run(Question(question, **options), stream=False).steps()
        return _last([event async for event in drive.run_async(core, self._async_client, self._explain)])

    def astream(self, question: str, **options: Any) -> AsyncIterator[Event]:
        """``stream`` on the running event loop."""
        core = self._run(Question(question, **options), stream=True).steps()
        return drive.run_async(core, self._async_client, self._explain)

    def close(self) -> None:
        """Release connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def _key(self) -> str | None:
        if self.settings.api_key is not None:
            return self.settings.api_key.get_secret_value() or None
        return self._environment.get("OPENAI_API_KEY") or None

    def _run(self, question: Question, *, stream: bool) -> Run:
        if not question.text.strip():
            raise AnswerError("The question is empty.", hint="Ask something.")
        if len(question.text) > MAX_QUESTION:
            raise AnswerError(f"The question is longer than {MAX_QUESTION} characters.", hint="Shorten it.")
        if question.conversation and question.openai_conversation:
            raise AnswerError("A question goes with a stored conversation or with OpenAI's.", hint="Give one of them.")
        if question.conversation and self.conversations is None:
            raise AnswerError("Conversations are not kept here.", hint="Pass conversations= to Answerer.")
        # Half a character cannot be sent or stored.
        question = replace(question, text=without_surrogates(question.text))
        mode: Mode = "extractive" if self.extractive else question.mode or self.settings.mode
        return Run(self, question, mode, stream=stream)

    def _options(self) -> dict[str, Any]:
        return {
            "api_key": self._key,
            "base_url": self.settings.base_url or self._environment.get("OPENAI_BASE_URL") or None,
            "timeout": self.settings.timeout,
            "max_retries": self._max_retries,
        }

    def _sync_client(self) -> OpenAI:
        from openai import OpenAI

        with self._lock:
            if self._client is None:
                self._client = OpenAI(**self._options())
            return self._client

    def _async_client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        return AsyncOpenAI(**self._options())

    def _explain(self, error: Exception) -> CallFailed:
        return explain(error, self.settings, self._key)


def _last(events: Sequence[Event]) -> Answer:
    done = events[-1]
    if not isinstance(done, Done):
        raise AnswerError("The answer did not come to its end.", hint="Ask again.")
    return done.answer
