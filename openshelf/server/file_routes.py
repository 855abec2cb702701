"""``/v1/files``: upload, list, retrieve, content, delete."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import IO, Annotated, Any
from urllib.parse import quote

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select, true
from starlette.datastructures import UploadFile

from openshelf.server import uploads
from openshelf.server.access import Reader, Writer
from openshelf.server.contract import Caller, Page
from openshelf.server.errors import ApiError
from openshelf.server.invalid import first_problem
from openshelf.server.paging import Order, Paging, select_page
from openshelf.server.replies import Deleted, File, FileList
from openshelf.server.services import Services
from openshelf.server.tables import files

PURPOSES = ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")
_LONGEST_NAME = 500
_FIELDS = {"file", "purpose", "expires_after[anchor]", "expires_after[seconds]"}
_PIECE = 1 << 18
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "enum": list(PURPOSES)},
                        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                        "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2_592_000},
                    },
                }
            }
        },
    }
}


class _Fields(BaseModel):
    """The fields of an upload beside its file; all of them come as text."""

    model_config = ConfigDict(extra="forbid")

    purpose: str = Field(pattern=f"^({'|'.join(PURPOSES)})$")
    anchor: str | None = Field(None, alias="expires_after[anchor]", pattern="^created_at$")
    seconds: int | None = Field(None, alias="expires_after[seconds]", ge=3600, le=2_592_000)


def router(services: Services) -> APIRouter:
    """The routes over ``services``."""
    made = APIRouter(prefix="/v1/files", tags=["files"])
    ledger, blobs = services.shelf.ledger, services.blobs

    def keep(caller: Caller, file: UploadFile, fields: _Fields) -> dict[str, Any]:
        upload = blobs.receive(file.file)
        try:
            with ledger.writing() as connection:
                name = uploads.add(
                    connection,
                    blobs,
                    upload,
                    filename=(file.filename or "file")[-_LONGEST_NAME:],
                    purpose=fields.purpose,
                    expires_at=None if fields.seconds is None else time.time() + fields.seconds,
                    owner=caller.name,
                )
                return uploads.shown(uploads.find(connection, name, caller))
        finally:
            blobs.discard(upload)

    @made.post("", response_model=File, response_model_exclude_unset=True, openapi_extra=_FORM)
    async def create_file(request: Request, caller: Writer) -> dict[str, Any]:
        """Upload a file, to be attached to vector stores."""
        # Parts beyond a megabyte go to disk while they arrive.
        async with request.form(max_files=1, max_fields=8, max_part_size=4096) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise ApiError(
                    400, "Missing required parameter: 'file'.", code="missing_required_parameter", param="file"
                )
            fields = _read_fields({name: value for name, value in form.multi_items() if name != "file"})
            return await run_sync(keep, caller, file, fields)

    @made.get("", response_model=FileList, response_model_exclude_unset=True)
    def list_files(
        caller: Reader,
        purpose: Annotated[str | None, Query(description="Only files of this purpose.")] = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
        order: Order = "desc",
        after: str | None = None,
    ) -> dict[str, Any]:
        """List files."""
        wanted = true() if purpose is None else files.c.purpose == purpose
        with ledger.reading() as connection:
            rows, more = select_page(
                connection, select(files), files, files.c.id, Paging(limit, order, after), uploads.seen(caller), wanted
            )
        return Page([uploads.shown(row) for row in rows], more).as_dict()

    @made.get("/{file_id}", response_model=File, response_model_exclude_unset=True)
    def retrieve_file(file_id: str, caller: Reader) -> dict[str, Any]:
        """Retrieve a file."""
        with ledger.reading() as connection:
            return uploads.shown(uploads.find(connection, file_id, caller))

    @made.get(
        "/{file_id}/content",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def file_content(file_id: str, caller: Reader) -> StreamingResponse:
        """Download a file as it was uploaded."""
        with ledger.reading() as connection:
            row = uploads.find(connection, file_id, caller)
        try:
            content = blobs.path(row.digest).open("rb")
        except FileNotFoundError:
            raise ApiError(500, "The content of the file is no longer there.", code="content_missing") from None
        name = quote(row.filename.encode("utf-8", "replace"), safe="")
        return StreamingResponse(
            _pieces(content),
            media_type="application/octet-stream",
            headers={
                "content-length": str(row.bytes),
                "content-disposition": f"attachment; filename*=UTF-8''{name}",
            },
        )

    @made.delete("/{file_id}", response_model=Deleted)
    def delete_file(file_id: str, caller: Writer) -> dict[str, Any]:
        """Delete a file; it leaves every vector store too."""
        with ledger.writing() as connection:
            uploads.remove(connection, blobs, uploads.find(connection, file_id, caller))
        services.indexing.wake()
        return {"id": file_id, "object": "file", "deleted": True}

    return made


def _read_fields(given: dict[str, Any]) -> _Fields:
    unknown = sorted(given.keys() - _FIELDS)
    if unknown:
        raise ApiError(400, f"Unknown parameter: '{unknown[0]}'.", code="unknown_parameter", param=unknown[0])
    try:
        fields = _Fields.model_validate(given)
    except ValidationError as error:
        raise first_problem(error.errors()) from None
    if (fields.anchor is None) != (fields.seconds is None):
        raise ApiError(400, "'expires_after' takes both anchor and seconds.", param="expires_after")
    return fields


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    with content:
        while piece := content.read(_PIECE):
            yield piece
