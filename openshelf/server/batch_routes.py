"""``/v1/vector_stores/{id}/file_batches``: attach many files, follow them, cancel them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import Connection, Row, select

from openshelf.server import attaching, stores, uploads
from openshelf.server.access import Reader, Writer
from openshelf.server.attaching import FAILED, IN_PROGRESS
from openshelf.server.attachment_routes import POLL, StatusFilter, page_of_files
from openshelf.server.contract import Caller
from openshelf.server.errors import not_found
from openshelf.server.paging import Paged
from openshelf.server.replies import Batch, StoreFileList
from openshelf.server.requests import AttachFiles
from openshelf.server.services import Services
from openshelf.server.tables import attachments, batches


def router(services: Services) -> APIRouter:
    """The routes over ``services``."""
    made = APIRouter(prefix="/v1/vector_stores/{vector_store_id}/file_batches", tags=["vector store file batches"])
    ledger, yaml = services.shelf.ledger, services.yaml

    def found(connection: Connection, store: str, batch_id: str, caller: Caller) -> Row[Any]:
        stores.permit(caller, store)
        row = connection.execute(select(batches).where(batches.c.store == store, batches.c.id == batch_id)).first()
        if row is None:
            raise not_found("file_batch", batch_id, param="batch_id")
        return row

    @made.post("", response_model=Batch)
    def create_file_batch(
        vector_store_id: str, body: AttachFiles, caller: Writer, response: Response
    ) -> dict[str, Any]:
        """Attach files together; they are indexed in the background."""
        wanted = body.wanted()
        stores.permit(caller, vector_store_id)
        yaml.refuse_writing(vector_store_id)
        with ledger.writing() as connection:
            stores.usable(connection, vector_store_id)
            for one in wanted:
                uploads.find(connection, one.file_id, caller)
            batch = attaching.start_batch(connection, vector_store_id, wanted)
            stores.touch(connection, vector_store_id)
            answer = _shown(connection, found(connection, vector_store_id, batch, caller))
        services.indexing.wake()
        response.headers.update(POLL)
        return answer

    @made.get("/{batch_id}", response_model=Batch)
    def retrieve_file_batch(vector_store_id: str, batch_id: str, caller: Reader, response: Response) -> dict[str, Any]:
        """Retrieve a batch, with how many of its files are done."""
        with ledger.reading() as connection:
            answer = _shown(connection, found(connection, vector_store_id, batch_id, caller))
        if answer["status"] == IN_PROGRESS:
            response.headers.update(POLL)
        return answer

    @made.post("/{batch_id}/cancel", response_model=Batch)
    def cancel_file_batch(vector_store_id: str, batch_id: str, caller: Writer) -> dict[str, Any]:
        """Cancel what is in progress of a batch; what is done stays."""
        with ledger.writing() as connection:
            attaching.cancel_batch(connection, found(connection, vector_store_id, batch_id, caller))
            answer = _shown(connection, found(connection, vector_store_id, batch_id, caller))
        services.indexing.wake()
        return answer

    @made.get("/{batch_id}/files", response_model=StoreFileList)
    def list_files_of_batch(
        vector_store_id: str, batch_id: str, paging: Paged, caller: Reader, status: StatusFilter = None
    ) -> dict[str, Any]:
        """List the files of a batch; with ``filter=failed`` those that failed, each with its reason."""
        with ledger.reading() as connection:
            batch = found(connection, vector_store_id, batch_id, caller)
            return page_of_files(
                connection, paging, status, attachments.c.store == batch.store, attaching.in_batch(batch.id)
            )

    return made


def _shown(connection: Connection, batch: Row[Any]) -> dict[str, Any]:
    counts = attaching.batch_counts(connection, batch)
    if counts[IN_PROGRESS]:
        status = IN_PROGRESS
    elif batch.cancelled:
        status = "cancelled"
    else:
        status = FAILED if counts["total"] and counts[FAILED] == counts["total"] else "completed"
    return {
        "id": batch.id,
        "object": "vector_store.files_batch",
        "created_at": int(batch.created),
        "vector_store_id": batch.store,
        "status": status,
        "file_counts": counts,
    }
