"""A server with the inspector on a free port of loopback, and a client that was let in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from openshelf import Shelf
from openshelf.inspector.door import Key
from openshelf.server.running import Listening
from tests.server.live import running


class Inspected:
    """A running server.

    Attributes:
        url: of the inspector, with its slash at the end.
        address: with the token, as it is printed.
    """

    def __init__(self, shelf: Shelf, key: Key, listening: Listening) -> None:
        self.shelf = shelf
        self.key = key
        self.listening = listening
        self.url = f"{listening.url}/inspect/"
        self.address = f"{self.url}?token={key.token}"

    @contextmanager
    def client(self, *, admitted: bool = True, **options: Any) -> Iterator[httpx.Client]:
        """A client; ``admitted`` has exchanged the token for the cookie."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60, **options) as made:
            if admitted:
                assert made.get("", params={"token": self.key.token}).status_code == 303
            yield made


@contextmanager
def inspected(shelf: Shelf) -> Iterator[Inspected]:
    """Serve the inspector of ``shelf`` in a thread."""
    key = Key()
    settings = shelf.config.server.model_copy(update={"port": 0})
    with Listening(shelf, settings, inspector=key) as listening, running(listening.app, listening.socket):
        yield Inspected(shelf, key, listening)
