"""Vector stores: projections of the ledger.

auto       a Chroma server on loopback that the shelf starts, shares and stops    chroma_http.py, chroma_server.py
embedded   Chroma inside this process                                              chroma_embedded.py
server     a Chroma server of your own                                             chroma_http.py
adapter    any LlamaIndex vector store                                             llama_adapter.py
"""

from __future__ import annotations

from pathlib import Path

from configs.schema import Store
from ingest.stores.contract import Neighbour, VectorStore

__all__ = ["Neighbour", "VectorStore", "open_store"]


def open_store(settings: Store, folder: Path) -> VectorStore:
    """The vector store of the shelf in ``folder``. Connects on first use, except ``embedded``, which opens its data.

    Raises:
        ConfigError: there is no such adapter.
        StoreError: another process has the embedded store open.
    """
    if settings.type == "llama-index":
        from ingest.stores.llama_adapter import LlamaStore, adapter

        return LlamaStore(adapter(settings.adapter or ""), settings.options, folder)
    if settings.mode == "embedded":
        from ingest.stores.chroma_embedded import EmbeddedChroma

        return EmbeddedChroma(folder)
    from ingest.stores.chroma_http import ChromaHttp

    if settings.url is not None:
        from ingest.stores.chroma_server import FixedServer

        return ChromaHttp(FixedServer(settings.url), settings.token.get_secret_value() if settings.token else None)
    from ingest.stores.chroma_server import SharedServer

    return ChromaHttp(SharedServer(folder))
