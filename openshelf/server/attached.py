"""The files attached to a vector store, as a connector gives them: what changed since a revision, in its order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sqlalchemy import Connection, Row, select

from configs.errors import ConfigError, ConnectorError, ParseError
from connectors.contract import (
    Change,
    Checkpoint,
    Cursor,
    Delete,
    Failed,
    MetaValue,
    Reachability,
    SourceDocument,
    Upsert,
)
from connectors.conversation import MEDIA_TYPE as CONVERSATION
from connectors.conversation import read_conversation
from connectors.csv_table import CsvTable
from connectors.files import MEDIA_TYPES
from connectors.row_documents import Draft, RowDocuments, Rules
from connectors.version import digest
from ingest.ledger import Ledger, runs
from ingest.ledger.tables import builds, documents
from ingest.ledger.where import FIELDS
from ingest.metadata import READER, UNRESTRICTED
from ingest.parse import formats
from openshelf.server.attaching import COMPLETED, IN_PROGRESS, with_files
from openshelf.server.tables import attachments, removals

UNSUPPORTED = "unsupported"
"""The step of a ``Failed`` whose format nothing here can read."""

RESERVED = "attribute."
"""Put before an attribute's key that means something else to the ledger or the vector store."""

_PAGE = 100
_FILES, _BYTES = 16, 4_000_000  # committed together
_TABLES = (".csv", ".tsv", ".tab")
_TAKEN = frozenset({*FIELDS, UNRESTRICTED})
# Chroma refuses the last three.
_TAKEN_STARTS = (READER, RESERVED, "#", "$", "chroma:")


