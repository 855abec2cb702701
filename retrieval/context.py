"""Build what the model reads: numbered, delimited sources inside a token budget.

Retrieved text is data. Each source stands between two lines that carry a nonce drawn for this call, so nothing
written earlier can close it, and whatever looks like such a line in a document is made harmless.

Hits are taken by score. Chunks of one document that overlap or lie at most ``merge_gap`` characters apart become
one source; the text between comes from the document itself. A passage that is too long is cut at a sentence and
says so.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from configs.schema import Context
from retrieval.hit import Hit
from retrieval.wording import sentences

CountTokens = Callable[[str], int]
Body = Callable[[Hit], str]
CUT_NOTE = "[cut here: the passage is longer than the space for it]"
_MAX_FIELD = 300
_MARKER = re.compile(r"[<＜﹤]{2,}(?=\s*/?\s*(?:source|end)\b)", re.IGNORECASE)
_UPDATED_KEYS = ("updated", "updated_at", "modified", "last_modified")


@dataclass(frozen=True, slots=True)
class Source:
    """One numbered source: a run of one document's text that some hits cover.

    Attributes:
        text: ``body[start:end]`` of the parsed document, as it is there (not the harmless rendering).
        header: a table's header row, shown above ``text``.
        hits: the hits inside, best first.
        truncated: ``text`` was cut at a sentence to fit.
    """

    number: int
    start: int
    end: int
    text: str
    header: str | None
    hits: tuple[Hit, ...]
    truncated: bool = False

    @property
    def best(self) -> Hit:
        """The hit with the highest score: gives title, url, page and document."""
        return self.hits[0]

    def chunk_at(self, position: int) -> Hit:
        """The hit whose span holds ``position`` of the document, else the nearest one."""

        def distance(hit: Hit) -> int:
            return max(hit.start - position, position - hit.end + 1, 0)

        return min(self.hits, key=distance)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A hit that is not in the context, and why."""

    hit: Hit
    reason: str


@dataclass(frozen=True, slots=True)
class ContextBlock:
    """The rendered sources.

    Attributes:
        text: what is sent; empty when nothing is.
        tokens: length of ``text``, never above ``budget``.
        used: hits whose text is in it, best first.
    """

    text: str
    sources: tuple[Source, ...]
    tokens: int
    budget: int
    used: tuple[Hit, ...]
    dropped: tuple[Dropped, ...]


def build_context(
    hits: Sequence[Hit],
    settings: Context,
    count_tokens: CountTokens,
    body: Body | None = None,
    *,
    first_number: int = 1,
    shown: Mapping[str, int] | None = None,
) -> ContextBlock:
    """Fit ``hits`` into ``settings.budget`` tokens.

    Args:
        body: gives the whole parsed text of a hit's document; without it only chunks that touch are merged.
        first_number: number of the first source; a second search for the same question goes on counting.
        shown: chunk ids that this question has already sent, with their source's number; not sent again.
    """
    builder = _Builder(settings, count_tokens, body, first_number)
    known = dict(shown or {})
    for hit in sorted(hits, key=lambda hit: -hit.score):
        if hit.chunk_id in known:
            builder.dropped.append(Dropped(hit, f"already sent as [{known[hit.chunk_id]}]"))
        else:
            builder.add(hit)
    return builder.finish()


