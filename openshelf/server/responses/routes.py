"""``/v1/responses``: make, read, follow, cancel, list what it was asked with, delete."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from configs.errors import OpenshelfError
from openshelf.server.contract import Caller
from openshelf.server.errors import ApiError, translated
from openshelf.server.responses import plumbing
from openshelf.server.responses.background import Background
from openshelf.server.responses.course import House, Run
from openshelf.server.responses.items import answered
from openshelf.server.responses.references import resolved
from openshelf.server.responses.request import ResponseRequest, read_request, schema_of
from openshelf.server.responses.upstream import Upstream

_GONE = 499  # nobody reads it: the client has left


class ResponseRoutes:
    """The handlers of responses.

    Args:
        who: tells who sent a request, or raises.
    """

    def __init__(self, house: House, upstream: Upstream, background: Background, who: plumbing.WhoAsks) -> None:
        self._house, self._upstream, self._background, self._who = house, upstream, background, who

    def add_to(self, router: APIRouter) -> None:
        """Register the handlers."""
        body = {"requestBody": {"content": {"application/json": {"schema": schema_of(ResponseRequest)}}}}
        streamed: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}
        one = "/v1/responses/{response_id}"
        add = router.add_api_route
        summary = "Create a response"
        add("/v1/responses", self.create, methods=["POST"], summary=summary, openapi_extra=body, responses=streamed)
        add(
            "/v1/responses/input_tokens", self.count, methods=["POST"], summary="Count input tokens", openapi_extra=body
        )
        add(one, self.read, methods=["GET"], summary="Read a response", responses=streamed)
        add(one, self.delete, methods=["DELETE"], summary="Delete a response")
        add(f"{one}/cancel", self.cancel, methods=["POST"], summary="Cancel a background response")
        add(f"{one}/input_items", self.input_items, methods=["GET"], summary="List what a response was asked with")

    async def create(self, request: Request) -> Response:
        """Answer, as one object or as a stream of events."""
        caller = await plumbing.reader(self._who, request)
        body = await plumbing.body_of(request)
        asked, run = await self._run(caller, body)
        if asked.background:
            try:
                queued = await self._background.add(run, body)
            except OpenshelfError as error:
                raise translated(error) from None
            if not asked.stream:
                return JSONResponse(queued)
            return plumbing.EventStream(self._background.follow(queued["id"]))
        events = self._upstream.run(run.steps())
        if not asked.stream:
            last = await plumbing.last_event(events, request)
            if run.failure is not None:
                raise run.failure
            return Response(status_code=_GONE) if last is None else JSONResponse(last["response"])
        first = await anext(events, None)
        if run.failure is not None:
            raise run.failure
        if first is None:
            raise ApiError(500, "The response had no beginning.", code="server_error")
        return plumbing.EventStream(events, first)

    async def count(self, request: Request) -> Response:
        """About how many tokens a request would send to the model, more rather than less. Nothing is sent."""
        caller = await plumbing.reader(self._who, request)
        _, run = await self._run(caller, await plumbing.body_of(request))
        try:
            tokens = await anyio.to_thread.run_sync(run.count)
        except OpenshelfError as error:
            raise translated(error) from None
        return JSONResponse({"object": "response.input_tokens", "input_tokens": tokens})

    async def _run(self, caller: Caller, body: Any) -> tuple[ResponseRequest, Run]:
        try:
            asked = read_request(body)
            asked.input = await anyio.to_thread.run_sync(resolved, self._house.ledger, caller, asked.input)
            return asked, Run(self._house, caller, asked)
        except OpenshelfError as error:
            raise translated(error) from None

    async def read(self, request: Request, response_id: str) -> Response:
        """A response as it is now, or with ``stream=true`` the events of one that was made in the background; results
        of searches only where ``include`` asks for them."""
        caller = await plumbing.reader(self._who, request)
        after = plumbing.streamed_after(request)
        response, _ = await anyio.to_thread.run_sync(self._house.responses.get, caller, response_id)
        if after is not None:
            if not await anyio.to_thread.run_sync(self._house.jobs.streamed, response_id):
                raise ApiError(
                    400,
                    "Only what was made with background: true and stream: true can be streamed again, for a day.",
                    code="unsupported_parameter",
                    param="stream",
                )
            return plumbing.EventStream(self._background.follow(response_id, after))
        include = plumbing.include_of(request)
        response["output"] = [answered(item, include) for item in response["output"]]
        return JSONResponse(response)

    async def cancel(self, request: Request, response_id: str) -> Response:
        """Stop a response that is made in the background. One that is over is answered as it is."""
        caller = await plumbing.reader(self._who, request)
        response = await self._background.cancel(caller, response_id)
        response["output"] = [answered(item) for item in response["output"]]
        return JSONResponse(response)

    async def delete(self, request: Request, response_id: str) -> Response:
        """Forget a response, and stop it where it is still made. Those that go on from it lose their history up to
        here."""
        caller = await plumbing.reader(self._who, request)
        await anyio.to_thread.run_sync(self._house.responses.delete, caller, response_id)
        await self._background.drop(response_id)
        return JSONResponse({"id": response_id, "object": "response", "deleted": True})

    async def input_items(self, request: Request, response_id: str) -> Response:
        """The items of the request, a page of them."""
        caller = await plumbing.reader(self._who, request)
        _, given = await anyio.to_thread.run_sync(self._house.responses.get, caller, response_id)
        return JSONResponse(plumbing.page(given, request))
