"""Sources of the YAML, read as vector stores: the source ``faq`` is the vector store ``vs_faq``."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from configs.schema import Config
from configs.sources import OVER_HTTP as PREFIX
from connectors.contract import MetaValue
from ingest.ledger import builds as build_rows
from ingest.ledger.builds import Build
from ingest.ledger.ledger import generation
from ingest.ledger.tables import bodies, builds, documents, failures
from ingest.ledger.where import Groups, visible
from ingest.metadata import decode_metadata
from openshelf.server.errors import ApiError, not_found

_MOST_ATTRIBUTES, _LONGEST = 16, 512


class YamlStores:
    """The configured sources as vector stores that can only be read. Safe from many threads."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._generation = -1
        self._documents: dict[str, dict[str, str]] = {}
        self._sizes: dict[str, int] = {}

    def source(self, store: str) -> str | None:
        """The source behind a store's id, if there is one."""
        return store.removeprefix(PREFIX) if is_configured(store, self._config) else None

    def refuse_writing(self, store: str) -> None:
        """See that a store is none of the YAML's.

        Raises:
            ApiError: it is (400).
        """
        if (source := self.source(store)) is not None:
            raise ApiError(
                400,
                f"Vector store '{store}' is the source '{source}' of this server's configuration and can only be read. "
                "Change its documents where they come from, or attach files to another vector store.",
                code="vector_store_read_only",
                param="vector_store_id",
            )

    def ids(self) -> list[str]:
        """Ids of all of them."""
        return [f"{PREFIX}{name}" for name in sorted(self._config.sources)]

    def shown(self, connection: Connection, source: str, groups: Groups) -> dict[str, Any]:
        """The vector store object; its counts are of the documents that the groups may see."""
        build = build_rows.find(connection, source, build_rows.ACTIVE)
        build_id = 0 if build is None else build.id
        created, updated = connection.execute(
            select(
                builds.c.created,
                select(func.max(documents.c.updated)).where(documents.c.build == build_id).scalar_subquery(),
            ).where(builds.c.id == build_id)
        ).first() or (0.0, None)
        count, size = connection.execute(
            select(func.count(), func.sum(func.length(bodies.c.text)))
            .select_from(documents)
            .join(bodies, bodies.c.hash == documents.c.body)
            .where(documents.c.build == build_id, visible(groups))
        ).one()
        failed = connection.execute(select(func.count()).where(failures.c.source == source)).scalar() or 0
        return {
            "id": f"{PREFIX}{source}",
            "object": "vector_store",
            "created_at": int(created),
            "name": source,
            "usage_bytes": int(size or 0),
            "file_counts": {
                "in_progress": 0,
                "completed": count,
                "failed": failed,
                "cancelled": 0,
                "total": count + failed,
            },
            "status": "completed",
            "expires_at": None,
            "last_active_at": None if updated is None else int(updated),
            "metadata": None,
        }

    def document_ids(self, connection: Connection, source: str) -> Mapping[str, str]:
        """A source's documents: their ids by what the API calls them, in the order in which they came."""
        now = generation(connection)
        with self._lock:
            if self._generation != now:
                self._documents, self._generation = {}, now
            if (known := self._documents.get(source)) is not None:
                return known
        build = build_rows.find(connection, source, build_rows.ACTIVE)
        statement = select(documents.c.document_id).where(documents.c.build == (build.id if build else 0))
        found = {
            file_id(source, name): name for name in connection.execute(statement.order_by(documents.c.rowid)).scalars()
        }
        with self._lock:
            if self._generation == now:
                self._documents[source] = found
        return found

    def document(self, connection: Connection, source: str, name: str, groups: Groups) -> tuple[Build, Row[Any]]:
        """The row of a document that the API calls ``name``.

        Raises:
            ApiError: there is none that the groups may see (404).
        """
        build = build_rows.find(connection, source, build_rows.ACTIVE)
        document_id = self.document_ids(connection, source).get(name)
        if build is not None and document_id is not None:
            row = connection.execute(
                _with_sizes().where(
                    documents.c.build == build.id, documents.c.document_id == document_id, visible(groups)
                )
            ).first()
            if row is not None:
                return build, row
        raise not_found("file", name, param="file_id")

    def seen(self, connection: Connection, source: str, groups: Groups) -> list[str]:
        """What the API calls the documents that the groups may see, in the order in which they came."""
        allowed = set(
            connection.execute(
                select(documents.c.document_id)
                .join(builds, builds.c.id == documents.c.build)
                .where(builds.c.source == source, builds.c.state == build_rows.ACTIVE, visible(groups))
            ).scalars()
        )
        return [name for name, document_id in self.document_ids(connection, source).items() if document_id in allowed]


def is_configured(store: str, config: Config) -> bool:
    """Whether a vector store's id is that of a source of the configuration."""
    return store.startswith(PREFIX) and store.removeprefix(PREFIX) in config.sources


def file_id(source: str, document_id: str) -> str:
    """What the API calls a source's document."""
    named = f"{source}\0{document_id}".encode("utf-8", "surrogatepass")
    return f"doc_{hashlib.sha256(named).hexdigest()[:24]}"


def shown_document(source: str, row: Row[Any], name: str) -> dict[str, Any]:
    """The vector store file object of a source's document."""
    return {
        "id": name,
        "object": "vector_store.file",
        "usage_bytes": int(row.size),
        "created_at": int(row.updated),
        "vector_store_id": f"{PREFIX}{source}",
        "status": "completed",
        "last_error": None,
        "chunking_strategy": {"type": "other"},
        "attributes": as_attributes(decode_metadata(row.metadata, row.dates)),
    }


def as_attributes(metadata: Mapping[str, MetaValue]) -> dict[str, str | float | bool]:
    """A document's metadata within the bounds of OpenAI's attributes; dates and lists become texts."""
    found: dict[str, str | float | bool] = {}
    for key, value in list(metadata.items())[:_MOST_ATTRIBUTES]:
        if isinstance(value, date):  # a datetime is a date
            found[key[:64]] = value.isoformat()
        elif isinstance(value, list):
            found[key[:64]] = ", ".join(value)[:_LONGEST]
        else:
            found[key[:64]] = value[:_LONGEST] if isinstance(value, str) else value
    return found


def _with_sizes() -> Any:
    size: ColumnElement[int] = func.length(bodies.c.text)
    return select(documents, size.label("size")).join(bodies, bodies.c.hash == documents.c.body)
