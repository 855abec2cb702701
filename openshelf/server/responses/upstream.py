"""The configured Responses server, and the driver that runs a course against it on the event loop.

Nothing is tried twice here: a client of ours tries again by itself, as it does with OpenAI, because failures keep
their status.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Generator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import anyio.to_thread

from configs.errors import AnswerError
from openshelf.server.errors import ApiError
from openshelf.server.responses.draft import Event
from retrieval.answer import Answerer
from retrieval.drive import Do, Open, Pull
from retrieval.failures import CallFailed, explain, redact

if TYPE_CHECKING:
    import openai
    from openai import AsyncOpenAI

Step: TypeAlias = Event | Do | Open | Pull
Course: TypeAlias = Generator[Step, Any, None]

_THEIRS = (400, 404, 413, 422)
"""Statuses that say what is wrong with the request, so its sender is told."""


class UpstreamFailed(CallFailed):
    """A call that gave no answer; ``api`` is what our client is told."""

    def __init__(self, api: ApiError, *, billed: bool) -> None:
        super().__init__(AnswerError(api.message), billed=billed)
        self.api = api


class Upstream:
    """Runs courses. One pool of connections for each event loop."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = weakref.WeakKeyDictionary()

    async def run(self, course: Course) -> AsyncGenerator[Event, None]:
        """The events of ``course``. However it ends, the upstream's stream is closed and the money is settled."""
        stream: Any = None
        reply: Any = None
        failure: Exception | None = None
        try:
            while True:
                try:
                    step = course.send(reply) if failure is None else course.throw(failure)
                except StopIteration:
                    return
                reply, failure = None, None
                if isinstance(step, dict):
                    yield step
                    continue
                try:
                    if isinstance(step, Do):
                        # A client that leaves does not tear a reservation from whoever must settle it.
                        with anyio.CancelScope(shield=True):
                            reply = await anyio.to_thread.run_sync(step.call)
                    elif isinstance(step, Open):
                        stream = await self._open(step.params)
                    else:
                        reply = await anext(stream, None)
                except _provider_errors() as error:
                    failure = error if isinstance(step, Do) else self._explain(error)
                except Exception as error:  # noqa: BLE001 - the course knows what to tell, and raises what it does not
                    failure = error
        finally:
            with anyio.CancelScope(shield=True):
                if stream is not None:
                    await stream.close()
                await anyio.to_thread.run_sync(course.close)

    async def close(self) -> None:
        """Release this loop's connections."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    async def _open(self, params: Mapping[str, Any]) -> Any:
        from openai import AsyncStream

        # Events as plain mappings: the package's own types would be built and taken apart again for every word.
        body = {**params, "stream": True}
        return await self._client().post(
            "/responses", cast_to=object, body=body, stream=True, stream_cls=AsyncStream[object]
        )

    def _client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            url, key = self._answerer.endpoint
            timeout = self._answerer.settings.timeout
            self._clients[loop] = AsyncOpenAI(api_key=key, base_url=url, timeout=timeout, max_retries=0)
        return self._clients[loop]

    def _explain(self, error: Exception) -> UpstreamFailed:
        import openai

        _, key = self._answerer.endpoint
        told = explain(error, self._answerer.settings, key)
        if isinstance(error, openai.APITimeoutError):
            return UpstreamFailed(ApiError(504, str(told), code="upstream_timeout"), billed=told.billed)
        if not isinstance(error, openai.APIStatusError):
            return UpstreamFailed(ApiError(502, str(told), code="upstream_error"), billed=told.billed)
        status, body = error.status_code, error.body if isinstance(error.body, dict) else {}
        code = body.get("code") if isinstance(body.get("code"), str) else None
        if status in _THEIRS:
            message = redact(str(body.get("message") or told), key)
            param = body.get("param") if isinstance(body.get("param"), str) else None
            return UpstreamFailed(ApiError(status, message, code=code or "upstream_error", param=param), billed=False)
        if status == 429:
            code = code or "rate_limit_exceeded"
            return UpstreamFailed(ApiError(429, str(told), code=code, retry_after=_wait(error)), billed=False)
        # 401 and 403 are about the shelf's own key, which is not our client's business.
        shown = status if status >= 500 else 502
        return UpstreamFailed(ApiError(shown, str(told), code="upstream_error", retry_after=_wait(error)), billed=False)


def readable(event: Mapping[str, Any]) -> Any:
    """An event with the attributes that ``Reply`` reads. What is missing is ``None``, as other servers leave it out."""
    from openai.types.responses import Response

    kind, item, response = event.get("type"), event.get("item"), event.get("response")
    if isinstance(response, dict):
        return SimpleNamespace(type=kind, response=Response.construct(**response))
    return SimpleNamespace(
        type=kind,
        response=None,
        output_index=event.get("output_index"),
        content_index=event.get("content_index"),
        item=SimpleNamespace(phase=item.get("phase") if isinstance(item, dict) else None),
        delta=event.get("delta") or "",
        code=event.get("code"),
        message=event.get("message"),
    )


def _wait(error: openai.APIStatusError) -> float | None:
    """Seconds that the upstream asks to wait."""
    asked = error.response.headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() else None


def _provider_errors() -> tuple[type[Exception], ...]:
    import openai

    # ValueError: a stream whose events are not JSON.
    return (openai.OpenAIError, ValueError)
