"""Openshelf: documents in, grounded answers out, every step in the open.

    from openshelf import Shelf

    with Shelf.open("configs/quickstart.yaml") as shelf:
        shelf.sync()
        for hit in shelf.search("Can I return worn shoes?", top_k=5):
            print(hit.score, hit.title, hit.why)

Everything public is here; the packages behind it (``configs``, ``connectors``, ``ingest``, ``retrieval``) are rooms
of the house, not an interface.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from configs.errors import (
        AnswerError,
        AuthError,
        BudgetExceeded,
        ConfigError,
        ConnectorError,
        CursorError,
        EmbedError,
        FilterError,
        IngestError,
        LedgerError,
        MassDelete,
        MissingExtra,
        OpenshelfError,
        ParseError,
        RetrievalError,
        StoreBroken,
        StoreError,
        SyncBusy,
    )
    from connectors.contract import Change, Checkpoint, Complete, Connector, Delete, Failed, SourceDocument, Upsert
    from ingest.document import Chunk, Document, Element, Kind, Span
    from ingest.sync import Report
    from openshelf.shelf import Shelf
    from retrieval.hit import Hit, Why

_HOMES = {
    "configs.errors": (
        "AnswerError AuthError BudgetExceeded ConfigError ConnectorError CursorError EmbedError FilterError "
        "IngestError LedgerError MassDelete MissingExtra OpenshelfError ParseError RetrievalError StoreBroken "
        "StoreError SyncBusy"
    ),
    "connectors.contract": "Change Checkpoint Complete Connector Delete Failed SourceDocument Upsert",
    "ingest.document": "Chunk Document Element Kind Span",
    "ingest.sync": "Report",
    "openshelf.shelf": "Shelf",
    "retrieval.hit": "Hit Why",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [
    "AnswerError",
    "AuthError",
    "BudgetExceeded",
    "Change",
    "Checkpoint",
    "Chunk",
    "Complete",
    "ConfigError",
    "Connector",
    "ConnectorError",
    "CursorError",
    "Delete",
    "Document",
    "Element",
    "EmbedError",
    "Failed",
    "FilterError",
    "Hit",
    "IngestError",
    "Kind",
    "LedgerError",
    "MassDelete",
    "MissingExtra",
    "OpenshelfError",
    "ParseError",
    "Report",
    "RetrievalError",
    "Shelf",
    "SourceDocument",
    "Span",
    "StoreBroken",
    "StoreError",
    "SyncBusy",
    "Upsert",
    "Why",
]


def _check_packages() -> None:
    # The inner names are common ones: an application's own `configs` folder may come first on sys.path.
    home = Path(__file__).resolve().parent.parent
    for name in ("configs", "connectors", "ingest", "retrieval"):
        spec = find_spec(name)
        origin = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if origin != home / name:
            raise ImportError(
                f"Openshelf needs its own package {name!r} but Python finds {origin or 'none'} first. "
                f"Rename that folder, or start Python from another one (Openshelf's is {home / name})."
            )


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `import openshelf` and `openshelf --help` stay fast.
    if name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'openshelf' has no attribute {name!r}")


_check_packages()
