"""What evaluation drives: a shelf, seen from below. ``openshelf.Shelf`` is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from configs.loader import Loaded
from configs.schema import Config
from ingest.embedders import Embedders
from ingest.ledger import Ledger
from retrieval.hit import Hit
from retrieval.search import Searcher
from retrieval.spend import Spend

if TYPE_CHECKING:
    from ingest.stores.contract import VectorStore
    from retrieval.answer import Answerer
    from retrieval.context import ContextBlock


class Subject(Protocol):
    """A shelf under test. See ``openshelf.parts`` and ``openshelf.shelf`` for what each member does."""

    loaded: Loaded
    config: Config
    folder: Path
    embedders: Embedders

    @property
    def ledger(self) -> Ledger: ...  # noqa: D102

    @property
    def store(self) -> VectorStore: ...  # noqa: D102

    @property
    def searcher(self) -> Searcher: ...  # noqa: D102

    @property
    def answerer(self) -> Answerer: ...  # noqa: D102

    @property
    def spend(self) -> Spend: ...  # noqa: D102

    def search(  # noqa: D102
        self,
        query: str,
        *,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        groups: Iterable[str] | None = None,
        **overrides: Any,
    ) -> list[Hit]: ...

    def context(self, question: str, *, budget: int | None = None, **options: Any) -> ContextBlock: ...  # noqa: D102

    def close(self) -> None: ...  # noqa: D102


OpenSubject: TypeAlias = Callable[[Loaded], Subject]
"""Opens a shelf for a configuration; the front door hands it down."""
