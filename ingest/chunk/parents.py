"""``parent-child``: search small pieces, return the large piece around them."""

from __future__ import annotations

from dataclasses import replace

from ingest.chunk.packing import Packer, Repeat
from ingest.chunk.ruler import Ruler
from ingest.chunk.sections import Headings, elements, sections
from ingest.chunk.tokens import Tokenizer
from ingest.document import Document, Element, Span


class ParentChild:
    """Children of at most ``size`` tokens inside parents of at most ``parent_size``, both packed by heading.

    Parents do not overlap; children of the same parent may. Own code because LlamaIndex's
    ``HierarchicalNodeParser`` knows no headings and gives no reliable positions.
    """

    def __init__(self, tokenizer: Tokenizer, size: int, overlap: int, parent_size: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._overlap = overlap
        self._parents = Headings(tokenizer, parent_size, 0)

    def spans(self, document: Document) -> list[Span]:
        """See ``Chunker.spans``."""
        ruler = Ruler(document.text, self._tokenizer)
        children: list[Span] = []
        for section in sections(elements(document)):
            following = 0  # first element that may touch the next parent
            for parent in self._parents.pack(ruler, section):
                while section[following].end <= parent.start and following < len(section) - 1:
                    following += 1
                children += self._children(ruler, parent, section, following)
        return children

    def _children(self, ruler: Ruler, parent: Span, section: list[Element], first: int) -> list[Span]:
        lead = None
        if parent.header and self._tokenizer.count(parent.header) < self._size // 2:
            lead = Repeat(parent.header, parent.start)
        packer = Packer(ruler, self._size, self._overlap, lead)
        for index in range(first, len(section)):
            element = section[index]
            if element.start >= parent.end:
                break
            start, end = max(element.start, parent.start), min(element.end, parent.end)
            if start < end:
                packer.add(replace(element, start=start, end=end))
        return [replace(child, parent=(parent.start, parent.end)) for child in packer.finish()]
