"""Why a document came back or did not: the question that a closed search cannot answer.

An operator's tool: it tells of documents that the given viewer may not see, so never show it to that viewer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select

from configs.errors import RetrievalError
from ingest.filters import All, AnyOf, Comparison, Filter, parse_filter
from ingest.ledger import builds as build_rows
from ingest.ledger import keywords
from ingest.ledger.tables import builds, chunks, documents, failures
from ingest.ledger.where import FIELDS, Groups, among, matches, visible
from ingest.metadata import decode_metadata
from retrieval.hit import Hit
from retrieval.nearest import Nearest, exact
from retrieval.search import Searcher, Trace
from retrieval.view import candidates, embedder_key


class Reason(StrEnum):
    """What decided."""

    RETURNED = "returned"
    UNKNOWN = "unknown"
    FAILED = "failed"
    DISABLED = "disabled"
    BUILDING = "building"
    EMPTY = "empty"
    HIDDEN = "hidden"
    FILTERED = "filtered"
    NO_CANDIDATE = "no candidate"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the document's best chunk stands among everything that the viewer and the filter allow.

    Attributes:
        rank: from 1; ``None`` when it is not in the list at all.
        of: length of the list.
        score: BM25, or cosine similarity.
    """

    rank: int | None
    of: int
    score: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a document came back or did not; ``str()`` is what to show.

    Attributes:
        detail: one or two sentences.
        keyword, vector: exact standings, where the document could be searched at all.
        place: in the fused list, from 1, where it got so far.
        hit: its best hit, when it was returned.
    """

    document_id: str
    reason: Reason
    detail: str
    source: str | None = None
    title: str | None = None
    keyword: Standing | None = None
    vector: Standing | None = None
    place: int | None = None
    hit: Hit | None = None

    def __str__(self) -> str:
        name = f"{self.title} ({self.document_id})" if self.title else self.document_id
        lines = [f"{name}: {self.detail}"]
        for kind, standing in (("Keywords", self.keyword), ("Vectors", self.vector)):
            if standing is None:
                continue
            if standing.rank is None:
                lines.append(f"{kind}: not among the {standing.of} chunks found.")
            else:
                lines.append(f"{kind}: its best chunk is #{standing.rank} of {standing.of} ({standing.score:.2f}).")
        if self.place is not None:
            lines.append(f"Fused: #{self.place}.")
        return "\n".join(lines)


def explain(
    searcher: Searcher,
    document_id: str,
    query: str,
    *,
    source: str | None = None,
    filters: Mapping[str, Any] | None = None,
    groups: Groups = None,
    disabled: Collection[str] = (),
    **options: Any,
) -> Explanation:
    """Search for ``query`` and say what became of one document.

    Args:
        source: needed only where several sources have a document of that id.
        disabled: names of sources that the configuration switches off.
        options: as for ``Searcher.search``.

    Raises:
        RetrievalError: the query is empty, or the id is ambiguous.
        FilterError: the filter is malformed.
    """
    parsed = parse_filter(filters)
    with searcher.ledger.reading() as connection:
        found = _document(connection, document_id, source)
        if isinstance(found, Explanation):
            if found.reason is Reason.UNKNOWN and source in disabled:
                return replace(found, reason=Reason.DISABLED, detail=f"The source {source} is disabled.")
            return found
        barred = _barred(connection, found, parsed, groups)
    about = Explanation(document_id, Reason.RETURNED, "", source=found.source, title=found.title)
    if barred:
        return replace(about, reason=barred[0], detail=barred[1])
    trace = searcher.trace(query, filters=filters, groups=groups, **options)
    with searcher.ledger.reading() as connection:
        mine = set(connection.execute(select(chunks.c.rowid).where(chunks.c.document == found.rowid)).scalars())
        about = replace(
            about,
            keyword=_keyword_standing(connection, trace, mine),
            vector=_vector_standing(connection, searcher, trace, found.build, mine),
        )
    return _outcome(about, trace, mine, document_id)


def _outcome(about: Explanation, trace: Trace, mine: set[int], document_id: str) -> Explanation:
    order = sorted(trace.fused, key=lambda rowid: (-trace.fused[rowid], rowid))
    best = next((place for place, rowid in enumerate(order, 1) if rowid in mine), None)
    for place, hit in enumerate(trace.hits, 1):
        if hit.document_id == document_id and hit.source == about.source:
            return replace(about, detail=f"It was returned as #{place}. {hit.why}", place=best, hit=hit)
    if best is None:
        return replace(
            about,
            reason=Reason.NO_CANDIDATE,
            detail=f"It is not among the first {trace.options.candidates} candidates of any list; "
            "a larger `candidates` or other words would reach it.",
        )
    why = trace.dropped.get(order[best - 1], "it changed while it was looked at")
    return replace(about, reason=Reason.DROPPED, detail=f"Its best chunk was found but left out: {why}.", place=best)


def _document(connection: Connection, document_id: str, source: str | None) -> Explanation | Row[*tuple[Any, ...]]:
    statement = (
        select(
            documents.c.rowid,
            documents.c.title,
            documents.c.readers,
            documents.c.metadata.label("flat"),
            documents.c.dates,
            documents.c.build,
            builds.c.source,
            builds.c.state,
            *(column.label(f"field_{name}") for name, column in FIELDS.items()),
        )
        .join(builds, builds.c.id == documents.c.build)
        .where(documents.c.document_id == document_id)
    )
    failed = select(failures).where(failures.c.document_id == document_id)
    if source is not None:
        statement = statement.where(builds.c.source == source)
        failed = failed.where(failures.c.source == source)
    rows = connection.execute(statement).all()
    active = [row for row in rows if row.state == build_rows.ACTIVE]
    if len(active) > 1:
        names = ", ".join(sorted(row.source for row in active))
        raise RetrievalError(f"Several sources have a document {document_id!r}: {names}.", hint="Say which one.")
    if active:
        return active[0]
    failure = connection.execute(failed).first()
    if failure is not None:
        detail = f"It could not be indexed: {failure.step} failed {failure.times} times, last with: {failure.error}"
        return Explanation(document_id, Reason.FAILED, detail, source=failure.source, title=failure.title)
    for row in rows:
        if row.state == build_rows.BUILDING:
            detail = f"It waits in a rebuild of {row.source} that is not complete; the next sync goes on with it."
            return Explanation(document_id, Reason.BUILDING, detail, source=row.source, title=row.title)
    detail = "No source has reported a document of this id (or it was deleted there). `openshelf status` lists sources."
    return Explanation(document_id, Reason.UNKNOWN, detail, source=source)


def _barred(
    connection: Connection, row: Row[*tuple[Any, ...]], parsed: Filter | None, groups: Groups
) -> tuple[Reason, str] | None:
    def passes(condition: Any) -> bool:
        statement = (
            select(documents.c.rowid)
            .join(builds, builds.c.id == documents.c.build)
            .where(documents.c.rowid == row.rowid, condition)
        )
        return connection.execute(statement).first() is not None

    if connection.execute(select(chunks.c.rowid).where(chunks.c.document == row.rowid)).first() is None:
        return Reason.EMPTY, "It is indexed, but has no text to search."
    if not passes(visible(groups)):
        readers = ", ".join(sorted(row.readers)) or "nobody"
        viewer = ", ".join(sorted(groups)) if isinstance(groups, frozenset) and groups else "no group"
        return Reason.HIDDEN, f"Only {readers} may see it; the search was for {viewer}."
    for part in _conjuncts(parsed):
        if not passes(matches(part)):
            return Reason.FILTERED, f"The filter {describe(part)} leaves it out{_values(row, part)}."
    return None


def _conjuncts(filter: Filter | None) -> list[Filter]:
    if filter is None:
        return []
    return [one for part in filter.parts for one in _conjuncts(part)] if isinstance(filter, All) else [filter]


def describe(filter: Filter) -> str:
    """A filter in words: ``(price lt 20 or tags eq 'sale')``."""
    if isinstance(filter, Comparison):
        value = list(filter.value) if isinstance(filter.value, tuple) else filter.value
        return f"{filter.key} {filter.operator} {value!r}"
    word = " and " if isinstance(filter, All) else " or "
    return f"({word.join(describe(part) for part in filter.parts)})"


def _values(row: Row[*tuple[Any, ...]], filter: Filter) -> str:
    metadata = decode_metadata(row.flat, row.dates)
    said = []
    for key in sorted(_keys(filter)):
        value = getattr(row, f"field_{key}") if key in FIELDS else metadata.get(key)
        said.append(f"it has no {key}" if value is None else f"its {key} is {value}")
    return f": {', '.join(said)}"


def _keys(filter: Filter) -> set[str]:
    if isinstance(filter, All | AnyOf):
        return {key for part in filter.parts for key in _keys(part)}
    return {filter.key}


def _keyword_standing(connection: Connection, trace: Trace, mine: set[int]) -> Standing:
    everything = max(1, sum(trace.view.counts.values()))

    def allowed(rowids: Sequence[int]) -> set[int]:
        return {one.rowid for one in candidates(connection, trace.restrict, among(chunks.c.rowid, rowids))}

    ranked = keywords.search(
        connection,
        trace.query,
        everything,
        builds=trace.builds,
        languages=trace.view.languages,
        visible=allowed,
    )
    return _standing(dict(ranked), mine)


def _vector_standing(
    connection: Connection, searcher: Searcher, trace: Trace, build_id: int, mine: set[int]
) -> Standing | None:
    build = next((build for build in trace.view.builds if build.id == build_id), None)
    if build is None:
        return None
    same = [other for other in trace.view.builds if embedder_key(other) == embedder_key(build)]
    vector = searcher.embedder(build.embedder).embed_query(trace.query)
    scores, _ = exact(connection, Nearest(same, vector, []), trace.restrict, None)
    return _standing(scores, mine)


def _standing(scores: Mapping[int, float], mine: set[int]) -> Standing:
    for rank, (rowid, score) in enumerate(scores.items(), 1):
        if rowid in mine:
            return Standing(rank, len(scores), score)
    return Standing(None, len(scores), None)
