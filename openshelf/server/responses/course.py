"""The course of one response, as a generator of events and steps without input or output of its own.

    history → call the upstream → (search → call again)* → keep the response

``upstream.Upstream`` runs the steps. The upstream is always asked for a stream: a client that wants the whole gets
what the stream comes to.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from configs.errors import ConfigError, OpenshelfError
from ingest.ledger import Ledger
from openshelf.server.contract import Caller, SearchStores
from openshelf.server.errors import ApiError, translated
from openshelf.server.responses import searching
from openshelf.server.responses.conversations import Conversations
from openshelf.server.responses.draft import Draft
from openshelf.server.responses.estimate import input_tokens
from openshelf.server.responses.finding import Finding
from openshelf.server.responses.items import RESULTS, Item, kept, last_question, resent
from openshelf.server.responses.jobs import Jobs
from openshelf.server.responses.outgoing import Outgoing
from openshelf.server.responses.quoting import quote
from openshelf.server.responses.reading import Reading
from openshelf.server.responses.relay import Relay
from openshelf.server.responses.request import ResponseRequest
from openshelf.server.responses.storage import Responses
from openshelf.server.responses.upstream import Course, Step, UpstreamFailed, readable
from retrieval import prompt
from retrieval.answer import Answerer
from retrieval.drive import Do, Open, Pull
from retrieval.events import Usage
from retrieval.failures import CallFailed
from retrieval.responses import FunctionCall, Reply
from retrieval.spend import Reservation, Spend

Part: TypeAlias = Generator[Step, Any, Any]

_FOR_THE_CLIENT = frozenset(
    (
        *("function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call"),
        *("apply_patch_call", "mcp_approval_request"),
    )
)
"""Items that somebody else than the upstream and we must act on."""
_EVENT_CODES = ("server_error", "rate_limit_exceeded", "invalid_prompt")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """What every course needs: who answers, searches, counts money, and keeps."""

    answerer: Answerer
    search: SearchStores
    spend: Spend
    responses: Responses
    conversations: Conversations
    jobs: Jobs
    ledger: Ledger


class Run:
    """One response being made; used once.

    Args:
        resumed: the response as it was queued by a server that has ended, and what it was asked with.

    Attributes:
        failure: why it ended early.
    """

    def __init__(
        self,
        house: House,
        caller: Caller,
        request: ResponseRequest,
        *,
        resumed: tuple[Item, list[Item]] | None = None,
    ) -> None:
        self.house, self.caller, self.request = house, caller, request
        self.tool = request.file_search
        self.given = resumed[1] if resumed else kept(request.input)
        self.extractive = house.answerer.extractive
        if self.extractive:
            _only_quotable(request)
        model = request.model or house.answerer.settings.model
        self.draft = Draft(request, "extractive" if self.extractive else model, resumed[0] if resumed else None)
        self.model = model
        self.outgoing = Outgoing(request, house.answerer.settings, model)
        self.name = self.outgoing.name
        self.finding = Finding(house, caller, self.tool, self.draft, with_results=request.includes(RESULTS))
        self.usage = Usage()
        self.cost: float | None = 0.0
        self.failure: ApiError | None = None
        self.hint: str | None = None
        self._keeping = False

    def steps(self) -> Course:
        """Everything from the request to the last event."""
        try:
            yield from self._course()
        except (ApiError, OpenshelfError, CallFailed) as error:
            self.failure = _told(error)
        except Exception:  # noqa: BLE001 - a stream that has begun must end in an event
            _LOG.exception("a response failed")
            self.failure = ApiError(500, "The server failed; its log says why.", code="server_error")
        if self.failure is not None:
            yield from self._failed(self.failure)

    def check(self) -> None:
        """What a background response is refused for before it is queued. Blocks.

        Raises:
            ApiError: there is no such store, response or conversation.
            FilterError: the filter is malformed.
        """
        self.finding.check()
        self._history()

    def count(self) -> int:
        """Input tokens of its first call, on the high side. Blocks.

        Raises:
            ApiError, FilterError: as ``check``.
        """
        self.finding.check()
        sent = [*resent(self._history()), *resent(self.given)]
        return input_tokens(self.outgoing.params(sent, 0), self.house.answerer.count_tokens)

    def ended(self, status: str, message: str | None = None) -> Item:
        """The response as it stands when it is broken off from outside.

        Args:
            message: what its error says, where it failed.
        """
        error = {} if message is None else {"error": {"code": "server_error", "message": message}}
        return self.draft.whole(status, **error, **self._account())

    def _course(self) -> Part:
        if self.draft.queued:
            yield from self.draft.begin()
        yield Do(self.finding.check)
        history: list[Item] = yield Do(self._history)
        if self.extractive:
            question = last_question(self.given)
            if question is None or not question.strip():
                raise ApiError(400, "There is no text of a user to answer.", code="invalid_value", param="input")
            yield from self.draft.begin()
            yield from quote(self.finding, question, last_question(history))
            yield from self._finish("completed")
            return
        sent, searches, most = [*resent(history), *resent(self.given)], 0, self.outgoing.most
        while True:
            reply: Reply = yield from self._call(self.outgoing.params(sent, searches))
            wanted = [call for call in reply.calls if self.tool is not None and call.name == self.name]
            theirs = any(item.get("type") in _FOR_THE_CLIENT and item.get("name") != self.name for item in reply.items)
            # Beside a call for the client a search would be lost: its turn comes with the client's next request.
            if not wanted or theirs or reply.incomplete or searches >= most:
                break
            outputs = []
            for call in wanted:
                output = yield from self._called(call, searches, most)
                searches += 1
                outputs.append({"type": "function_call_output", "call_id": call.id, "output": output})
            sent += [*resent(reply.items), *outputs]
        if wanted and not theirs and not reply.incomplete and not reply.text:
            message = f"The model {self.model} did not answer, but wanted to search more than {most} times."
            raise ApiError(502, message, code="upstream_error")
        if reply.incomplete:
            if reply.incomplete == "max_output_tokens":
                self.hint = self._too_short(reply)
            yield from self._finish("incomplete", incomplete_details={"reason": reply.incomplete})
        else:
            yield from self._finish("completed")

    def _too_short(self, reply: Reply) -> str:
        asked, most = self.request.max_output_tokens, self.outgoing.max_output_tokens
        thought = f", {reply.usage.reasoning} of them for reasoning" if reply.usage and reply.usage.reasoning else ""
        reached = "before its answer was whole" if reply.text else "before it wrote an answer"
        more = (
            "Raise max_output_tokens" if asked else "Set max_output_tokens, or answer.max_output_tokens of the server"
        )
        return f"The model used all of its {most} output tokens{thought}, {reached}. {more}, or lower reasoning.effort."

    # --- searching ------------------------------------------------------------------------------

    def _called(self, call: FunctionCall, searches: int, most: int) -> Generator[Step, Any, str]:
        if searches >= most:
            return prompt.SEARCHES_SPENT
        queries = searching.read_queries(call)
        if isinstance(queries, str):
            return queries
        left = self.finding.budget_left
        context = yield from self.finding.search(queries, left if searches + 1 >= most else max(1, left // 2))
        repeated = any(dropped.reason.startswith("already sent") for dropped in context.dropped)
        text = context.text or (prompt.ALREADY_SENT if repeated else prompt.NO_RESULTS)
        return f"{text}\n\n{prompt.SEARCHES_SPENT}" if searches + 1 >= most else text

    # --- the upstream ---------------------------------------------------------------------------

    def _call(self, params: Mapping[str, Any]) -> Part:
        """One call: reserve its worst case, hand on what comes, put what it really cost in the reservation's place."""
        estimate: int = yield Do(partial(input_tokens, params, self.house.answerer.count_tokens))
        reservation: Reservation = yield Do(partial(self._reserve, params, estimate))
        reply, settled, billed = Reply(), False, True
        relay = Relay(self.draft, self.name if self.tool is not None else None, self._reading)
        try:
            yield Open(params)
            while (event := (yield Pull())) is not None:
                if not isinstance(event, dict):
                    continue
                reply.take(readable(event))
                yield from self.draft.begin(_mapping(event.get("response")))
                yield from relay.take(event)
            if reply.status in (None, "failed", "cancelled"):
                billed = reply.usage is not None or reply.status is None
                raise _unfinished(reply, self.model)
            settled = True
            yield Do(partial(self._settle, reservation, reply, estimate, billed=True))
        except CallFailed as failure:
            settled = True
            yield Do(partial(self._settle, reservation, reply, estimate, billed=billed and failure.billed))
            # The cause may hold the request with its key, or an echo of it: it stays out of the traceback.
            raise failure from None
        finally:
            if not settled:  # the reader of the stream has gone
                self._settle(reservation, reply, estimate, billed=billed)
        return reply

    def _reading(self) -> Reading:
        return self.finding.reading(as_json=self.request.json_wanted)

    def _reserve(self, params: Mapping[str, Any], estimate: int) -> Reservation:
        spend, most = self.house.spend, params["max_output_tokens"]
        try:
            return spend.check("answer", self.model, estimate, most, conversation=self.request.conversation_id)
        except ConfigError as error:
            if self.request.model is None:
                raise
            raise ApiError(400, str(error), code="model_without_price", param="model") from None

    def _settle(self, reservation: Reservation, reply: Reply, estimate: int, *, billed: bool) -> None:
        usage = reply.usage
        if usage is None and billed:  # unknown: what was sent, and what came back so far
            usage = Usage(input=estimate, output=self.house.answerer.count_tokens(reply.text))
        usage = usage or Usage()
        self.usage += usage
        if usage == Usage():
            self.house.spend.release(reservation)
            return
        cost = self.house.spend.settle(reservation, usage)
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    # --- keeping --------------------------------------------------------------------------------

    def _history(self) -> list[Item]:
        request = self.request
        if request.previous_response_id is not None:
            return self.house.responses.history(self.caller, request.previous_response_id)
        if request.conversation_id is not None:
            return self.house.conversations.items(self.caller, request.conversation_id)
        return []

    def _keep(self, response: Item) -> bool:
        """Keep what was made; false where it was cancelled or deleted meanwhile."""
        conversation = self.request.conversation_id
        if self.draft.queued and self.house.jobs.gone([self.draft.id]):
            return False
        if conversation is not None and response["status"] != "failed":
            # First, because it may have been deleted meanwhile.
            self.house.conversations.add(self.caller, conversation, [*self.given, *response["output"]])
        if self.draft.queued:
            return self.house.jobs.finish(response)
        if self.request.store is not False:
            self.house.responses.save(self.caller, response, self.given)
        return True

    def _finish(self, status: str, **fields: Any) -> Part:
        if status == "completed":
            fields["completed_at"] = int(time.time())
        response = self.draft.whole(status, **fields, **self._account())
        self._keeping = True
        if (yield Do(partial(self._keep, response))):
            yield self.draft.event(f"response.{status}", response=response)

    def _failed(self, failure: ApiError) -> Part:
        """The last event of a stream that has begun. Before that, the failure is an HTTP status."""
        if not (self.draft.begun or self.draft.queued):
            return
        limited = failure.status == 429
        code = failure.code if failure.code in _EVENT_CODES else "rate_limit_exceeded" if limited else "server_error"
        error = {"code": code, "message": failure.message}
        response = self.draft.whole("failed", error=error, **self._account())
        # A response whose keeping failed is not tried to be kept again, but a background one has its row already.
        if (self._keeping and not self.draft.queued) or (yield Do(partial(self._keep, response))):
            yield self.draft.event("response.failed", response=response)

    def _account(self) -> Item:
        used, finding = self.usage, self.finding
        return {
            "usage": {
                "input_tokens": used.input,
                "input_tokens_details": {"cached_tokens": used.cached, "cache_write_tokens": 0},
                "output_tokens": used.output,
                "output_tokens_details": {"reasoning_tokens": used.reasoning},
                "total_tokens": used.input + used.output,
            },
            "openshelf": {
                "cost": self.cost,
                "currency": self.house.spend.settings.currency,
                "searches": finding.searches,
                "context_tokens": finding.context_tokens,
                **({} if self.hint is None else {"hint": self.hint}),
            },
        }


