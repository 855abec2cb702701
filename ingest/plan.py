"""What a sync would do, before anything is spent: like a diff, for documents and tokens.

Reads the source, parses and chunks what changed, and asks the embedding cache; calls no embedder and writes nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import select

from configs.errors import EmbedError, IngestError, OpenshelfError
from configs.schema import Costs, Source
from connectors.contract import Complete, Connector, Cursor, Delete, Failed, Skipped, SourceDocument, Upsert
from connectors.guard import checked
from ingest.document import Document
from ingest.embed.contract import Embedder
from ingest.embedders import Embedders
from ingest.fingerprint import fingerprint
from ingest.index import Indexer
from ingest.ledger import Ledger, builds, embeddings, flips, runs
from ingest.ledger.builds import Build
from ingest.ledger.tables import runs as run_table

_EXAMPLES = 20
_DEFAULT_TEXTS_PER_SECOND = 40.0  # all-MiniLM-L6-v2, onnx-int8, two cores; replaced by this shelf's own runs


@dataclass(slots=True)
class SourcePlan:
    """What a sync of one source would do. Each document counts once, as what becomes of it in the end.

    Attributes:
        add, update, delete, failing: document ids, the first 20 of each; ``totals`` has the counts.
        skipped: how many documents the source's settings leave out, by reason.
        rebuild: why everything is indexed again, or ``None``.
        texts, tokens: to embed; what the cache holds is not counted.
        seconds: estimated from this shelf's own runs where there are any.
        cost: in the configured currency; 0 for a local model, ``None`` where its price is not configured.
    """

    source: str
    add: list[str] = field(default_factory=list)
    update: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    totals: dict[str, int] = field(
        default_factory=lambda: {"add": 0, "update": 0, "delete": 0, "failing": 0, "unchanged": 0, "rebuild": 0}
    )
    rebuild: str | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    tokens: int = 0
    seconds: float = 0.0
    cost: float | None = 0.0
    error: str | None = None

    def note(self, kind: str, document_id: str) -> None:
        """Count a document, and keep its id as an example."""
        self.totals[kind] += 1
        examples: list[str] = [] if kind == "unchanged" else getattr(self, kind)
        if len(examples) < _EXAMPLES:
            examples.append(document_id)


def plan_source(
    *, ledger: Ledger, embedders: Embedders, source: Source, connector: Connector, costs: Costs
) -> SourcePlan:
    """Plan one source. A source that cannot be read is reported in ``error``, not raised."""
    plan = SourcePlan(source.name)
    wanted = fingerprint(source, embedders.fingerprint)
    with ledger.reading() as connection:
        active = builds.find(connection, source.name, builds.ACTIVE)
        rejected = builds.rejected(connection, source.name) == wanted.whole
        known = flips.versions(connection, active) if active else {}
        failing = runs.failed_ids(connection, source.name)
        retry = list(runs.to_retry(connection, source.name))
    embedder = embedders.current()
    cursor = active.cursor if active else None
    settings_changed = active is not None and active.fingerprint != wanted.whole and not rejected
    counter = _Counter(ledger, embedder, Indexer(source, embedder, 0, wanted.whole), plan)
    fates = _Fates(known, failing)
    try:
        if active and settings_changed:
            plan.totals["rebuild"] = len(known)
            if active.parse_fingerprint == wanted.parse:
                plan.rebuild = (
                    "chunker, prefix, metadata, visibility or embedder changed: the parsed text is used again"
                )
                counter.add_stored(active, known)
            else:
                plan.rebuild = "the parser changed: the source is read again in full"
                cursor = None
        read_again = cursor is None and plan.rebuild is not None
        for document in retry:
            fates.take(document, counter, always=read_again)
        _follow(fates, connector, source.name, cursor, counter, read_again=read_again)
        counter.finish()
    except OpenshelfError as error:
        plan.error = str(error)
    for document_id, fate in sorted(fates.fates.items()):
        plan.note(fate, document_id)
    plan.seconds = plan.texts / _texts_per_second(ledger)
    price = costs.prices.get(embedder.model)
    if source_is_paid(embedders):
        plan.cost = None if price is None else plan.tokens / 1e6 * price.input
    return plan


def source_is_paid(embedders: Embedders) -> bool:
    """Whether the configured embedder is somebody's API."""
    return bool(embedders.stored_settings["provider"] == "openai")


