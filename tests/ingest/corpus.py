"""A connector over a plain mapping, for tests of the sync: what the source holds is what the test says."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connectors.contract import Change, Checkpoint, Complete, Cursor, Reachability, SourceDocument, Upsert

_VOCABULARY = """tent pole boot shoe jacket refund parcel return warranty invoice delivery size exchange care
membrane voucher store order colour stitch zip lace sole rain cold warm river summit path camp stove"""
WORDS = tuple(_VOCABULARY.split())


def document(document_id: str, text: str, **options: object) -> SourceDocument:
    """A Markdown document whose version is the hash of all it holds."""
    version = hashlib.sha256(repr((text, sorted(options.items()))).encode()).hexdigest()[:12]
    return SourceDocument(
        id=document_id,
        content=text.encode(),
        media_type="text/markdown",
        title=str(options.pop("title", document_id)),
        version=version,
        **options,  # type: ignore[arg-type]
    )


def article(seed: int, revision: int = 0) -> str:
    """A small article with two sections; the revision changes one of them."""
    rng, late = random.Random(seed), random.Random(seed * 1000 + revision)
    first = " ".join(rng.choices(WORDS, k=25))
    second = " ".join(late.choices(WORDS, k=25))
    return f"# Article {seed}\n\n## Always\n\n{first}.\n\n## Lately\n\n{second}."


@dataclass
class CorpusConnector:
    """Lists ``documents`` in full each time, a checkpoint after every ``page``."""

    documents: Mapping[str, SourceDocument]
    page: int = 3
    complete: bool = True
    before: list[Change] = field(default_factory=list)

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        run = 1 + (cursor or {}).get("run", 0)
        yield from self.before
        for number, name in enumerate(sorted(self.documents), 1):
            yield Upsert(self.documents[name])
            if number % self.page == 0:
                yield Checkpoint({"run": run, "at": name})
        yield Checkpoint({"run": run, "at": None})
        if self.complete:
            yield Complete(frozenset(self.documents))

    def check(self) -> Reachability:
        return Reachability(True, f"{len(self.documents)} documents")