def _mapping(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _unfinished(reply: Reply, model: str) -> CallFailed:
    problem = reply.problem(model, 0, may_call=True)
    message = str(problem) if problem else f"The model {model} did not finish."
    code = (reply.error or "").partition(":")[0]
    status = 429 if code == "rate_limit_exceeded" else 502
    failed = ApiError(status, message, code=code if code in _EVENT_CODES else "upstream_error")
    return UpstreamFailed(failed, billed=True)


def _told(error: ApiError | OpenshelfError | CallFailed) -> ApiError:
    if isinstance(error, ApiError):
        return error
    if isinstance(error, UpstreamFailed):
        return error.api
    if isinstance(error, CallFailed):
        return ApiError(502, str(error), code="upstream_error")
    return translated(error)


def _only_quotable(request: ResponseRequest) -> None:
    """Refuse what passages alone cannot answer."""
    if request.file_search is None:
        raise ApiError(
            400,
            "No model is configured here, so answers are passages of documents: the request needs a file_search tool. "
            "(The server's YAML: set answer.api_key, and answer.base_url where it is not OpenAI.)",
            code="no_upstream",
            param="tools",
        )
    if request.json_wanted:
        raise ApiError(
            400,
            "No model is configured here, and passages cannot be put into a JSON format.",
            code="no_upstream",
            param="text.format",
        )
