"""``/v1/vector_stores/{id}/files``: attach, list, retrieve, content, chunks, attributes, detach."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection, Row

from openshelf.server import attaching, reading, stores, uploads, yaml_stores
from openshelf.server.access import Reader, Writer
from openshelf.server.attaching import COMPLETED, IN_PROGRESS
from openshelf.server.contract import Caller, Page
from openshelf.server.errors import not_found
from openshelf.server.paging import Paged, PagedInOrder, Paging, select_page, slice_page
from openshelf.server.replies import ChunkList, Content, Deleted, Status, StoreFile, StoreFileList
from openshelf.server.requests import AttachFile, UpdateAttributes
from openshelf.server.services import Services
from openshelf.server.tables import attachments

_PATIENCE = 10.0  # seconds that an answer waits for the index
POLL = {"openai-poll-after-ms": "250"}
StatusFilter = Annotated[Status | None, Query(alias="filter", description="Only files of this status.")]


def router(services: Services) -> APIRouter:
    """The routes over ``services``."""
    made = APIRouter(prefix="/v1/vector_stores/{vector_store_id}/files", tags=["vector store files"])
    ledger, yaml = services.shelf.ledger, services.yaml

    def attached(connection: Connection, store: str, file_id: str) -> Row[Any]:
        row = attaching.find(connection, store, file_id)
        if row is None:
            raise not_found("file", file_id, param="file_id")
        return row

    def writable(connection: Connection, store: str, caller: Caller) -> None:
        stores.permit(caller, store)
        yaml.refuse_writing(store)
        stores.usable(connection, store)

    def readable(connection: Connection, store: str, caller: Caller) -> None:
        stores.permit(caller, store)
        if yaml.source(store) is None and stores.find(connection, store) is None:
            raise not_found("vector_store", store, param="vector_store_id")

    @made.post("", response_model=StoreFile)
    def attach_file(vector_store_id: str, body: AttachFile, caller: Writer, response: Response) -> dict[str, Any]:
        """Attach a file; it is indexed in the background."""
        with ledger.writing() as connection:
            writable(connection, vector_store_id, caller)
            uploads.find(connection, body.file_id, caller)
            attaching.attach(connection, vector_store_id, [body.wanted()])
            stores.touch(connection, vector_store_id)
            row = attached(connection, vector_store_id, body.file_id)
        services.indexing.wake()
        response.headers.update(POLL)
        return shown(row)

    @made.get("", response_model=StoreFileList)
    def list_attached_files(
        vector_store_id: str, paging: Paged, caller: Reader, status: StatusFilter = None
    ) -> dict[str, Any]:
        """List the files of a vector store."""
        with ledger.reading() as connection:
            readable(connection, vector_store_id, caller)
            if (source := yaml.source(vector_store_id)) is not None:
                names = [] if status not in (None, COMPLETED) else yaml.seen(connection, source, caller.groups)
                page, more = slice_page(names, paging)
                rows = [yaml.document(connection, source, name, caller.groups)[1] for name in page]
                data = [yaml_stores.shown_document(source, row, name) for name, row in zip(page, rows, strict=True)]
                return Page(data, more).as_dict()
            return page_of_files(connection, paging, status, attachments.c.store == vector_store_id)

    @made.get("/{file_id}", response_model=StoreFile)
    def retrieve_attached_file(
        vector_store_id: str, file_id: str, caller: Reader, response: Response
    ) -> dict[str, Any]:
        """Retrieve a file of a vector store, with its status."""
        with ledger.reading() as connection:
            readable(connection, vector_store_id, caller)
            if (source := yaml.source(vector_store_id)) is not None:
                _, document = yaml.document(connection, source, file_id, caller.groups)
                return yaml_stores.shown_document(source, document, file_id)
            row = attached(connection, vector_store_id, file_id)
        if row.status == IN_PROGRESS:
            response.headers.update(POLL)
        return shown(row)

    @made.post("/{file_id}", response_model=StoreFile)
    def update_attributes(vector_store_id: str, file_id: str, body: UpdateAttributes, caller: Writer) -> dict[str, Any]:
        """Replace a file's attributes; nothing is embedded for that."""
        with ledger.writing() as connection:
            writable(connection, vector_store_id, caller)
            row = attached(connection, vector_store_id, file_id)
            revision = attaching.change_attributes(connection, row, body.attributes or {})
        if revision is not None:
            # So that a search right behind this answer finds by the new attributes.
            services.indexing.wait(row.source, revision, _PATIENCE)
        with ledger.reading() as connection:
            return shown(attached(connection, vector_store_id, file_id))

    @made.delete("/{file_id}", response_model=Deleted)
    def detach_file(vector_store_id: str, file_id: str, caller: Writer) -> dict[str, Any]:
        """Take a file out of a vector store; the file itself stays."""
        with ledger.writing() as connection:
            writable(connection, vector_store_id, caller)
            attaching.detach(connection, attached(connection, vector_store_id, file_id))
        services.indexing.wake()
        return {"id": file_id, "object": "vector_store.file.deleted", "deleted": True}

    @made.get("/{file_id}/content", response_model=Content)
    def attached_content(vector_store_id: str, file_id: str, caller: Reader) -> dict[str, Any]:
        """What a file says, as it was read: one text, or one for each row of a table."""
        with ledger.reading() as connection:
            readable(connection, vector_store_id, caller)
            texts = reading.texts(connection, documents_of(connection, vector_store_id, file_id, caller))
        return {
            "object": "vector_store.file_content.page",
            "data": [{"type": "text", "text": text} for text in texts],
            "has_more": False,
            "next_page": None,
        }

    @made.get("/{file_id}/chunks", response_model=ChunkList)
    def attached_chunks(vector_store_id: str, file_id: str, paging: PagedInOrder, caller: Reader) -> dict[str, Any]:
        """The chunks that a file was cut into. Beyond OpenAI's API."""
        with ledger.reading() as connection:
            readable(connection, vector_store_id, caller)
            rows = documents_of(connection, vector_store_id, file_id, caller)
            page, more = slice_page(reading.chunk_ids(connection, rows), paging)
            return Page(reading.chunks_shown(connection, page), more).as_dict()

    def documents_of(connection: Connection, store: str, file_id: str, caller: Caller) -> list[int]:
        if (source := yaml.source(store)) is not None:
            return [yaml.document(connection, source, file_id, caller.groups)[1].rowid]
        row = attached(connection, store, file_id)
        return reading.document_rows(connection, row.source, file_id)

    return made


def page_of_files(connection: Connection, paging: Paging, status: str | None, *where: Any) -> dict[str, Any]:
    """A page of attachments."""
    conditions = where if status is None else (*where, attachments.c.status == status)
    rows, more = select_page(
        connection, attaching.with_files(), attachments, attachments.c.file_id, paging, *conditions
    )
    return Page([shown(row) for row in rows], more).as_dict()


def shown(row: Row[Any]) -> dict[str, Any]:
    """The vector store file object."""
    return {
        "id": row.file_id,
        "object": "vector_store.file",
        "usage_bytes": row.bytes if row.status == COMPLETED else 0,
        "created_at": int(row.created),
        "vector_store_id": row.store,
        "status": row.status,
        "last_error": {"code": row.error_code, "message": row.error} if row.error else None,
        "chunking_strategy": {
            "type": "static",
            "static": {"max_chunk_size_tokens": row.size, "chunk_overlap_tokens": row.overlap},
        },
        "attributes": row.attributes,
    }
