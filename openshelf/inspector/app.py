"""The inspector as an ASGI application, mounted on the server's own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from configs.errors import OpenshelfError
from openshelf.inspector import costs, document, documents, health, overview, searching
from openshelf.inspector.door import PATH, Door, Key
from openshelf.inspector.rendering import render
from openshelf.shelf import Shelf

log = logging.getLogger("openshelf.inspector")

_STATIC = Path(__file__).parent / "static"
Page = Callable[[Shelf, Request], Response]

_PAGES: dict[str, Page] = {
    "/": overview.page,
    "/documents": documents.page,
    "/document": document.page,
    "/document/cut": document.cut,
    "/search": searching.page,
    "/costs": costs.page,
    "/health": health.page,
}


def attach(app: FastAPI, shelf: Shelf, key: Key) -> None:
    """Serve the inspector of ``shelf`` at ``/inspect`` of ``app``, which must be on loopback."""
    app.router.routes += [
        Route(PATH, _to_the_overview, include_in_schema=False),
        Mount(PATH, Door(_inspector(shelf), key), name="inspector"),
    ]


def _inspector(shelf: Shelf) -> ASGIApp:
    def endpoint(page: Page) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            # Pages read the ledger and may embed a question: not in the event loop.
            return await run_sync(page, shelf, request)

        return answer

    async def wrong(request: Request, error: Exception) -> Response:
        said = shelf.loaded.redactor.redact(getattr(error, "message", str(error)))
        hint = getattr(error, "hint", None)
        if request.url.path.endswith("/cut"):
            return JSONResponse({"error": said, "hint": hint}, 400)
        return render("problem.html", 400, title="Not shown", here="", said=said, hint=hint)

    async def missing(_request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        return render("problem.html", status, title="Not there", here="", said="There is no such page.", hint=None)

    async def unexpected(_request: Request, error: Exception) -> Response:
        log.error("A page failed in a way that is not expected.", exc_info=error)
        said = "Something went wrong that the inspector does not expect; the server's log has it."
        return render("problem.html", 500, title="Not shown", here="", said=said, hint=type(error).__name__)

    return Starlette(
        routes=[
            *(Route(path, endpoint(page)) for path, page in _PAGES.items()),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        exception_handlers={OpenshelfError: wrong, HTTPException: missing, Exception: unexpected},
    )


async def _to_the_overview(request: Request) -> Response:
    query = request.url.query
    return RedirectResponse(f"{PATH}/?{query}" if query else f"{PATH}/", 307)
