"""The texts of the documents that a gold set names, so that a report can show a passage where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from sqlalchemy import select

from evaluation.case import Gold
from ingest.ledger import Ledger
from ingest.ledger.builds import ACTIVE
from ingest.ledger.tables import bodies, builds, documents

Texts: TypeAlias = Mapping[tuple[str, str], str]
"""Parsed text by (source, document)."""

_VARIABLES = 500  # well under SQLite's limit


def gold_texts(ledger: Ledger, gold: Gold) -> Texts:
    """The parsed texts, as they are on the shelf now, of the documents that ``gold`` quotes."""
    names = sorted({passage.document for case in gold.cases for passage in case.passages})
    found: dict[tuple[str, str], str] = {}
    with ledger.reading() as connection:
        for at in range(0, len(names), _VARIABLES):
            rows = connection.execute(
                select(builds.c.source, documents.c.document_id, bodies.c.text)
                .join(documents, documents.c.build == builds.c.id)
                .join(bodies, bodies.c.hash == documents.c.body)
                .where(builds.c.state == ACTIVE, documents.c.document_id.in_(names[at : at + _VARIABLES]))
            )
            found |= {(row.source, row.document_id): row.text for row in rows}
    return found


def text_of(texts: Texts | None, source: str | None, document: str) -> str | None:
    """A document's text; ``source`` may be ``None`` where one source alone has the document."""
    if texts is None:
        return None
    if source is not None:
        return texts.get((source, document))
    found = [text for (_, name), text in texts.items() if name == document]
    return found[0] if len(found) == 1 else None
