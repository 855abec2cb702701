"""The page of health: what ``openshelf doctor`` finds. It reads the whole ledger, so only where it is asked for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from openshelf.inspector.rendering import render
from openshelf.shelf import Shelf


def page(shelf: Shelf, request: Request) -> Response:
    """``/inspect/health``, and with ``run=1`` the findings."""
    redact = shelf.loaded.redactor.redact
    found = shelf.doctor() if request.query_params.get("run") == "1" else None
    findings = None if found is None else [(one, redact(one.detail)) for one in found]
    return render("health.html", title="Health", here="health", findings=findings)