class _Builder:
    def __init__(self, settings: Context, count_tokens: CountTokens, body: Body | None, first_number: int) -> None:
        self.settings, self.count, self.body, self.first = settings, count_tokens, body, first_number
        # Digits, because every nonce of 18 of them has as many tokens; with letters a context would differ in length.
        self.nonce = f"{secrets.randbelow(10**18):018d}"
        self.sources: list[Source] = []
        self.costs: list[int] = []  # tokens of each rendered source, the blank line after it included
        self.dropped: list[Dropped] = []

    def add(self, hit: Hit) -> None:
        for source in self.sources:
            if any(hit.chunk_id == known.chunk_id for known in source.hits):
                self.dropped.append(Dropped(hit, f"the same chunk as in [{source.number}]"))
                return
            if not _same_document(hit, source.best) and any(hit.text == other.text for other in source.hits):
                self.dropped.append(Dropped(hit, f"the same text as [{source.number}]"))
                return
        if self._merge(hit):
            return
        source = _source(self.first + len(self.sources), hit)
        for known in self.sources:
            if _same_document(hit, known.best) and hit.start < known.end and known.start < hit.end:
                self.dropped.append(Dropped(hit, f"no room for the rest beside [{known.number}]"))
                return
        room = self.settings.budget - sum(self.costs)
        cost = self._cost(source)
        if cost > room:
            cut = self._cut(source, room)
            if cut is None:
                self.dropped.append(Dropped(hit, f"no room: {cost} tokens, {max(room, 0)} left"))
                return
            source, cost = cut, self._cost(cut)
        self.sources.append(source)
        self.costs.append(cost)

    def finish(self) -> ContextBlock:
        text, tokens = self._render()
        while tokens > self.settings.budget:  # joined text can count a token more than its parts
            source = self.sources.pop()
            self.costs.pop()
            self.dropped += [Dropped(hit, "no room") for hit in source.hits]
            text, tokens = self._render()
        used = sorted((hit for source in self.sources for hit in source.hits), key=lambda hit: -hit.score)
        return ContextBlock(text, tuple(self.sources), tokens, self.settings.budget, tuple(used), tuple(self.dropped))

    def _merge(self, hit: Hit) -> bool:
        """Widen a source of the same document to hold ``hit`` too, if one is near and the budget allows.

        One hit can close the gap between two sources; the later one then goes into the earlier.
        """
        near = [i for i, source in enumerate(self.sources) if self._near(hit, source)]
        for chosen in [near] if len(near) < 2 else [near, near[:1], near[1:2]]:
            if not chosen:
                continue
            merged = self._joined([self.sources[i] for i in chosen], hit)
            if merged is None:
                continue
            cost = self._cost(merged)
            if sum(self.costs) - sum(self.costs[i] for i in chosen) + cost > self.settings.budget:
                continue
            first, rest = chosen[0], set(chosen[1:])
            self.sources[first], self.costs[first] = merged, cost
            kept = [i for i in range(len(self.sources)) if i not in rest]
            self.costs = [self.costs[i] for i in kept]
            self.sources = [replace(self.sources[i], number=self.first + n) for n, i in enumerate(kept)]
            return True
        return False

    def _near(self, hit: Hit, source: Source) -> bool:
        gap = max(hit.start - source.end, source.start - hit.end)
        return not source.truncated and _same_document(hit, source.best) and gap <= self.settings.merge_gap

    def _joined(self, parts: list[Source], hit: Hit) -> Source | None:
        pieces = sorted([*parts, _source(0, hit)], key=lambda piece: (piece.start, -piece.end))
        start, end = pieces[0].start, max(piece.end for piece in pieces)
        text = _stitch(pieces) if self.body is None else self.body(hit)[start:end]
        if text is None:
            return None
        header = pieces[0].header
        if any(piece.header and piece.header != header and piece.header not in text for piece in pieces):
            return None  # rows would lose the names of their columns
        hits = sorted((known for piece in pieces for known in piece.hits), key=lambda known: -known.score)
        return Source(parts[0].number, start, end, text, header, tuple(hits))

    def _cut(self, source: Source, room: int) -> Source | None:
        """The most whole sentences from the start of ``source`` that fit, by bisection."""
        ends = [end for _, end in sentences(source.text)][:-1]
        low, high, best = 0, len(ends) - 1, None
        while low <= high:
            middle = (low + high) // 2
            end = ends[middle]
            cut = replace(source, text=source.text[:end], end=source.start + end, truncated=True)
            if self._cost(cut) <= room:
                best, low = cut, middle + 1
            else:
                high = middle - 1
        return best

    def _cost(self, source: Source) -> int:
        return self.count(render(source, self.nonce) + "\n\n")

    def _render(self) -> tuple[str, int]:
        text = "\n\n".join(render(source, self.nonce) for source in self.sources)
        return text, self.count(text) if text else 0


def render(source: Source, nonce: str) -> str:
    """One source as delimited data; every value in it comes from a document and is treated as hostile."""
    best = source.best
    section = " › ".join(best.heading_path)
    fields = {
        "title": best.title,
        "url": best.url,
        "section": section,
        "page": None if best.page is None else str(best.page),
        "updated": _updated(best),
    }
    lines = [f"<<<source {source.number} {nonce}>>>"]
    lines += [f"{name}: {_field(value)}" for name, value in fields.items() if value]
    lines.append("")
    if source.header and not source.text.lstrip().startswith(source.header.strip()):
        lines.append(harmless(source.header))
    lines.append(harmless(source.text))
    if source.truncated:
        lines.append(CUT_NOTE)
    lines.append(f"<<<end {source.number} {nonce}>>>")
    return "\n".join(lines)


def harmless(text: str) -> str:
    """``text`` with whatever looks like one of our delimiters spelt with other brackets (same length)."""
    return _MARKER.sub(lambda match: "‹" * len(match[0]), text)


def _field(value: str) -> str:
    line = harmless(" ".join(value.split()))
    return line if len(line) <= _MAX_FIELD else line[: _MAX_FIELD - 1] + "…"


def _updated(hit: Hit) -> str | None:
    for key in _UPDATED_KEYS:
        value = hit.metadata.get(key)
        if isinstance(value, datetime):
            return value.isoformat(timespec="minutes")
        if isinstance(value, date | str):
            return str(value)
        if isinstance(value, int | float) and not isinstance(value, bool):  # the ledger keeps epoch seconds
            return datetime.fromtimestamp(value, UTC).isoformat(timespec="minutes")
    return None


def _source(number: int, hit: Hit) -> Source:
    text = hit.text
    if hit.header and text.startswith(f"{hit.header}\n"):
        text = text[len(hit.header) + 1 :]
    return Source(number, hit.start, hit.end, text, hit.header, (hit,))


def _same_document(one: Hit, other: Hit) -> bool:
    return (one.source, one.document_id) == (other.source, other.document_id)


def _stitch(pieces: list[Source]) -> str | None:
    """The union of overlapping or touching pieces in order of start; ``None`` when text between is missing."""
    text, end = pieces[0].text, pieces[0].end
    if any(len(piece.text) != piece.end - piece.start for piece in pieces):
        return None
    for piece in pieces[1:]:
        if piece.start > end:
            return None
        text += piece.text[max(0, end - piece.start) :]
        end = max(end, piece.end)
    return text
