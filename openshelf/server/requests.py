"""Bodies of requests, as OpenAI's document has them: what is unknown or out of bounds is refused, not ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from openshelf.server.attaching import AUTO, Wanted

MOST_FILES, MOST_NEW_FILES = 2000, 500

_NO_NUL = r"^[^\x00]*$"  # SQLite's JSON ends a text there
AttributeKey = Annotated[str, Field(min_length=1, max_length=64, pattern=_NO_NUL)]
AttributeValue = (
    Annotated[str, Field(max_length=512, pattern=_NO_NUL)] | bool | int | Annotated[float, Field(allow_inf_nan=False)]
)
Attributes = Annotated[
    dict[AttributeKey, AttributeValue],
    Field(max_length=16, description="Up to 16 keys of 64 characters; texts of 512 characters, numbers, truth values."),
]
Metadata = Annotated[
    dict[AttributeKey, Annotated[str, Field(max_length=512)]], Field(max_length=16, description="Notes of your own.")
]
FileId = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AutoChunking(Body):
    """800 tokens with 400 of overlap, as File Search does."""

    type: Literal["auto"]


class Static(Body):
    """Sizes in tokens of cl100k_base."""

    max_chunk_size_tokens: int = Field(ge=100, le=4096)
    chunk_overlap_tokens: int = Field(ge=0, description="At most half of max_chunk_size_tokens.")

    @model_validator(mode="after")
    def _at_most_half(self) -> Static:
        if self.chunk_overlap_tokens > self.max_chunk_size_tokens // 2:
            raise ValueError("chunk_overlap_tokens must be at most half of max_chunk_size_tokens")
        return self


class StaticChunking(Body):
    """Chunks of a size of one's own."""

    type: Literal["static"]
    static: Static


Chunking = Annotated[AutoChunking | StaticChunking, Field(discriminator="type")]


class ExpiresAfter(Body):
    """When a vector store expires."""

    anchor: Literal["last_active_at"]
    days: int = Field(ge=1, le=365)


class CreateStore(Body):
    """``POST /v1/vector_stores``."""

    name: str | None = Field(None, max_length=1000)
    description: str | None = Field(None, max_length=10_000)
    file_ids: list[FileId] | None = Field(None, max_length=MOST_NEW_FILES)
    chunking_strategy: Chunking | None = None
    expires_after: ExpiresAfter | None = None
    metadata: Metadata | None = None


class UpdateStore(Body):
    """``POST /v1/vector_stores/{id}``; what is left out stays as it is."""

    name: str | None = Field(None, max_length=1000)
    expires_after: ExpiresAfter | None = None
    metadata: Metadata | None = None


class AttachFile(Body):
    """``POST /v1/vector_stores/{id}/files``."""

    file_id: FileId
    attributes: Attributes | None = None
    chunking_strategy: Chunking | None = None

    def wanted(self) -> Wanted:
        """What to attach."""
        return wanted(self.file_id, self.chunking_strategy, self.attributes)


class AttachFiles(Body):
    """``POST /v1/vector_stores/{id}/file_batches``: either ``file_ids`` or ``files``."""

    file_ids: list[FileId] | None = Field(None, min_length=1, max_length=MOST_FILES)
    files: list[AttachFile] | None = Field(None, min_length=1, max_length=MOST_FILES)
    attributes: Attributes | None = None
    chunking_strategy: Chunking | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> AttachFiles:
        if (self.file_ids is None) == (self.files is None):
            raise ValueError("give either file_ids or files")
        return self

    def wanted(self) -> list[Wanted]:
        """What to attach; of a file that is named twice, the last."""
        if self.files is not None:
            return list({one.file_id: one.wanted() for one in self.files}.values())
        names = dict.fromkeys(self.file_ids or ())
        return [wanted(name, self.chunking_strategy, self.attributes) for name in names]


class UpdateAttributes(Body):
    """``POST /v1/vector_stores/{id}/files/{file_id}``."""

    attributes: Attributes | None


class RankingOptions(Body):
    """How a search ranks."""

    ranker: Literal["none", "auto", "default-2024-11-15"] = Field(
        "auto", description="`none` leaves out the shelf's reranker; the others use it where it has one."
    )
    score_threshold: float = Field(0.0, ge=0, le=1, description="Hits below are left out.")


class SearchStore(Body):
    """``POST /v1/vector_stores/{id}/search``."""

    query: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=16)]
    ) = Field(description="A question, or up to 16 of them that are searched together.")
    filters: dict[str, Any] | None = Field(None, description="OpenAI's comparison and compound filters.")
    max_num_results: int = Field(10, ge=1, le=50)
    ranking_options: RankingOptions | None = None
    rewrite_query: bool = Field(
        False, description="Accepted and without effect: search already joins keywords and meaning."
    )
    explain: bool = Field(False, description="Beyond OpenAI's API: say of each hit why it is where it is.")


def wanted(file_id: str, chunking: AutoChunking | StaticChunking | None, attributes: dict[str, Any] | None) -> Wanted:
    """A file with the sizes that a chunking strategy means."""
    if isinstance(chunking, StaticChunking):
        sizes = chunking.static
        return Wanted(file_id, sizes.max_chunk_size_tokens, sizes.chunk_overlap_tokens, attributes)
    return Wanted(file_id, *AUTO, attributes)
