"""``openshelf doctor``: is the shelf whole? Versions, optional programs, the ledger, the vector store, failures."""

from __future__ import annotations

import platform
import shutil
import sqlite3
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from sqlalchemy.exc import DatabaseError

from configs.errors import LedgerError, OpenshelfError
from ingest.ledger.ledger import FILE
from openshelf.findings import Finding, wrong

if TYPE_CHECKING:
    from openshelf.shelf import Shelf

_PACKAGES = (
    "openshelf",
    "chromadb",
    "llama-index-core",
    "unstructured",
    "sentence-transformers",
    "onnxruntime",
    "openai",
)


def examine(shelf: Shelf, *, repair: bool = False) -> list[Finding]:
    """Look at everything that can break.

    Args:
        repair: write the vector store again where it differs from the ledger; calls no embedder.
    """
    ledger = list(_ledger(shelf))
    found = [*_environment(), *ledger]
    if (shelf.folder / FILE).exists() and all(finding.ok for finding in ledger):
        found += [*_store(shelf, repair=repair), *_sources(shelf)]
    return found


def _environment() -> Iterator[Finding]:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Finding("packages", "error", f"{name} is not installed.", f"pip install {name}")
    yield Finding(
        "packages", "ok", f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; {', '.join(found)}."
    )
    from ingest.parse.ocr import tesseract_installed

    if tesseract_installed():
        yield Finding("OCR", "ok", "Tesseract is installed.")
    else:
        yield Finding(
            "OCR",
            "warning",
            "Tesseract is not installed: text in images is not read.",
            "Debian and Ubuntu: apt-get install tesseract-ocr",
        )


def _ledger(shelf: Shelf) -> Iterator[Finding]:
    path = shelf.folder / FILE
    if not path.exists():
        yield Finding("ledger", "ok", f"There is none at {path} yet.", "openshelf sync")
        return
    try:
        with shelf.ledger.reading() as connection:
            problems = list(connection.exec_driver_sql("PRAGMA quick_check(5)").scalars())
            generation = shelf.ledger.generation()
    except (LedgerError, DatabaseError) as error:
        said = error.message if isinstance(error, LedgerError) else f"The ledger {path} cannot be read: {error.orig}."
        yield Finding("ledger", "error", said, "Restore it from a backup.")
        return
    if problems != ["ok"]:
        yield Finding("ledger", "error", f"{path} is damaged: {problems[0]}", "Restore it from a backup.")
        return
    size = sum(one.stat().st_size for one in shelf.folder.glob(f"{FILE}*"))
    yield Finding("ledger", "ok", f"{path} is whole ({size / 1e6:.1f} MB, generation {generation}).")
    free = shutil.disk_usage(shelf.folder).free
    if free < max(size, 200_000_000):
        yield Finding("disk", "warning", f"Only {free / 1e6:.0f} MB are free.", "A rebuild needs as much again.")


def _store(shelf: Shelf, *, repair: bool) -> Iterator[Finding]:
    from ingest import repair as mend
    from ingest.ledger import builds

    try:
        if repair:
            mended = mend.heal(shelf.ledger, shelf.store)
            yield Finding("vector store", "ok", f"It equals the ledger; {mended} vectors were written or removed.")
            return
        with shelf.ledger.reading() as connection:
            expected = {one.collection: builds.chunk_count(connection, one) for one in builds.every(connection)}
        wanted = sum(expected.values())
        there = set(shelf.store.collections())
        count = sum(shelf.store.count(name) for name in expected.keys() & there)
    except OpenshelfError as error:
        yield wrong("vector store", error)
        return
    if count == wanted:
        yield Finding("vector store", "ok", f"It has the {wanted} vectors that the ledger names.")
    else:
        yield Finding(
            "vector store",
            "warning",
            f"It has {count} vectors, the ledger names {wanted}. Search finds the rest in the ledger, more slowly.",
            "openshelf doctor --repair",
        )


def _sources(shelf: Shelf) -> Iterator[Finding]:
    for source in shelf.status():
        subject = f"source {source.name}"
        if source.state == "not in the configuration":
            yield Finding(
                subject,
                "warning",
                f"The configuration no longer has it; its {source.documents} documents are kept but not searched.",
                "openshelf sync --prune",
            )
        elif source.failures:
            yield Finding(
                subject, "warning", f"{len(source.failures)} documents failed.", "openshelf status --failures"
            )
        elif source.last_run is not None and source.last_run.outcome == "failed":
            yield Finding(subject, "warning", f"Its last run failed: {source.last_run.error}")
        elif source.state != "disabled":
            yield Finding(subject, "ok", f"{source.state}; documents: {source.documents}, chunks: {source.chunks}.")
