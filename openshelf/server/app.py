"""The ASGI application: routes, errors, lifetime."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import run_sync
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from configs.errors import ConfigError, OpenshelfError
from configs.server import Server
from openshelf.cli.app import installed_version
from openshelf.inspector.app import attach
from openshelf.inspector.door import Key
from openshelf.server import (
    attachment_routes,
    batch_routes,
    file_routes,
    health_routes,
    search_routes,
    store_routes,
    upload_routes,
)
from openshelf.server.errors import ApiError, answer, translated
from openshelf.server.invalid import first_problem
from openshelf.server.metrics import Metrics
from openshelf.server.replies import ErrorReply
from openshelf.server.responses import router as responses_router
from openshelf.server.services import Services
from openshelf.server.upload_routes import LimitsBesideParts
from openshelf.shelf import Shelf

log = logging.getLogger("openshelf.server")

_DESCRIPTION = "OpenAI's files, vector stores, responses and conversations over a shelf of one's own."
_PLAIN = {404: ("There is no such address.", "unknown_url"), 405: ("This address has no such method.", "unknown_url")}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorReply, "description": "An error."}
    for status in (400, 401, 402, 403, 404, 405, 409, 413, 429, 500, 502)
}


class _App(FastAPI):
    """FastAPI with ``Limits`` around everything, its own answers to errors included."""

    limits: dict[str, Any]

    def build_middleware_stack(self) -> ASGIApp:
        """The application that a request meets."""
        return LimitsBesideParts(super().build_middleware_stack(), **self.limits)

    def openapi(self) -> dict[str, Any]:
        """Our own document: no 422, which this server never sends, and the key."""
        if not self.openapi_schema:
            document = super().openapi()
            for path in document["paths"].values():
                for operation in path.values():
                    operation.get("responses", {}).pop("422", None)
            parts = document.setdefault("components", {})
            for name in ("HTTPValidationError", "ValidationError"):
                parts.get("schemas", {}).pop(name, None)
            parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"key": []}, {}]
        return self.openapi_schema or {}


def create_app(
    shelf: Shelf, settings: Server | None = None, *, loopback: bool = True, inspector: Key | None = None
) -> FastAPI:
    """The application over an open shelf, which it does not close.

    Args:
        settings: the shelf's own by default.
        loopback: the server can only be reached from this machine; then it needs no keys as long as there are none.
        inspector: serve the operator's view at ``/inspect`` too, behind this key.

    Raises:
        ConfigError: the inspector is asked for on a server that others can reach.
    """
    if inspector is not None and not loopback:
        raise ConfigError(
            "The inspector shows restricted documents too, so it is served on this machine only.",
            hint="Listen on 127.0.0.1.",
        )
    settings = settings or shelf.config.server
    services = Services(shelf, settings, loopback=loopback)
    metrics = Metrics(services.indexing.tally, services.files_by_status)

    @asynccontextmanager
    async def lifetime(_app: FastAPI) -> AsyncIterator[None]:
        services.start()
        try:
            yield
        finally:
            await run_sync(services.stop)

    app = _App(
        title="Openshelf",
        version=installed_version(),
        description=_DESCRIPTION,
        lifespan=lifetime,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=_ERRORS,
    )
    app.limits = {
        "max_file": settings.max_file_bytes,
        "max_request": settings.max_request_bytes,
        "max_concurrent": settings.max_concurrent,
        "observe": metrics.observe,
    }
    app.state.services = services
    _answer_errors(app)
    app.include_router(health_routes.router(services, metrics))
    for routes in (file_routes, upload_routes, search_routes, batch_routes, attachment_routes, store_routes):
        app.include_router(routes.router(services))
    most = settings.max_concurrent
    app.include_router(responses_router(shelf, services.finding, services.access.caller, most=most))
    if inspector is not None:
        attach(app, shelf, inspector)
    return app


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def _api(_request: Request, error: ApiError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(OpenshelfError)
    async def _shelf(_request: Request, error: OpenshelfError) -> JSONResponse:
        translation = translated(error)
        if translation.status >= 500:
            log.error("%s", error)
        return answer(translation)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return answer(first_problem(error.errors()))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        message, code = str(error.detail), None
        if error.status_code in _PLAIN:
            said, code = _PLAIN[error.status_code]
            message = f"{said} ({request.method} {request.url.path})"
        answered = answer(ApiError(error.status_code, message, code=code))
        answered.headers.update(error.headers or {})
        return answered

    @app.exception_handler(ClientDisconnect)
    async def _gone(_request: Request, _error: ClientDisconnect) -> JSONResponse:
        # Nobody reads this; it is for the metrics.
        return answer(ApiError(400, "The connection was closed before the request was whole.", code="disconnected"))

    @app.exception_handler(Exception)
    async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
        log.error("A request failed in a way that is not expected.", exc_info=error)
        return answer(ApiError(500, "The server had an error while processing your request.", code="server_error"))
