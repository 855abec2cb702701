"""Hand on the events of one upstream call as events of our response.

Places, ids and numbers are ours, calls of the search function are left out, and the text of messages is read for
citations. Servers that leave out events of OpenAI's order have them filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from openshelf.server.responses.draft import Draft
from openshelf.server.responses.items import Item
from openshelf.server.responses.reading import Reading, Shown
from openshelf.server.responses.upstream import Step
from retrieval.drive import Do

Steps: TypeAlias = Generator[Step, Any, None]

_OF_THE_WHOLE = frozenset(
    f"response.{state}" for state in ("created", "queued", "in_progress", "completed", "incomplete", "failed")
)


@dataclass(slots=True)
class _Place:
    """An output item: where it stands in our response, and the texts in it by content index."""

    index: int
    id: str
    texts: dict[int, Reading] = field(default_factory=dict)
    logprobs: dict[int, list[Any]] = field(default_factory=dict)
    parts_done: set[int] = field(default_factory=set)


class Relay:
    """One call of the upstream.

    Args:
        hidden: the name of the search function; ``None`` where there is none.
        reading: begins the reading of a text.
    """

    def __init__(self, draft: Draft, hidden: str | None, reading: Callable[[], Reading]) -> None:
        self._draft, self._hidden, self._new_reading = draft, hidden, reading
        self._places: dict[int, _Place] = {}
        self._left_out: set[int] = set()

    def take(self, event: Mapping[str, Any]) -> Steps:
        """The events that one of the upstream's becomes."""
        kind, number = event.get("type"), event.get("output_index")
        if kind in _OF_THE_WHOLE or kind == "error" or not isinstance(kind, str):
            return
        if not isinstance(number, int):
            yield self._draft.event(**{"kind": kind, **_without(event, "type", "sequence_number")})
            return
        item = event.get("item")
        if kind == "response.output_item.added" and isinstance(item, dict):
            yield from self._begin(number, item)
            return
        if kind == "response.output_item.done" and isinstance(item, dict) and number not in self._places:
            yield from self._begin(number, item)
        if number in self._left_out:
            return
        if number not in self._places:
            yield from self._begin(number, {"type": "message", "role": "assistant"})
        place = self._places[number]
        if kind == "response.output_item.done" and isinstance(item, dict):
            yield from self._end(place, item)
        else:
            yield from self._inside(place, kind, event)

    def _begin(self, number: int, item: Item) -> Steps:
        if number in self._places or number in self._left_out:
            return
        kind = item.get("type")
        if kind == "function_call" and self._hidden is not None and item.get("name") == self._hidden:
            self._left_out.add(number)
            return
        key = self._draft.own_id("msg") if kind == "message" else self._draft.own_id("item", item.get("id"))
        place = self._places[number] = _Place(self._draft.place(), key)
        started = {**item, "id": key}
        if kind == "message":
            started |= {"content": [], "status": "in_progress"}
        yield self._draft.added(place.index, started)

    def _inside(self, place: _Place, kind: str, event: Mapping[str, Any]) -> Steps:
        number = event.get("content_index")
        part = event.get("part")
        if isinstance(number, int):
            if kind == "response.content_part.added" and isinstance(part, dict) and part.get("type") == "output_text":
                yield from self._open(place, number)
                return
            if kind == "response.content_part.done" and number in place.texts:
                yield from self._close(place, number, part)
                return
            if kind.startswith("response.output_text."):
                yield from self._text(place, number, kind, event)
                return
        fields = _without(event, "type", "sequence_number")
        yield self._draft.event(kind, **{**fields, "output_index": place.index, "item_id": place.id})

    def _text(self, place: _Place, number: int, kind: str, event: Mapping[str, Any]) -> Steps:
        yield from self._open(place, number)
        text, at = place.texts[number], self._at(place, number)
        if kind == "response.output_text.delta":
            words = event.get("logprobs")
            place.logprobs.setdefault(number, []).extend(words if isinstance(words, list) else [])
            yield from self._show(place, number, text.feed(str(event.get("delta") or "")), words)
        elif kind == "response.output_text.done":
            yield from self._finish(place, number, str(event.get("text") or ""))
        elif kind == "response.output_text.annotation.added" and isinstance(event.get("annotation"), dict):
            index = len(text.annotations)
            moved = text.foreign(event["annotation"])
            yield self._draft.event(kind, **at, annotation_index=index, annotation=moved)

    def _open(self, place: _Place, number: int) -> Steps:
        if number not in place.texts:
            text = place.texts[number] = self._new_reading()
            yield self._draft.event("response.content_part.added", **self._at(place, number), part=text.part())

    def _show(self, place: _Place, number: int, shown: Shown, logprobs: object = None) -> Steps:
        text, at = place.texts[number], self._at(place, number)
        words, annotations = shown
        if words:
            kept = logprobs if isinstance(logprobs, list) and not text.markers else []
            yield self._draft.event("response.output_text.delta", **at, delta=words, logprobs=kept)
        first = len(text.annotations) - len(annotations)
        for index, annotation in enumerate(annotations, first):
            yield self._draft.event(
                "response.output_text.annotation.added", **at, annotation_index=index, annotation=annotation
            )

    def _finish(self, place: _Place, number: int, whole: str) -> Steps:
        text, at = place.texts[number], self._at(place, number)
        if text.finished:
            return
        if whole and not text.given:  # no deltas came
            yield from self._show(place, number, text.feed(whole))
        yield from self._show(place, number, text.finish())
        if text.uncited:
            yield from self._show(place, number, ("", (yield Do(text.tie))))
        kept = [] if text.markers else place.logprobs.get(number, [])
        yield self._draft.event("response.output_text.done", **at, text=text.text, logprobs=kept)

    def _close(self, place: _Place, number: int, part: object) -> Steps:
        if number in place.parts_done:
            return
        given = part if isinstance(part, dict) else {}
        yield from self._finish(place, number, str(given.get("text") or ""))
        place.parts_done.add(number)
        yield self._draft.event(
            "response.content_part.done",
            **self._at(place, number),
            part=place.texts[number].part(place.logprobs.get(number)),
        )

    def _end(self, place: _Place, item: Item) -> Steps:
        ended = {**item, "id": place.id}
        if item.get("type") == "message":
            content = []
            for number, part in enumerate(item.get("content") or []):
                if isinstance(part, dict) and part.get("type") == "output_text":
                    yield from self._open(place, number)
                    yield from self._close(place, number, part)
                    part = place.texts[number].part(place.logprobs.get(number))
                content.append(part)
            ended["content"] = content
        yield self._draft.done(place.index, ended)

    def _at(self, place: _Place, number: int) -> dict[str, Any]:
        return {"item_id": place.id, "output_index": place.index, "content_index": number}


def _without(event: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in keys}
