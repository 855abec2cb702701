"""The server's own tables, in the ledger's database: files, their uploads in parts, stores, attachments, batches, keys.

    files ──< attachments >── stores ──< batches ──< batch_files
    uploads ──< parts                            removals: what has to leave the index
    keys: who may use the server

Every change that the index has to follow (an attachment, a removal) takes the next *revision* inside its own
transaction. Writers take turns, so revisions become visible in order, and a source's cursor is one number.
All times are epoch seconds (UTC).
"""

from __future__ import annotations

import secrets

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    update,
)

from ingest.ledger import Ledger

metadata = MetaData()

counters = Table(
    "server_counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
)

files = Table(
    "server_files",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("created", Float, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("filename", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("digest", String, nullable=False, index=True),  # SHA-256 of the content: its name in the files folder
    Column("expires_at", Float, index=True),
    Column("owner", String, nullable=False),  # name of the key that uploaded it
    sqlite_autoincrement=True,
)

uploads = Table(
    "server_uploads",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("created", Float, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
    Column("filename", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("mime_type", String, nullable=False),
    Column("bytes", Integer, nullable=False),  # as announced
    Column("file_seconds", Integer),  # after which the file expires
    Column("owner", String, nullable=False, index=True),  # name of the key that made it
    Column("status", String, nullable=False),  # pending | completed | cancelled | expired
    Column("part_ids", JSON(none_as_null=True)),  # of a completed one, in the file's order
    Column("file_id", String),
    sqlite_autoincrement=True,
)

parts = Table(
    "server_upload_parts",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),  # its name among the parts on disk
    Column("upload", String, nullable=False, index=True),
    Column("created", Float, nullable=False),
    Column("bytes", Integer, nullable=False),
    sqlite_autoincrement=True,
)

stores = Table(
    "server_stores",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("created", Float, nullable=False),
    Column("name", String, nullable=False),
    Column("description", Text),
    Column("metadata", JSON(none_as_null=True)),
    Column("expires_days", Integer),
    Column("last_active", Float, nullable=False),
    Column("expired", Boolean, nullable=False),
    sqlite_autoincrement=True,
)

attachments = Table(
    "server_attachments",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("store", String, nullable=False),
    Column("file_id", String, nullable=False, index=True),
    Column("source", String, nullable=False, index=True),  # the ledger's source that it is indexed in
    Column("size", Integer, nullable=False),  # tokens in a chunk
    Column("overlap", Integer, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("status", String, nullable=False, index=True),  # in_progress | completed | failed | cancelled
    Column("error_code", String),
    Column("error", Text),
    Column("created", Float, nullable=False),
    Column("revision", Integer, nullable=False, unique=True),
    Column("tries", Integer, nullable=False),  # servers that began to read it and did not get to its end
    UniqueConstraint("store", "file_id"),
    sqlite_autoincrement=True,
)

removals = Table(
    "server_removals",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("source", String, nullable=False, index=True),
    Column("file_id", String),  # NULL: the whole source
)

batches = Table(
    "server_batches",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("store", String, nullable=False, index=True),
    Column("created", Float, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    sqlite_autoincrement=True,
)

batch_files = Table(
    "server_batch_files",
    metadata,
    Column("batch", String, primary_key=True),
    Column("file_id", String, primary_key=True, index=True),
)

keys = Table(
    "server_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("digest", String, nullable=False),  # SHA-256 of the secret half
    Column("scopes", JSON, nullable=False),
    Column("stores", JSON(none_as_null=True)),  # NULL: all
    Column("groups", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("revoked", Float),
)


def ensure(ledger: Ledger) -> None:
    """Create the tables that are missing."""
    with ledger.writing() as connection:
        metadata.create_all(connection)


def next_revision(connection: Connection) -> int:
    """The next revision; ``connection`` is writing."""
    value = connection.execute(
        update(counters)
        .where(counters.c.name == "revision")
        .values(value=counters.c.value + 1)
        .returning(counters.c.value)
    ).scalar()
    if value is None:
        connection.execute(insert(counters).values(name="revision", value=1))
        return 1
    return int(value)


def new_id(prefix: str) -> str:
    """An id that nobody can guess: ``prefix`` and 24 hexadecimal digits."""
    return f"{prefix}{secrets.token_hex(12)}"
