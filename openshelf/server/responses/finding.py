"""Search the stores of a request: the events of each search, what the model is given, what is cited from it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from configs.schema import Context
from openshelf.server.contract import Caller, StoreHit
from openshelf.server.responses.draft import Draft
from openshelf.server.responses.items import Item, new_id
from openshelf.server.responses.reading import Reading
from openshelf.server.responses.request import FileSearchTool
from openshelf.server.responses.upstream import Step
from retrieval.context import ContextBlock, Source, build_context
from retrieval.drive import Do

if TYPE_CHECKING:
    from openshelf.server.responses.course import House


class Finding:
    """All searches of one response.

    Attributes:
        sources: what the model was given, by number.
        hits: what was found, by chunk id.
    """

    def __init__(
        self, house: House, caller: Caller, tool: FileSearchTool | None, draft: Draft, *, with_results: bool
    ) -> None:
        self.answerer, self.draft = house.answerer, draft
        self._search, self._caller, self._tool = house.search, caller, tool
        self._with_results = with_results
        self.sources: dict[int, Source] = {}
        self.hits: dict[str, StoreHit] = {}
        self.searches = 0
        self.context_tokens = 0

    @property
    def budget_left(self) -> int:
        """Tokens of ``context.budget`` that no search has used."""
        return max(1, self.answerer.context.budget - self.context_tokens)

    def check(self) -> None:
        """Whether the request may search what it names; without this a model that does not search would hide it.

        Raises:
            ApiError: a store is unknown or not the caller's (404).
            FilterError: the filter is malformed.
        """
        if self._tool is not None:
            self._find(self._tool, [])

    def find(self, queries: Sequence[str]) -> Generator[Step, Any, list[StoreHit]]:
        """One search with its events; a search that fails is an item that failed."""
        if self._tool is None:
            raise RuntimeError("a search without a file_search tool")
        draft, index, key = self.draft, self.draft.place(), new_id("fs")
        item: Item = {"id": key, "type": "file_search_call", "queries": list(queries), "results": None}
        at = {"output_index": index, "item_id": key}
        yield draft.added(index, {**item, "status": "in_progress"})
        yield draft.event("response.file_search_call.in_progress", **at)
        yield draft.event("response.file_search_call.searching", **at)
        self.searches += 1
        try:
            hits: list[StoreHit] = yield Do(partial(self._find, self._tool, list(queries)))
        except Exception:
            yield draft.done(index, {**item, "status": "failed"})
            raise
        self.hits |= {hit.hit.chunk_id: hit for hit in hits}
        yield draft.event("response.file_search_call.completed", **at)
        results = [_result(hit) for hit in hits] if self._with_results else None
        yield draft.done(index, {**item, "status": "completed", "results": results})
        return hits

    def search(self, queries: Sequence[str], budget: int) -> Generator[Step, Any, ContextBlock]:
        """``find``, and what of it the model is given."""
        hits = yield from self.find(queries)
        return (yield from self.give(hits, budget))

    def give(self, hits: Sequence[StoreHit], budget: int) -> Generator[Step, Any, ContextBlock]:
        """Hits as numbered sources in at most ``budget`` tokens; nothing is given twice."""
        shown = {hit.chunk_id: n for n, source in self.sources.items() for hit in source.hits}
        context: ContextBlock = yield Do(
            partial(
                build_context,
                [hit.hit for hit in hits],
                Context(budget=budget, merge_gap=self.answerer.context.merge_gap),
                self.answerer.count_tokens,
                self.answerer.body,
                first_number=len(self.sources) + 1,
                shown=shown,
            )
        )
        self.sources |= {source.number: source for source in context.sources}
        self.context_tokens += context.tokens
        return context

    def reading(self, *, as_json: bool) -> Reading:
        """Begin to read a text of the model. Where nothing was given no number can be a marker."""
        return Reading(self.sources, self.hits, markers=bool(self.sources) and not as_json)

    def _find(self, tool: FileSearchTool, queries: Sequence[str]) -> list[StoreHit]:
        return self._search(
            self._caller,
            list(dict.fromkeys(tool.vector_store_ids)),
            queries,
            filters=tool.filters,
            max_num_results=tool.limit,
            ranking=tool.ranking,
        )


def _result(found: StoreHit) -> Item:
    hit = found.hit
    return {
        "file_id": found.file_id,
        "filename": found.filename,
        "score": found.score,
        "text": hit.text,
        "attributes": dict(found.attributes),
        "vector_store_id": found.store_id,
        "openshelf": {"document_id": hit.document_id, "chunk_id": hit.chunk_id, "start": hit.start, "end": hit.end},
    }