class _Fates:
    """What becomes of each document: ``add``, ``update``, ``delete``, ``failing`` or ``unchanged``."""

    def __init__(self, known: dict[str, str], failing: set[str]) -> None:
        self._known = known
        self._failing = failing
        self.fates = dict.fromkeys(known, "unchanged") | dict.fromkeys(failing, "failing")

    def take(self, document: SourceDocument, counter: _Counter, *, always: bool) -> None:
        """A document that the source gave; ``always``: count its texts even if it did not change."""
        name = document.id
        same = self._known.get(name) == document.version and name not in self._failing
        self.fates[name] = "unchanged" if same else "update" if name in self._known else "add"
        if (always or not same) and not counter.add_raw(document):
            self.fates[name] = "failing"

    def fail(self, document_id: str) -> None:
        """It cannot be read; an old version stays."""
        self.fates[document_id] = "failing"

    def drop(self, document_id: str) -> None:
        """It is gone."""
        if document_id in self._known:
            self.fates[document_id] = "delete"
        else:
            self.fates.pop(document_id, None)


def _follow(
    fates: _Fates, connector: Connector, source: str, cursor: Cursor | None, counter: _Counter, *, read_again: bool
) -> None:
    for change in checked(connector.changes(cursor), source, cursor):
        match change:
            case Upsert(document):
                fates.take(document, counter, always=read_again)
            case Delete(document_id):
                fates.drop(document_id)
            case Skipped(document_id, reason):
                counter.plan.skipped[reason] += 1
                fates.drop(document_id)
            case Failed():
                fates.fail(change.id)
            case Complete(ids):
                for document_id in fates.fates.keys() - ids:
                    fates.drop(document_id)
            case _:
                pass


class _Counter:
    """Counts texts and tokens that the cache does not have, a page at a time."""

    def __init__(self, ledger: Ledger, embedder: Embedder, indexer: Indexer, plan: SourcePlan) -> None:
        self._ledger = ledger
        self._embedder = embedder
        self._indexer = indexer
        self.plan = plan
        self._texts: dict[str, str] = {}
        self._seen: set[str] = set()

    def add_raw(self, raw: SourceDocument) -> bool:
        """Count a document's texts; false where it cannot be parsed or kept."""
        try:
            self._add(self._indexer.parse(raw))
        except EmbedError:
            raise
        except IngestError:
            return False
        return True

    def add_stored(self, build: Build, known: dict[str, str]) -> None:
        for document_id in known:
            with self._ledger.reading() as connection:
                document = flips.stored(connection, build, document_id)
            if document:
                self._add(document)

    def _add(self, document: Document) -> None:
        item = self._indexer.index(document)
        for key, chunk in zip(item.keys, item.chunks, strict=True):
            if key not in self._seen:
                self._seen.add(key)
                self._texts[key] = chunk.embed_text
        if len(self._texts) >= 1000:
            self.finish()

    def finish(self) -> None:
        with self._ledger.reading() as connection:
            cached = embeddings.lookup(connection, list(self._texts))
        for key, text in self._texts.items():
            if key not in cached:
                self.plan.texts += 1
                self.plan.tokens += self._embedder.count_tokens(text)
        self._texts = {}


def _texts_per_second(ledger: Ledger) -> float:
    with ledger.reading() as connection:
        rows = connection.execute(
            select(run_table.c.counts, (run_table.c.finished - run_table.c.started).label("seconds"))
            .where(run_table.c.finished.is_not(None))
            .order_by(run_table.c.id.desc())
            .limit(20)
        ).all()
    worked = [(row.counts.get("embedded", 0), row.seconds) for row in rows if row.counts.get("embedded", 0) >= 50]
    texts, seconds = sum(count for count, _ in worked), sum(spent for _, spent in worked)
    return texts / seconds if texts and seconds else _DEFAULT_TEXTS_PER_SECOND
