"""``/v1/responses``: make, read, list what it was asked with, delete."""

from __future__ import annotations

import anyio.to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from configs.errors import OpenshelfError
from openshelf.server.errors import ApiError, translated
from openshelf.server.responses import plumbing
from openshelf.server.responses.course import House, Run
from openshelf.server.responses.items import answered
from openshelf.server.responses.request import ResponseRequest, read_request, schema_of
from openshelf.server.responses.upstream import Upstream

_GONE = 499  # nobody reads it: the client has left


class ResponseRoutes:
    """The handlers of responses.

    Args:
        who: tells who sent a request, or raises.
    """

    def __init__(self, house: House, upstream: Upstream, who: plumbing.WhoAsks) -> None:
        self._house, self._upstream, self._who = house, upstream, who

    def add_to(self, router: APIRouter) -> None:
        """Register the handlers."""
        body = {"requestBody": {"content": {"application/json": {"schema": schema_of(ResponseRequest)}}}}
        one = "/v1/responses/{response_id}"
        add = router.add_api_route
        add("/v1/responses", self.create, methods=["POST"], summary="Create a response", openapi_extra=body)
        add(one, self.read, methods=["GET"], summary="Read a response")
        add(one, self.delete, methods=["DELETE"], summary="Delete a response")
        add(f"{one}/input_items", self.input_items, methods=["GET"], summary="List what a response was asked with")

    async def create(self, request: Request) -> Response:
        """Answer, as one object or as a stream of events."""
        caller = await plumbing.reader(self._who, request)
        body = await plumbing.body_of(request)
        try:
            asked = read_request(body)
            run = Run(self._house, caller, asked)
        except OpenshelfError as error:
            raise translated(error) from None
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
        return plumbing.EventStream(first, events)

    async def read(self, request: Request, response_id: str) -> Response:
        """A response as it was made; results of searches only where ``include`` asks for them."""
        caller = await plumbing.reader(self._who, request)
        if request.query_params.get("stream", "false").lower() == "true":
            raise ApiError(
                400, "A finished response is not streamed again.", code="unsupported_parameter", param="stream"
            )
        response, _ = await anyio.to_thread.run_sync(self._house.responses.get, caller, response_id)
        include = plumbing.include_of(request)
        response["output"] = [answered(item, include) for item in response["output"]]
        return JSONResponse(response)

    async def delete(self, request: Request, response_id: str) -> Response:
        """Forget a response. Those that go on from it lose their history up to here."""
        caller = await plumbing.reader(self._who, request)
        await anyio.to_thread.run_sync(self._house.responses.delete, caller, response_id)
        return JSONResponse({"id": response_id, "object": "response", "deleted": True})

    async def input_items(self, request: Request, response_id: str) -> Response:
        """The items of the request, a page of them."""
        caller = await plumbing.reader(self._who, request)
        _, given = await anyio.to_thread.run_sync(self._house.responses.get, caller, response_id)
        return JSONResponse(plumbing.page(given, request))
