"""The ledger's tables.

    sources ──< builds ──< documents ──< chunks >── embeddings
                               │           └── segments ──< postings (the keyword index)
                               └── bodies (parsed text and elements, shared by builds)
    runs ──< failures          spend          conversations ──< turns

A *build* is one source indexed with one fingerprint. A source has at most one ``active`` build, which search
reads, one ``building``, and one ``retired``, kept for swapping back. All times are epoch seconds (UTC).
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION = 2

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("name", String, primary_key=True),
    Column("rejected", String),  # fingerprint that a rollback turned down; kept out until it changes
)

builds = Table(
    "builds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", ForeignKey("sources.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("fingerprint", String, nullable=False),
    Column("parse_fingerprint", String, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("embedder", JSON, nullable=False),
    Column("dimensions", Integer, nullable=False),
    Column("collection", String, nullable=False, unique=True),
    Column("state", String, nullable=False),  # building | active | retired
    Column("cursor", JSON(none_as_null=True)),
    Column("created", Float, nullable=False),
)

bodies = Table(
    "bodies",
    metadata,
    Column("hash", String, primary_key=True),
    Column("text", Text, nullable=False),
    Column("elements", JSON, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("rowid", Integer, primary_key=True),
    Column("build", ForeignKey("builds.id", ondelete="CASCADE"), nullable=False),
    Column("document_id", String, nullable=False),
    Column("version", String, nullable=False),
    Column("title", String, nullable=False),
    Column("url", String),
    Column("media_type", String, nullable=False),
    Column("language", String),
    Column("metadata", JSON, nullable=False),  # flat; dates are epoch seconds
    Column("dates", JSON, nullable=False),  # names of the keys that are dates
    Column("readers", JSON(none_as_null=True)),  # NULL: everybody; a list: these groups
    Column("origin", JSON, nullable=False),  # metadata and readers as the source gave them
    Column("body", ForeignKey("bodies.hash"), nullable=False, index=True),
    Column("updated", Float, nullable=False),
    UniqueConstraint("build", "document_id"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("rowid", Integer, primary_key=True),  # ascending, and never used twice
    Column("id", String, nullable=False, unique=True),
    Column("build", ForeignKey("builds.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("document", ForeignKey("documents.rowid", ondelete="CASCADE"), nullable=False, index=True),
    Column("ordinal", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("header", Text),
    Column("prefix", Text, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("parent_start", Integer),
    Column("parent_end", Integer),
    Column("page", Integer),
    Column("heading_path", JSON, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("embedding", String, nullable=False, index=True),  # embeddings.key
)

segments = Table(
    "segments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("build", ForeignKey("builds.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("first", Integer, nullable=False),  # chunks.rowid of its first and last chunk; no two of a build overlap
    Column("last", Integer, nullable=False),
    Column("size", Integer, nullable=False),  # chunks
    Column("length", Integer, nullable=False),  # terms in all of them
    Column("gone", Integer, nullable=False),  # chunks that are no longer in the ledger
    sqlite_autoincrement=True,
)

postings = Table(
    "postings",
    metadata,
    Column("segment", ForeignKey("segments.id", ondelete="CASCADE"), primary_key=True),
    Column("term", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),  # see ingest.ledger.postings.POSTING
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("key", String, primary_key=True),  # hash of the embedder's fingerprint and the text
    Column("vector", LargeBinary, nullable=False),  # float32, little endian
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String, nullable=False, index=True),
    Column("started", Float, nullable=False),
    Column("finished", Float),
    Column("outcome", String),  # clean | failures | failed; NULL while it runs or after a kill
    Column("counts", JSON, nullable=False),
    Column("error", Text),
)

failures = Table(
    "failures",
    metadata,
    Column("source", String, nullable=False, primary_key=True),
    Column("document_id", String, nullable=False, primary_key=True),
    Column("title", String),
    Column("url", String),
    Column("step", String, nullable=False),
    Column("error", Text, nullable=False),
    Column("first", Float, nullable=False),
    Column("last", Float, nullable=False),
    Column("times", Integer, nullable=False),
    Column("content", LargeBinary),  # what the source gave, to try again without asking it
    Column("envelope", JSON(none_as_null=True)),  # the rest of the SourceDocument
)

spend = Table(
    "spend",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("kind", String, nullable=False),  # answer | summary | embedding | judge
    Column("model", String, nullable=False),
    Column("source", String),
    Column("conversation", String, index=True),
    Column("input_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cost", Float, nullable=False),
    Column("currency", String, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String, primary_key=True),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("title", String),
    Column("summary", Text),  # of turns up to and including summarised_to
    Column("summarised_to", Integer, nullable=False, server_default="0"),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("role", String, nullable=False),  # user | assistant
    Column("text", Text, nullable=False),
    Column("citations", JSON, nullable=False),
    Column("created", Float, nullable=False),
    UniqueConstraint("conversation", "ordinal"),
)

Index("documents_by_build_body", documents.c.build, documents.c.body)
