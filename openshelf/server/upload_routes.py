"""``/v1/uploads``: a file in parts. Create, add parts, complete or cancel."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import Field
from starlette.datastructures import UploadFile
from starlette.types import Message, Receive, Scope, Send

from openshelf.server.access import Writer
from openshelf.server.blobs import too_large
from openshelf.server.errors import ApiError
from openshelf.server.file_routes import PURPOSES
from openshelf.server.limits import Limits
from openshelf.server.parts import MOST_PARTS
from openshelf.server.replies import File, Reply
from openshelf.server.requests import Body
from openshelf.server.services import Services

_LONGEST_NAME = 500
_ENVELOPE = 1_000_000  # bytes of a multipart body beside its part
_PARTS = re.compile(r"/v1/uploads/[^/]+/parts")
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["data"],
                    "properties": {"data": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


class FileExpires(Body):
    """When the file expires."""

    anchor: Literal["created_at"]
    seconds: int = Field(ge=3600, le=2_592_000)


class CreateUpload(Body):
    """``POST /v1/uploads``."""

    filename: str = Field(min_length=1, max_length=10_000)
    purpose: str = Field(pattern=f"^({'|'.join(PURPOSES)})$")
    bytes: int = Field(ge=1, description="Of the whole file; at most `server.max_file_bytes`.")
    mime_type: str = Field(max_length=255, description="Kept; what a file is decides its content.")
    expires_after: FileExpires | None = None


class CompleteUpload(Body):
    """``POST /v1/uploads/{upload_id}/complete``."""

    part_ids: list[Annotated[str, Field(max_length=200)]] = Field(
        max_length=MOST_PARTS, description="In the order of the file."
    )
    md5: str | None = Field(None, pattern=r"^[0-9A-Fa-f]{32}$", description="Of the whole file, in hexadecimal.")


class Upload(Reply):
    """A file that is on its way."""

    id: str
    object: Literal["upload"]
    created_at: int
    expires_at: int
    filename: str
    bytes: int
    purpose: str
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: File | None = None


class Part(Reply):
    """A part that has arrived."""

    id: str
    object: Literal["upload.part"]
    created_at: int
    upload_id: str


class LimitsBesideParts(Limits):
    """``Limits``, but a part may be larger than other requests: its handler bounds it."""

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST" and _PARTS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
        else:
            await super()._bounded(scope, receive, send)


def router(services: Services) -> APIRouter:
    """The routes over ``services``."""
    made = APIRouter(prefix="/v1/uploads", tags=["uploads"])
    parts, blobs = services.parts, services.blobs

    @made.post("", response_model=Upload, response_model_exclude_unset=True)
    def create_upload(body: CreateUpload, caller: Writer) -> dict[str, Any]:
        """Announce a file that comes in parts, within an hour."""
        return parts.create(
            caller,
            filename=body.filename[-_LONGEST_NAME:],
            purpose=body.purpose,
            mime_type=body.mime_type,
            size=body.bytes,
            file_seconds=body.expires_after.seconds if body.expires_after else None,
        )

    @made.post("/{upload_id}/parts", response_model=Part, openapi_extra=_FORM)
    async def add_upload_part(upload_id: str, request: Request, caller: Writer) -> dict[str, Any]:
        """Add a part of up to 64 MB. Parts may come at the same time, in any order."""
        await run_sync(parts.expect, caller, upload_id)
        # Parts beyond a megabyte go to disk while they arrive.
        async with _bounded(request, blobs.max_part_bytes, setting=blobs.max_part_bytes == blobs.max_bytes).form(
            max_files=1, max_fields=8, max_part_size=4096
        ) as form:
            unknown = sorted(form.keys() - {"data"})
            if unknown:
                raise ApiError(400, f"Unknown parameter: '{unknown[0]}'.", code="unknown_parameter", param=unknown[0])
            data = form.get("data")
            if not isinstance(data, UploadFile):
                raise ApiError(
                    400,
                    "Missing required parameter: 'data', the bytes as a file of the form.",
                    code="missing_required_parameter",
                    param="data",
                )
            return await run_sync(parts.add, caller, upload_id, data.file)

    @made.post("/{upload_id}/complete", response_model=Upload, response_model_exclude_unset=True)
    def complete_upload(upload_id: str, body: CompleteUpload, caller: Writer) -> dict[str, Any]:
        """Make a file of the parts, in the order of their ids."""
        return parts.complete(caller, upload_id, body.part_ids, body.md5)

    @made.post("/{upload_id}/cancel", response_model=Upload, response_model_exclude_unset=True)
    def cancel_upload(upload_id: str, caller: Writer) -> dict[str, Any]:
        """Give an upload up; its parts are removed."""
        return parts.cancel(caller, upload_id)

    return made


def _bounded(request: Request, most: int, *, setting: bool) -> Request:
    """The request, cut off where its body cannot be a part any more."""
    error = too_large("part", most, "data", setting=setting)
    declared = request.headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared) > most + _ENVELOPE:
        raise error
    read = 0

    async def receive() -> Message:
        nonlocal read
        message = await request.receive()
        read += len(message.get("body", b""))
        if read > most + _ENVELOPE:
            raise error
        return message

    return Request(request.scope, receive)
