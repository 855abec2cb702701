"""The page of a document: its text with the boundaries of its chunks, as indexed or with another chunker."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from configs.chunkers import read_chunker
from configs.errors import OpenshelfError
from configs.schema import Chunker
from ingest.document import Chunk
from openshelf.inspector import cutting
from openshelf.inspector.drawing import Drawing, Figures, draw, figures
from openshelf.inspector.reading import Stored, read_document
from openshelf.inspector.rendering import markup, render
from openshelf.shelf import Shelf


@dataclass(frozen=True, slots=True)
class _Cut:
    """What is drawn.

    Attributes:
        tried: whether this is another cut than the index has.
    """

    chunker: Chunker
    chunks: list[Chunk]
    figures: Figures
    drawing: Drawing
    tried: bool
    yaml: str


def page(shelf: Shelf, request: Request) -> Response:
    """``/inspect/document?source=…&id=…``, with ``chunk`` or ``at`` to look at, and a chunker's settings."""
    stored = _stored(shelf, request)
    indexed = _indexed_with(stored)
    source = shelf.config.sources.get(stored.build.source)
    problem, hint = None, None
    try:
        shown = _cut(shelf, request, stored)
    except OpenshelfError as error:
        # The form stays, with what is wrong beside it.
        problem, hint = shelf.loaded.redactor.redact(error.message), error.hint
        shown = _as_indexed(stored, indexed, request)
    return render(
        "document.html",
        title=stored.document.title or stored.document.id,
        here="documents",
        stored=stored,
        document=stored.document,
        indexed=indexed,
        before=figures(stored.document, stored.chunks),
        settings_line=cutting.settings_line,
        kinds=cutting.kinds(indexed),
        fields=cutting.form(shown.chunker),
        can_cut=source is not None,
        stale=source is not None and source.chunker != indexed,
        problem=problem,
        hint=hint,
        marked=_number(request, "chunk"),
        keep=_kept(request),
        cut=shown,
    )


def cut(shelf: Shelf, request: Request) -> Response:
    """``/inspect/document/cut``: the parameters of the page, and as JSON what changes on it.

    ``chunks`` has spans in characters (code points) of the parsed text; ``html`` is the drawing. With ``only=html`` the
    chunks, of which a long text has tens of thousands, are left out.
    """
    stored = _stored(shelf, request)
    shown = _cut(shelf, request, stored)
    drawn = markup(
        "cut.html",
        document=stored.document,
        indexed=_indexed_with(stored),
        before=figures(stored.document, stored.chunks),
        settings_line=cutting.settings_line,
        marked=None,
        keep=_kept(request),
        problem=None,
        hint=None,
        cut=shown,
    )
    whole = request.query_params.get("only") != "html"
    return JSONResponse(
        {
            "chunker": shown.chunker.model_dump(mode="json"),
            **({"chunks": [_plain(chunk) for chunk in shown.chunks]} if whole else {}),
            "figures": asdict(shown.figures),
            "yaml": shown.yaml,
            "html": drawn,
        }
    )


def _stored(shelf: Shelf, request: Request) -> Stored:
    return read_document(shelf.ledger, request.query_params.get("source", ""), request.query_params.get("id", ""))


def _cut(shelf: Shelf, request: Request, stored: Stored) -> _Cut:
    indexed = _indexed_with(stored)
    given = request.query_params
    if cutting.TYPE not in given:
        return _as_indexed(stored, indexed, request)
    source = shelf.source(stored.build.source)
    chunker = cutting.chosen(dict(given), indexed)
    document, chunks = cutting.cut(shelf, source, stored.document, chunker)
    return _Cut(
        chunker,
        chunks,
        figures(document, chunks),
        draw(document, chunks, _position(request, chunks)),
        chunker != indexed,
        cutting.yaml_for(source.name, chunker),
    )


def _as_indexed(stored: Stored, indexed: Chunker, request: Request) -> _Cut:
    return _Cut(
        indexed,
        stored.chunks,
        figures(stored.document, stored.chunks),
        draw(stored.document, stored.chunks, _position(request, stored.chunks)),
        False,
        cutting.yaml_for(stored.build.source, indexed),
    )


def _indexed_with(stored: Stored) -> Chunker:
    """The chunker that the index was made with; a plug-in's that is gone stands as the default one."""
    return read_chunker(dict(stored.build.settings.get("chunker") or {}), (cutting.TYPE,))[0]


def _position(request: Request, chunks: list[Chunk]) -> int:
    number = _number(request, "chunk")
    if number is not None and 0 < number <= len(chunks):
        return chunks[number - 1].start
    return _number(request, "at") or 0


def _kept(request: Request) -> list[tuple[str, str]]:
    """The address's parameters without the place to look at."""
    return [(name, value) for name, value in request.query_params.items() if name not in ("at", "chunk", "only")]


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _plain(chunk: Chunk) -> dict[str, Any]:
    return {
        "number": chunk.ordinal + 1,
        "start": chunk.start,
        "end": chunk.end,
        "tokens": chunk.tokens,
        "heading_path": list(chunk.heading_path),
        "page": chunk.page,
        "prefix": chunk.prefix,
        "header": chunk.header,
        "parent": chunk.parent,
    }