class AttachedFiles:
    """Reads the attachments of one of the ledger's sources. Its cursor is ``{"revision": number}``.

    Args:
        path_of: where the content of a digest is.
        max_bytes: larger files are not read into memory, so they fail.
        stopping: asked between files; when it says so, the run ends at its last checkpoint.
        trying: told of each attachment before its file is read; ``False``: it is given up.
    """

    def __init__(
        self,
        ledger: Ledger,
        source: str,
        path_of: Callable[[str], Path],
        *,
        max_bytes: int,
        stopping: Callable[[], bool],
        trying: Callable[[Row[Any]], bool],
    ) -> None:
        self._ledger = ledger
        self._source = source
        self._path_of = path_of
        self._max_bytes = max_bytes
        self._stopping = stopping
        self._trying = trying

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield documents and deletions behind the cursor's revision, also those that come in meanwhile."""
        at = int((cursor or {}).get("revision", 0))
        count = size = 0
        while events := self._behind(at):
            for revision, row in events:
                if self._stopping():
                    yield Checkpoint({"revision": at})
                    return
                if isinstance(row, str):
                    # Committed first, so that what is in the batch is found in the ledger too.
                    yield Checkpoint({"revision": at})
                    count = size = 0
                    for document_id in self._indexed(row):
                        yield Delete(document_id)
                else:
                    yield from self._documents(row)
                    count, size = count + 1, size + row.bytes
                at = revision
                if count >= _FILES or size >= _BYTES:
                    yield Checkpoint({"revision": at})
                    count = size = 0
        yield Checkpoint({"revision": at})

    def check(self) -> Reachability:
        """There is nothing to reach."""
        return Reachability(True, "Files uploaded over HTTP.")

    def _behind(self, revision: int) -> list[tuple[int, Row[Any] | str]]:
        with self._ledger.reading() as connection:
            added = connection.execute(
                with_files()
                .where(
                    attachments.c.source == self._source,
                    attachments.c.status.in_((IN_PROGRESS, COMPLETED)),
                    attachments.c.revision > revision,
                )
                .order_by(attachments.c.revision)
                .limit(_PAGE)
            ).all()
            removed = connection.execute(
                select(removals.c.revision, removals.c.file_id)
                .where(
                    removals.c.source == self._source, removals.c.file_id.is_not(None), removals.c.revision > revision
                )
                .order_by(removals.c.revision)
                .limit(_PAGE)
            ).all()
        events: list[tuple[int, Row[Any] | str]] = [(row.revision, row) for row in added]
        events += [(row.revision, row.file_id) for row in removed]
        return sorted(events, key=lambda event: event[0])[:_PAGE]

    def _indexed(self, file_id: str) -> list[str]:
        with self._ledger.reading() as connection:
            failing = {name for name in runs.failed_ids(connection, self._source) if file_of(name) == file_id}
            return sorted(document_ids(connection, self._source, file_id) | failing)

    def _documents(self, row: Row[Any]) -> Iterator[Upsert | Failed]:
        if not self._trying(row):
            yield Failed(
                row.file_id,
                "The server ended while it read this file, several times, so it is given up. Attach it again to retry.",
                title=row.filename,
            )
            return
        path = self._path_of(row.digest)
        suffix = PurePosixPath(row.filename).suffix.lower()
        try:
            with path.open("rb") as file:
                if suffix in _TABLES:
                    yield from self._rows(row, file)
                else:
                    yield self._whole(row, file, suffix)
        except FileNotFoundError:
            yield Failed(row.file_id, "The content of the file is no longer there.", title=row.filename)
        except (ConnectorError, ConfigError) as error:
            yield Failed(row.file_id, str(error), step="decode", title=row.filename)

    def _whole(self, row: Row[Any], file: IO[bytes], suffix: str) -> Upsert | Failed:
        if row.bytes > self._max_bytes:
            return Failed(
                row.file_id,
                f"The file has {row.bytes:,} bytes; at most {self._max_bytes:,} are indexed (parser.max_bytes).",
                step="decode",
                title=row.filename,
            )
        content = file.read()
        media_type = MEDIA_TYPES.get(suffix, "application/octet-stream")
        if media_type == CONVERSATION:
            try:
                conversation = read_conversation(content)
            except ValueError:
                conversation = None
            media_type, content = ("text/plain", content) if conversation is None else (CONVERSATION, conversation[1])
        document = SourceDocument(
            row.file_id,
            content,
            media_type,
            row.filename,
            _version(row, row.digest),
            metadata=as_metadata(row.attributes),
            filename=row.filename,
        )
        try:
            formats.detect(document, self._max_bytes)
        except ParseError as error:
            return Failed(row.file_id, f"{row.filename}: {error}", step=UNSUPPORTED, title=row.filename)
        return Upsert(document)

    def _rows(self, row: Row[Any], file: IO[bytes]) -> Iterator[Upsert | Failed]:
        tab = None if row.filename.lower().endswith(".csv") else "\t"
        table = CsvTable(file, row.filename, delimiter=tab)
        made = RowDocuments(Rules())
        metadata = as_metadata(row.attributes)
        for each in table.rows():
            for change in made.add(Draft(table.name, row.filename, None, table.columns, each)):
                if isinstance(change, Failed):
                    yield Failed(f"{row.file_id}/{change.id}"[:1000], change.error, step="row", title=row.filename)
                    continue
                document = change.document
                yield Upsert(
                    SourceDocument(
                        f"{row.file_id}/{document.id}",
                        document.content,
                        document.media_type,
                        document.title,
                        _version(row, document.version),
                        metadata=metadata,
                        filename=row.filename,
                    )
                )


def document_ids(connection: Connection, source: str, file_id: str) -> set[str]:
    """Ids of the documents that a file became, in any build of ``source``."""
    named = documents.c.document_id
    # "0" is the character behind "/": a range that the index of the ids can answer.
    rows = connection.execute(
        select(named)
        .join(builds, builds.c.id == documents.c.build)
        .where(builds.c.source == source, (named == file_id) | ((named > f"{file_id}/") & (named < f"{file_id}0")))
    )
    return set(rows.scalars())


def file_of(document_id: str) -> str:
    """The file that a document came from."""
    return document_id.partition("/")[0]


def key_in_metadata(key: str) -> str:
    """What an attribute's key is called in the ledger."""
    return f"{RESERVED}{key}" if key in _TAKEN or key.startswith(_TAKEN_STARTS) else key


def as_metadata(attributes: Mapping[str, Any]) -> dict[str, MetaValue]:
    """An attachment's attributes as a document's metadata."""
    return {
        key_in_metadata(key): float(value) if type(value) is int and abs(value) >= 2**63 else value
        for key, value in attributes.items()
    }


def _version(row: Row[Any], content: str) -> str:
    about = hashlib.blake2b(json.dumps(row.attributes, sort_keys=True).encode(), digest_size=8).hexdigest()
    return digest([content, row.filename, about])
