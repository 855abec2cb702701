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
    from connectors.contract import (
        Change,
        Checkpoint,
        Complete,
        Connector,
        Delete,
        Expected,
        Failed,
        Skipped,
        SourceDocument,
        Upsert,
    )
    from ingest.document import Chunk, Document, Element, Kind, Span
    from ingest.plan import SourcePlan
    from ingest.report import Report
    from ingest.status import SourceStatus
    from openshelf.findings import Finding
    from openshelf.preview import Preview
    from openshelf.shelf import Shelf
    from retrieval.context import ContextBlock
    from retrieval.events import Answer, Citation, Cited, Delta, Done, Searching, Sources, Usage
    from retrieval.explain import Explanation
    from retrieval.hit import Hit, Why
    from retrieval.spend import SpendLine

_HOMES = {
    "configs.errors": (
        "AnswerError AuthError BudgetExceeded ConfigError ConnectorError CursorError EmbedError FilterError "
        "IngestError LedgerError MassDelete MissingExtra OpenshelfError ParseError RetrievalError StoreBroken "
        "StoreError SyncBusy"
    ),
    "connectors.contract": "Change Checkpoint Complete Connector Delete Expected Failed Skipped SourceDocument Upsert",
    "ingest.document": "Chunk Document Element Kind Span",
    "ingest.report": "Report",
    "openshelf.findings": "Finding",
    "openshelf.preview": "Preview",
    "ingest.plan": "SourcePlan",
    "ingest.status": "SourceStatus",
    "retrieval.context": "ContextBlock",
    "retrieval.events": "Answer Citation Cited Delta Done Searching Sources Usage",
    "retrieval.explain": "Explanation",
    "retrieval.spend": "SpendLine",
    "openshelf.shelf": "Shelf",
    "retrieval.hit": "Hit Why",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Answer",
    "AnswerError",
    "AuthError",
    "BudgetExceeded",
    "Change",
    "Checkpoint",
    "Chunk",
    "Citation",
    "Cited",
    "Complete",
    "ConfigError",
    "Connector",
    "ConnectorError",
    "ContextBlock",
    "CursorError",
    "Delete",
    "Delta",
    "Document",
    "Done",
    "Element",
    "EmbedError",
    "Expected",
    "Explanation",
    "Failed",
    "FilterError",
    "Finding",
    "Hit",
    "IngestError",
    "Kind",
    "LedgerError",
    "MassDelete",
    "MissingExtra",
    "OpenshelfError",
    "ParseError",
    "Preview",
    "Report",
    "RetrievalError",
    "Searching",
    "Shelf",
    "Skipped",
    "SourceDocument",
    "SourcePlan",
    "SourceStatus",
    "Sources",
    "Span",
    "SpendLine",
    "StoreBroken",
    "StoreError",
    "SyncBusy",
    "Upsert",
    "Usage",
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
