"""``conversation``: a question stays with its answers; a long exchange repeats the question's beginning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ingest.chunk.packing import Packer, Repeat
from ingest.chunk.ruler import Ruler
from ingest.chunk.sections import Headings, elements, sections
from ingest.chunk.tokens import Tokenizer
from ingest.document import Document, Element, Kind, Span

REPEATED_TOKENS = 50
"""Most tokens of the question that later chunks of its exchange repeat (and a quarter of ``size`` at most)."""


class Conversation:
    """One exchange (question and answers) a chunk while it fits in ``size``.

    A document without questions is chunked as ``heading`` would.
    """

    def __init__(self, tokenizer: Tokenizer, size: int, overlap: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._overlap = overlap

    def spans(self, document: Document) -> list[Span]:
        """See ``Chunker.spans``."""
        tiles = elements(document)
        if not any(element.kind is Kind.QUESTION for element in tiles):
            return Headings(self._tokenizer, self._size, self._overlap).spans(document)
        ruler = Ruler(document.text, self._tokenizer)
        spans: list[Span] = []
        for section in sections(tiles):
            for exchange in _exchanges(section):
                packer = Packer(ruler, self._size, self._overlap, self._question(ruler, exchange))
                for element in exchange:
                    packer.add(element)
                spans += packer.finish()
        return spans

    def _question(self, ruler: Ruler, exchange: Sequence[Element]) -> Repeat | None:
        question = next((element for element in exchange if element.kind is Kind.QUESTION), None)
        room = min(REPEATED_TOKENS, self._size // 4) - 1  # one for the ellipsis
        if question is None or room < 4:
            return None
        start, end = question.start, question.end
        while start < end and ruler.text[start].isspace():
            start += 1
        cut = ruler.cut(start, end, room)
        text = ruler.text[start:cut].strip()
        return Repeat(text if not ruler.text[cut:end].strip() else f"{text}…", end) if text else None


def _exchanges(section: Sequence[Element]) -> Iterator[list[Element]]:
    """A new exchange begins at a question, unless only titles or another question come before it."""
    exchange: list[Element] = []
    for element in section:
        if element.kind is Kind.QUESTION and exchange and exchange[-1].kind not in (Kind.QUESTION, Kind.TITLE):
            yield exchange
            exchange = []
        exchange.append(element)
    if exchange:
        yield exchange
