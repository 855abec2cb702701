"""``/healthz``, ``/readyz``, ``/metrics``, and the page at ``/docs``."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from configs.errors import OpenshelfError
from openshelf.server.access import Reader
from openshelf.server.docs_page import PAGE, POLICY
from openshelf.server.metrics import Metrics
from openshelf.server.services import Services


def router(services: Services, metrics: Metrics) -> APIRouter:
    """The routes over ``services``."""
    made = APIRouter(include_in_schema=False)

    @made.get("/healthz")
    def healthz() -> PlainTextResponse:
        """Whether the process answers."""
        return PlainTextResponse("ok")

    @made.get("/readyz")
    def readyz() -> JSONResponse:
        """Whether the parts that a request needs are there; 503 names those that are not."""
        wrong = {}
        try:
            with services.shelf.ledger.reading() as connection:
                connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OpenshelfError) as error:
            wrong["ledger"] = type(error).__name__
        try:
            services.shelf.store.collections()
        except OpenshelfError as error:
            wrong["vector store"] = type(error).__name__
        if not services.indexing.alive:
            wrong["indexing"] = "stopped"
        return JSONResponse({"status": "not ready" if wrong else "ok", **wrong}, 503 if wrong else 200)

    @made.get("/metrics")
    def prometheus(_caller: Reader) -> Response:
        """Metrics in Prometheus's text format."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @made.get("/docs")
    def docs() -> HTMLResponse:
        """The API's page."""
        return HTMLResponse(PAGE, headers={"content-security-policy": POLICY})

    return made
