"""Read one text of the model: its markers become annotations.

OpenAI's Responses API gives text without markers, and ``index`` of a ``file_citation`` is where one would be put. So
do we: a marker and the blanks in front of it are taken out, and the index counts the characters before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from openshelf.server.contract import StoreHit
from retrieval.citations import CitationReader, Piece, infer
from retrieval.context import Source
from retrieval.events import Citation

Annotation: TypeAlias = dict[str, Any]
Shown: TypeAlias = tuple[str, list[Annotation]]


class Reading:
    """A text in pieces of any size; the result does not depend on where they were cut.

    Args:
        sources: by number.
        hits: by chunk id; every chunk of ``sources`` is there.
        markers: whether the text may hold markers; JSON may not, its ``[1]`` is a list.
    """

    def __init__(self, sources: Mapping[int, Source], hits: Mapping[str, StoreHit], *, markers: bool) -> None:
        self.text = ""
        self.annotations: list[Annotation] = []
        self.markers = markers
        self.finished = False
        self.given = ""
        self._sources, self._hits = sources, hits
        self._cited = False
        self._reader = CitationReader(sources)
        self._read = 0  # characters of the reader's text that were taken over

    def feed(self, delta: str) -> Shown:
        """Take the next piece: what of it can be shown, and the annotations whose markers it held."""
        self.given += delta
        if not self.markers:
            self.text += delta
            return delta, []
        return self.take(self._reader.feed(delta))

    def take(self, piece: Piece) -> Shown:
        """A piece whose markers were read already."""
        start, at, shown = self._read, self._read, ""
        self._read += len(piece.text)
        found = []
        for citation in piece.citations:
            shown += self._joined(shown, piece.text[at - start : citation.position - start]).rstrip(" \t")
            at = citation.position + len(f"[{citation.number}]")
            found.append(self._note(replace(citation, position=len(self.text) + len(shown))))
        shown += self._joined(shown, piece.text[at - start :])
        self.text += shown
        return shown, found

    def finish(self) -> Shown:
        """Release what was held back."""
        if self.finished:
            return "", []
        self.finished = True
        return self.take(self._reader.finish()) if self.markers else ("", [])

    @property
    def uncited(self) -> bool:
        """Whether there are sources, and no marker of one was found."""
        return bool(self._sources) and not self._cited

    def tie(self) -> list[Annotation]:
        """Tie sentences to sources by their words, where the model wrote no marker. Takes its time."""
        return [self._note(citation) for citation in infer(self.text, self._sources)]

    def foreign(self, annotation: Mapping[str, Any]) -> Annotation:
        """Take over an annotation of the upstream's own tools; its places are moved by the markers before them."""
        moved = dict(annotation)
        for key in ("index", "start_index", "end_index"):
            if self.markers and isinstance(moved.get(key), int):
                before = Reading(self._sources, self._hits, markers=True)
                before.feed(self.given[: moved[key]] + "x")  # a letter, so that blanks at the end are no marker's
                before.finish()
                moved[key] = len(before.text) - 1
        self.annotations.append(moved)
        return moved

    def part(self, logprobs: object = None) -> dict[str, Any]:
        """The content part as it stands."""
        words = logprobs if isinstance(logprobs, list) and not self.markers else []
        return {"type": "output_text", "text": self.text, "annotations": list(self.annotations), "logprobs": words}

    def _joined(self, before: str, text: str) -> str:
        return text if self.text or before else text.lstrip()

    def _note(self, citation: Citation) -> Annotation:
        self._cited = True
        annotation = _annotation(citation, self._hits[citation.chunk_id])
        self.annotations.append(annotation)
        return annotation


def _annotation(citation: Citation, hit: StoreHit) -> Annotation:
    return {
        "type": "file_citation",
        "file_id": hit.file_id,
        "filename": hit.filename,
        "index": citation.position,
        "openshelf": {
            "vector_store_id": hit.store_id,
            "document_id": citation.document_id,
            "chunk_id": citation.chunk_id,
            "start": citation.start,
            "end": citation.end,
            "title": citation.title,
            "url": citation.url,
            "inferred": citation.inferred,
        },
    }
