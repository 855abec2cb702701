"""The page of documents: of a source or of all, by words in them, in pages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from openshelf.inspector.reading import list_documents
from openshelf.inspector.rendering import render
from openshelf.shelf import Shelf

_PAGE = 50


def page(shelf: Shelf, request: Request) -> Response:
    """``/inspect/documents?source=…&words=…&inside=1&page=2``."""
    given = request.query_params
    source, words = given.get("source", ""), given.get("words", "").strip()[:200]
    inside = given.get("inside") == "1"
    number = max(1, int(text)) if (text := given.get("page", "")).isascii() and text.isdigit() and len(text) < 8 else 1
    first = (number - 1) * _PAGE
    found, total = list_documents(shelf.ledger, source=source, words=words, inside=inside, first=first, most=_PAGE)
    return render(
        "documents.html",
        title=f"Documents of {source}" if source else "Documents",
        here="documents",
        source=source,
        words=words,
        inside=inside,
        sources=[one.name for one in shelf.status()],
        found=found,
        total=total,
        first=first + 1,
        last=first + len(found),
        number=number,
        pages=max(1, -(-total // _PAGE)),
    )
