"""What a sync would do, before anything is spent: like a diff, for documents and tokens.

Reads the source, parses and chunks what changed, and asks the embedding cache; calls no embedder and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import select

from configs.errors import OpenshelfError, ParseError
from configs.schema import Costs, Source
from connectors.contract import Complete, Connector, Cursor, Delete, Failed, SourceDocument, Upsert
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
    """What a sync of one source would do.

    Attributes:
        add, update, delete, failing: document ids, the first 20 of each; ``totals`` has the counts.
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
    texts: int = 0
    tokens: int = 0
    seconds: float = 0.0
    cost: float | None = 0.0
    error: str | None = None

    def note(self, kind: str, document_id: str) -> None:
        """Count a document, and keep its id as an example."""
        self.totals[kind] += 1
        examples: list[str] = getattr(self, kind)
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
    embedder = embedders.current()
    cursor = active.cursor if active else None
    settings_changed = active is not None and active.fingerprint != wanted.whole and not rejected
    counter = _Counter(ledger, embedder, Indexer(source, embedder, 0, wanted.whole), plan)
    if active and settings_changed:
        if active.parse_fingerprint == wanted.parse:
            plan.rebuild = "chunker, prefix, metadata, visibility or embedder changed: the parsed text is used again"
            counter.add_stored(active, known)
        else:
            plan.rebuild = "the parser changed: the source is read again in full"
            cursor = None
        plan.totals["rebuild"] = len(known)
    try:
        _follow(plan, connector, source.name, cursor, known, failing, counter, everything=cursor is None)
    except OpenshelfError as error:
        plan.error = str(error)
    counter.finish()
    plan.seconds = plan.texts / _texts_per_second(ledger)
    price = costs.prices.get(embedder.model)
    if source_is_paid(embedders):
        plan.cost = None if price is None else plan.tokens / 1e6 * price.input
    return plan


def source_is_paid(embedders: Embedders) -> bool:
    """Whether the configured embedder is somebody's API."""
    return bool(embedders.stored_settings["provider"] == "openai")


def _follow(
    plan: SourcePlan,
    connector: Connector,
    source: str,
    cursor: Cursor | None,
    known: dict[str, str],
    failing: set[str],
    counter: _Counter,
    *,
    everything: bool,
) -> None:
    for change in checked(connector.changes(cursor), source, cursor):
        match change:
            case Upsert(document):
                same = known.get(document.id) == document.version and document.id not in failing
                if same:
                    plan.totals["unchanged"] += 1
                else:
                    plan.note("update" if document.id in known else "add", document.id)
                if not same or (everything and plan.rebuild):
                    counter.add_raw(document)
            case Delete(document_id) if document_id in known:
                plan.note("delete", document_id)
            case Failed():
                plan.note("failing", change.id)
            case Complete(ids):
                for document_id in sorted(known.keys() - ids):
                    plan.note("delete", document_id)
                plan.totals["unchanged"] = len(known.keys() & ids) - plan.totals["update"]
            case _:
                pass


class _Counter:
    """Counts texts and tokens that the cache does not have, a page at a time."""

    def __init__(self, ledger: Ledger, embedder: Embedder, indexer: Indexer, plan: SourcePlan) -> None:
        self._ledger = ledger
        self._embedder = embedder
        self._indexer = indexer
        self._plan = plan
        self._texts: dict[str, str] = {}
        self._seen: set[str] = set()

    def add_raw(self, raw: SourceDocument) -> None:
        try:
            self._add(self._indexer.parse(raw))
        except ParseError:
            self._plan.note("failing", raw.id)

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
                self._plan.texts += 1
                self._plan.tokens += self._embedder.count_tokens(text)
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
