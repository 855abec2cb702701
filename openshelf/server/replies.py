"""Objects of answers, as OpenAI's document has them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Reply(BaseModel):
    """An object of an answer."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(Reply):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorReply(Reply):
    """The body of every error."""

    error: ErrorDetail


class File(Reply):
    """An uploaded file."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: str
    expires_at: int | None = None


class Deleted(Reply):
    """Something is gone."""

    id: str
    object: str
    deleted: bool


class FileCounts(Reply):
    """Files by status."""

    in_progress: int
    completed: int
    failed: int
    cancelled: int
    total: int


class Expiration(Reply):
    """When a store expires."""

    anchor: str
    days: int


class Store(Reply):
    """A vector store."""

    id: str
    object: Literal["vector_store"]
    created_at: int
    name: str
    description: str | None = None
    usage_bytes: int
    file_counts: FileCounts
    status: Literal["expired", "in_progress", "completed"]
    expires_after: Expiration | None = None
    expires_at: int | None = None
    last_active_at: int | None
    metadata: dict[str, str] | None


class LastError(Reply):
    """Why a file failed, or which of its rows could not be read."""

    code: Literal["server_error", "unsupported_file", "invalid_file"]
    message: str


Status = Literal["in_progress", "completed", "failed", "cancelled"]


class StoreFile(Reply):
    """A file in a vector store."""

    id: str
    object: Literal["vector_store.file"]
    usage_bytes: int
    created_at: int
    vector_store_id: str
    status: Status
    last_error: LastError | None
    chunking_strategy: dict[str, Any]
    attributes: dict[str, str | bool | int | float]


class Batch(Reply):
    """Files attached together."""

    id: str
    object: Literal["vector_store.files_batch"]
    created_at: int
    vector_store_id: str
    status: Status
    file_counts: FileCounts


class _List(Reply):
    object: Literal["list"]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileList(_List):
    """A page of files."""

    data: list[File]


class StoreList(_List):
    """A page of vector stores."""

    data: list[Store]


class StoreFileList(_List):
    """A page of a store's files."""

    data: list[StoreFile]


class Chunk(Reply):
    """A chunk of a file, as it is searched."""

    id: str
    object: Literal["vector_store.file.chunk"]
    index: int
    text: str
    start: int = Field(description="Where it begins in the file's text, in characters.")
    end: int
    tokens: int = Field(description="As the embedder counts.")
    page: int | None
    heading_path: list[str]


class ChunkList(_List):
    """A page of chunks."""

    data: list[Chunk]


class Text(Reply):
    """A piece of text."""

    type: Literal["text"]
    text: str


class Content(Reply):
    """What a file says, as it was read."""

    object: Literal["vector_store.file_content.page"]
    data: list[Text]
    has_more: bool
    next_page: str | None


class Found(Reply):
    """A hit."""

    file_id: str
    filename: str
    score: float
    attributes: dict[str, str | bool | int | float]
    content: list[Text]
    explanation: dict[str, Any] | None = None


class FoundPage(Reply):
    """The hits of a search."""

    object: Literal["vector_store.search_results.page"]
    search_query: list[str]
    data: list[Found]
    has_more: bool
    next_page: str | None
