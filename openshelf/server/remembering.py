"""The results of the last searches, for as long as nothing on the shelf changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

from retrieval.hit import Hit


class Remembered:
    """Keeps what ``search`` found, least recently used out first. Safe from many threads.

    The ledger's generation moves with everything that a search can see, visibility included, so it is what a result
    is good for; a result of an older generation is never given.

    Args:
        most: characters of text in all results together; 32 million take about 60 MB.
    """

    def __init__(self, most: int = 32_000_000) -> None:
        self._most = most
        self._held = 0
        self._lock = threading.Lock()
        self._generation = -1
        self._found: OrderedDict[Hashable, Sequence[Hit]] = OrderedDict()

    @property
    def held(self) -> int:
        """Characters in all results, about."""
        return self._held

    def get(self, generation: int, key: Hashable, search: Callable[[], Sequence[Hit]]) -> Sequence[Hit]:
        """What ``search`` gives for ``key``, which names everything that it depends on beside the generation."""
        with self._lock:
            if generation == self._generation and key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        found = search()
        with self._lock:
            if generation > self._generation:
                self._found.clear()
                self._held = 0
                self._generation = generation
            if generation == self._generation and key not in self._found:
                self._found[key] = found
                self._held += _size(found)
                while self._held > self._most:
                    _, oldest = self._found.popitem(last=False)
                    self._held -= _size(oldest)
        return found


def _size(hits: Sequence[Hit]) -> int:
    # What is beside the text (titles, metadata, reasons) is about so much a hit.
    return 500 + sum(len(hit.text) + 1000 for hit in hits)
