"""How a document would be cut, before anything is indexed: the parsed text and its chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from configs.chunkers import read_chunker
from configs.errors import ConfigError, ParseError
from configs.messages import dotted
from configs.schema import Chunker, Source
from connectors.contract import Failed, SourceDocument, Upsert
from connectors.registry import validate_options
from ingest.document import Chunk, Document
from ingest.index import Indexer
from ingest.ledger import builds, flips
from ingest.ledger.tables import builds as build_rows
from ingest.ledger.tables import documents
from ingest.parse import parse

if TYPE_CHECKING:
    from openshelf.shelf import Shelf

_TABLES = {".csv", ".tsv"}


@dataclass(frozen=True, slots=True)
class Preview:
    """A document cut into chunks.

    Attributes:
        chunker: the settings it was cut with.
        note: what the reader should know, for example that only the first row of a table is shown.
    """

    document: Document
    chunks: list[Chunk]
    chunker: Chunker
    note: str | None = None


def preview(shelf: Shelf, target: str, *, chunker: Mapping[str, Any] | None, source: str | None) -> Preview:
    """Cut a file, or a document on the shelf, as ``source`` (or the defaults) would, or with another chunker.

    Args:
        target: path of a file, or the id of a document on the shelf.
        chunker: settings as in the YAML, for example ``{"type": "token", "size": 200}``.

    Raises:
        ConfigError: the chunker's settings are wrong, or there is neither a file nor a document ``target``.
        ParseError: the file cannot be parsed.
    """
    path = Path(target)
    note = None
    if path.is_file():
        settings = shelf.source(source) if source else _file_source(shelf, path)
        raw, note = _read(path)
        document = parse(settings.name, raw, settings.parser)
    else:
        settings, document = _stored(shelf, target, source)
    if chunker is not None:
        settings = settings.model_copy(update={"chunker": _chunker(chunker)})
    indexed = Indexer(settings, shelf.embedders.current(), 0, "").index(document)
    return Preview(indexed.document, list(indexed.chunks), settings.chunker, note)


def _chunker(raw: Mapping[str, Any]) -> Chunker:
    found, problems = read_chunker(raw, ("chunker",))
    if problems:
        said = " ".join(f"{dotted(problem.path)} {problem.text}" for problem in problems)
        raise ConfigError(said, hint="See docs/chunking.md.")
    return found


def _file_source(shelf: Shelf, path: Path) -> Source:
    defaults = shelf.config.defaults
    values = {name: getattr(defaults, name) for name in type(defaults).model_fields}
    kind = "csv" if path.suffix.lower() in _TABLES else "files"
    return Source.model_construct(name="preview", type=kind, enabled=True, options={}, **values)


def _read(path: Path) -> tuple[SourceDocument, str | None]:
    folder, kind = path.absolute().parent, "csv" if path.suffix.lower() in _TABLES else "files"
    options = validate_options(kind, {"path": path.name}, folder)
    from connectors.registry import connector_type

    for change in connector_type(kind).build("preview", options, base_dir=folder).changes(None):
        if isinstance(change, Upsert):
            return change.document, "The first row of the table; each row is a document." if kind == "csv" else None
        if isinstance(change, Failed):
            raise ParseError(f"{path} cannot be read: {change.error}")
    raise ParseError(f"{path} is of a type that is not read.", hint="docs/connectors/files.md lists the types.")


def _stored(shelf: Shelf, document_id: str, source: str | None) -> tuple[Source, Document]:
    with shelf.ledger.reading() as connection:
        statement = (
            select(build_rows.c.source)
            .join(documents, documents.c.build == build_rows.c.id)
            .where(documents.c.document_id == document_id, build_rows.c.state == builds.ACTIVE)
        )
        if source:
            statement = statement.where(build_rows.c.source == source)
        names = list(connection.execute(statement).scalars())
        if not names:
            raise ConfigError(
                f"{document_id!r} is neither a file nor a document on the shelf.",
                hint="`openshelf search` shows the ids of documents.",
            )
        if len(names) > 1:
            raise ConfigError(
                f"Several sources have a document {document_id!r}: {', '.join(sorted(names))}.",
                hint="Say which one with --source.",
            )
        build = builds.find(connection, names[0], builds.ACTIVE)
        document = flips.stored(connection, build, document_id) if build else None
    if document is None:
        raise ConfigError(f"The document {document_id!r} was deleted meanwhile.")
    return shelf.source(names[0]), document
