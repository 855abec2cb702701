"""Where a document is cut, and the chunks that come of it.

    chunker = make_chunker(settings, embedder=embedder)
    chunks = cut(document, chunker, prefix, embedder.count_tokens)

docs/chunking.md says what each chunker does and when to choose it.
"""

from ingest.chunk.contract import Chunker
from ingest.chunk.cutting import cut
from ingest.chunk.registry import chunker_fingerprint, make_chunker
from ingest.chunk.tokens import Tokenizer, tokenizer

__all__ = ["Chunker", "Tokenizer", "chunker_fingerprint", "cut", "make_chunker", "tokenizer"]
