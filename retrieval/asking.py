"""The course of one question, as a generator of events and steps without input or output of its own.

    history → search → (refuse | quote | call the model, which may search again) → citations → conversation

See ``drive`` for who runs the steps, ``answer`` for the public side.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from configs.schema import Context
from retrieval import conversations as kept
from retrieval import prompt
from retrieval.citations import CitationReader, Piece, infer
from retrieval.context import ContextBlock, Dropped, Source, build_context
from retrieval.conversations import History
from retrieval.drive import Core, Create, Do, Open, Pull, Step
from retrieval.events import Answer, Cited, Delta, Done, HistoryUse, Mode, Reason, Searching, Sources, Usage
from retrieval.extractive import extract, language_of
from retrieval.failures import CallFailed
from retrieval.hit import Hit
from retrieval.responses import FunctionCall, Reply, estimate_tokens, search_arguments

if TYPE_CHECKING:
    from retrieval.answer import Answerer, Question
    from retrieval.spend import Kind, Reservation

Part: TypeAlias = Generator[Step, Any, Any]
Show: TypeAlias = Callable[[str], Iterator[Step]]


class Run:
    """One question being answered; used once."""

    def __init__(self, answerer: Answerer, question: Question, mode: Mode, *, stream: bool) -> None:
        self.by, self.question, self.mode, self.stream = answerer, question, mode, stream
        self.sources: dict[int, Source] = {}
        self.hits: dict[str, Hit] = {}
        self.contexts: list[ContextBlock] = []
        self.reader = CitationReader(self.sources)
        self.text = ""
        self.usage = Usage()
        self.cost: float | None = 0.0
        self.history_use: HistoryUse = "provider" if question.openai_conversation else "none"
        self.reply: Reply | None = None
        self.refusal: Reason | None = None

    def steps(self) -> Core:
        """Everything from the question to ``Done``."""
        history: History | None = None
        if self.question.conversation and self.by.conversations is not None:
            history = yield Do(partial(self.by.conversations.history, self.question.conversation))
        if self.mode == "tool":
            yield from self._with_tool(history)
        else:
            query = kept.search_query(self.question.text, history.last_question if history else None)
            context = yield from self._search(query, self.question.top_k, self.by.context.budget)
            if not context.sources:
                self.refusal = "threshold"
            elif self.mode == "extractive":
                for piece in extract(self.question.text, context):
                    self.reader.citations += piece.citations
                    yield from self._put(piece)
            else:
                items = yield from self._history_items(history)
                items += prompt.question_items(self.question.text, context)
                yield from self._call(self._params(items, tool=False), self._show)
        answer = yield from self._finish()
        if self.question.conversation and self.by.conversations is not None:
            yield Do(partial(self.by.conversations.add, self.question.conversation, self.question.text, answer))
        yield Done(answer)

    # --- searching ------------------------------------------------------------------------------

    def _search(self, query: str, top_k: int | None, budget: int) -> Generator[Step, Any, ContextBlock]:
        yield Searching(query)
        asked = self.question
        hits: list[Hit] = yield Do(partial(self._found, query, top_k=top_k, filters=asked.filters, groups=asked.groups))
        best = yield Do(partial(self._evidence, query, hits))
        if best < self.by.threshold:
            reason = f"evidence {best:.2f} is below answer.no_answer_threshold"
            context = ContextBlock("", (), 0, budget, (), tuple(Dropped(hit, reason) for hit in hits))
        else:
            shown = {hit.chunk_id: n for n, source in self.sources.items() for hit in source.hits}
            context = yield Do(
                partial(
                    build_context,
                    hits,
                    Context(budget=budget, merge_gap=self.by.context.merge_gap),
                    self.by.count_tokens,
                    self.by.body,
                    first_number=len(self.sources) + 1,
                    shown=shown,
                )
            )
        self.hits.update({hit.chunk_id: hit for hit in hits})
        self.sources.update({source.number: source for source in context.sources})
        if context.sources:
            self.contexts.append(context)
        yield Sources(tuple(hits), context)
        return context

    def _evidence(self, query: str, hits: list[Hit]) -> float:
        # A follow-up was searched for with words of the question before it.
        return max(self.by.evidence(text, hits) for text in {query, self.question.text})

    def _found(self, query: str, **options: Any) -> list[Hit]:
        return list(self.by.search(query, **options))

    # --- the model ------------------------------------------------------------------------------

    def _with_tool(self, history: History | None) -> Part:
        """Let the model search, at most ``max_searches`` times; then it must answer.

        Until something was found its text is not shown: an answer without sources is a refusal.
        """
        most, searches = self.by.settings.max_searches, 0
        items = yield from self._history_items(history)
        items += prompt.question_items(self.question.text, None)
        while True:
            choice = "required" if searches == 0 else "auto" if searches < most else "none"
            if choice == "none" and not self.sources and not self.question.openai_conversation:
                break  # OpenAI's conversation must be given the output of every call it holds
            show = self._show if self.sources else None
            reply: Reply = yield from self._call(self._params(items, tool=True, choice=choice), show)
            if not reply.calls or choice == "none":
                break
            outputs = []
            for call in reply.calls:
                output = yield from self._called(call, searches, most)
                searches += 1
                outputs.append({"type": "function_call_output", "call_id": call.id, "output": output})
            items = outputs if self.question.openai_conversation else [*items, *reply.items, *outputs]
        if not self.sources:
            self.refusal = "threshold" if searches else "no-answer"

    def _called(self, call: FunctionCall, searches: int, most: int) -> Generator[Step, Any, str]:
        if call.name != prompt.SEARCH_TOOL:
            return f"There is no function {call.name[:64]!r}; use {prompt.SEARCH_TOOL}."
        if searches >= most:
            return prompt.SEARCHES_SPENT
        arguments = search_arguments(call, prompt.MAX_QUERY)
        if isinstance(arguments, str):
            return arguments
        query, wanted = arguments
        top_k = self.question.top_k
        if wanted is not None:
            top_k = min(wanted, top_k or prompt.MAX_RESULTS)
        # Each search may take half of what is left, so that a second one finds room; the last takes all.
        left = max(1, self.by.context.budget - sum(context.tokens for context in self.contexts))
        context = yield from self._search(query, top_k, left if searches + 1 >= most else max(1, left // 2))
        repeated = any(dropped.reason.startswith("already sent") for dropped in context.dropped)
        text = context.text or (prompt.ALREADY_SENT if repeated else prompt.NO_RESULTS)
        return f"{text}\n\n{prompt.SEARCHES_SPENT}" if searches + 1 >= most else text

    def _params(self, items: list[dict[str, Any]], *, tool: bool, choice: str = "auto") -> dict[str, Any]:
        settings = self.by.settings
        params: dict[str, Any] = {
            "model": settings.model,
            "instructions": prompt.instructions(settings.instructions, tool=tool),
            "input": items,
            "max_output_tokens": settings.max_output_tokens,
            "store": settings.store,
        }
        if tool:
            params |= {"tools": [prompt.search_tool()], "tool_choice": choice, "parallel_tool_calls": False}
        if self.question.openai_conversation:
            params["conversation"] = self.question.openai_conversation
        return params

    def _call(self, params: Mapping[str, Any], show: Show | None, kind: Kind = "answer") -> Part:
        """One call: reserve its worst case, make it, put what it really cost in the reservation's place."""
        model, most = params["model"], params["max_output_tokens"]
        estimate = estimate_tokens(params, self.by.count_tokens)
        reservation: Reservation | None = None
        if self.by.spend is not None:
            conversation = self.question.conversation or self.question.openai_conversation
            reservation = yield Do(partial(self.by.spend.check, kind, model, estimate, most, conversation=conversation))
        reply, settled, billed = Reply(), False, True
        try:
            if self.stream and kind == "answer":
                yield Open(params)
                while (event := (yield Pull())) is not None:
                    if (text := reply.take(event)) and show:
                        yield from show(text)
            else:
                text = reply.finish((yield Create(params)))
                if show:
                    yield from show(text)
            may_call = params.get("tool_choice", "none") != "none"
            if problem := reply.problem(model, most, may_call=may_call):
                billed = reply.usage is not None or reply.status is None
                raise problem
            settled = True
            yield Do(partial(self._settle, reservation, reply, estimate, billed=True))
        except CallFailed as failure:
            billed = failure.billed
            # The cause may hold the request with its key, or an echo of it: it stays out of the traceback.
            raise failure.error from None
        finally:
            if not settled:  # failed, or the reader of the stream has gone
                self._settle(reservation, reply, estimate, billed=billed)
        if kind == "answer":
            self.reply = reply
        return reply

    def _settle(self, reservation: Reservation | None, reply: Reply, estimate: int, *, billed: bool) -> None:
        usage = reply.usage
        if usage is None and billed:  # unknown: what was sent, and what came back so far
            usage = Usage(input=estimate, output=self.by.count_tokens(reply.text))
        usage = usage or Usage()
        self.usage += usage
        if self.by.spend is None or reservation is None:
            self.cost = None
        elif usage == Usage():
            self.by.spend.release(reservation)
        else:
            cost = self.by.spend.settle(reservation, usage)
            self.cost = None if cost is None or self.cost is None else self.cost + cost

    # --- history --------------------------------------------------------------------------------

    def _history_items(self, history: History | None) -> Generator[Step, Any, list[dict[str, Any]]]:
        """Earlier turns as input items; those that do not fit are summarised where the YAML says so."""
        if history is None or (not history.items and not history.overflow):
            return []
        self.history_use = "trimmed" if history.overflow else "summarised" if history.summary else "full"
        store, key = self.by.conversations, self.question.conversation
        if history.overflow and store is not None and key and store.settings.strategy == "summarise":
            params = {
                "model": self.by.settings.model,
                "instructions": prompt.SUMMARY_INSTRUCTIONS,
                "input": [{"role": "user", "content": kept.transcript(history)}],
                "max_output_tokens": self.by.settings.max_output_tokens,
                "store": False,
            }
            reply: Reply = yield from self._call(params, None, "summary")
            yield Do(partial(store.save_summary, key, reply.text, history.overflow[-1].ordinal))
            history = yield Do(partial(store.history, key))
            self.history_use = "summarised"
        return [dict(item) for item in history.items]

    # --- the text -------------------------------------------------------------------------------

    def _show(self, text: str) -> Iterator[Step]:
        yield from self._put(self.reader.feed(text))

    def _put(self, piece: Piece) -> Iterator[Step]:
        if piece.text:
            self.text += piece.text
            yield Delta(piece.text)
        for citation in piece.citations:
            yield Cited(citation)

    def _finish(self) -> Generator[Step, Any, Answer]:
        yield from self._put(self.reader.finish())
        reply = self.reply
        citations = list(self.reader.citations)
        if self.refusal is None and reply is not None:
            if self.reader.no_answer:
                self.refusal = "no-answer"
            elif reply.declined:
                self.refusal = "declined"
            elif reply.incomplete == "content_filter":
                self.refusal = "content-filter"
            elif not citations:
                citations = infer(self.text, self.sources)
                for citation in citations:
                    yield Cited(citation)
        if self.refusal and not self.text:
            self.text = prompt.REFUSALS[language_of(self.question.text)]
            yield Delta(self.text)
        return Answer(
            text=self.text,
            citations=tuple(citations),
            refused=self.refusal is not None,
            reason=self.refusal,
            mode=self.mode,
            model=reply.model if reply else None,
            usage=self.usage,
            cost=self.cost,
            context_tokens=sum(context.tokens for context in self.contexts),
            hits=tuple(self.hits.values()),
            contexts=tuple(self.contexts),
            conversation=self.question.conversation or self.question.openai_conversation,
            response_id=reply.id if reply else None,
            history=self.history_use,
            incomplete=reply.incomplete if reply else None,
        )
