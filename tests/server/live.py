"""A live server on a free port of loopback, and what the tests ask it with."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from openai import AsyncOpenAI, OpenAI

from configs.server import Server
from openshelf import Shelf
from openshelf.server.app import create_app
from tests.server.document import Watched

ARTICLES = {
    "returns.md": "# Returns\n\nYou may return unworn shoes within 60 days of delivery, in their box.",
    "shipping.md": "# Shipping\n\nParcels to France take three working days and cost 9 pounds.",
    "gift-cards.md": "# Gift cards\n\nA gift card is valid for two years and cannot be exchanged for money.",
}


class Live:
    """A running server.

    Attributes:
        url: without ``/v1``.
    """

    def __init__(self, shelf: Shelf, app: Any, watched: Watched, url: str) -> None:
        self.shelf = shelf
        self.services = app.state.services
        self.watched = watched
        self.url = url
        self._clients: list[Any] = []

    def client(self, key: str = "none", **options: Any) -> OpenAI:
        """The official client."""
        made = OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, **options)
        self._clients.append(made)
        return made

    def async_client(self, key: str = "none") -> AsyncOpenAI:
        """The official client for asyncio."""
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)

    def http(self, **options: Any) -> httpx.Client:
        """A plain client, for what the official one cannot say."""
        made = httpx.Client(base_url=self.url, trust_env=False, timeout=30, **options)
        self._clients.append(made)
        return made

    def upload(self, name: str, content: str | bytes) -> str:
        """Upload a file; its id."""
        raw = content.encode() if isinstance(content, str) else content
        with self.client() as client:
            return client.files.create(file=(name, io.BytesIO(raw)), purpose="assistants").id

    def store_with(self, articles: Mapping[str, str | bytes], **options: Any) -> tuple[str, dict[str, str]]:
        """A vector store with these files, all indexed: its id, and the files' ids by name."""
        names = {name: self.upload(name, content) for name, content in articles.items()}
        with self.client() as client:
            store = client.vector_stores.create(name="kb")
            if names:
                client.vector_stores.file_batches.create_and_poll(
                    store.id, file_ids=list(names.values()), poll_interval_ms=50, **options
                )
        return store.id, names

    def close(self) -> None:
        """Close what was opened to ask with."""
        for client in self._clients:
            client.close()


@contextmanager
def running(app: Any, listener: socket.socket) -> Iterator[None]:
    """Run an application in a thread, from when it has started until it has stopped."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    started = threading.Event()
    original = server.startup

    async def startup(*args: Any, **kwargs: Any) -> None:
        await original(*args, **kwargs)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread.start()
    try:
        assert started.wait(30)
        yield
    finally:
        server.should_exit = True
        thread.join(40)
        assert not thread.is_alive()


@contextmanager
def serving(shelf: Shelf, settings: Server | None = None, *, loopback: bool = True) -> Iterator[Live]:
    """Serve ``shelf`` in a thread; at the end every answer has to fit OpenAI's document."""
    app = create_app(shelf, settings, loopback=loopback)
    watched = Watched(app)
    listener = socket.create_server(("127.0.0.1", 0))
    live = Live(shelf, app, watched, f"http://127.0.0.1:{listener.getsockname()[1]}")
    with listener, running(watched, listener):
        try:
            yield live
        finally:
            live.close()
    assert watched.problems == []


def open_shelf(folder: Path, **config: Any) -> Shelf:
    """A shelf of its own with nothing but what is given."""
    return Shelf.open({"path": "shelf", "store": {"mode": "embedded"}, **config}, base_dir=folder)
