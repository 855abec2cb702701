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
        size: most results.
    """

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._generation = -1
        self._found: OrderedDict[Hashable, Sequence[Hit]] = OrderedDict()

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
                self._generation = generation
            if generation == self._generation:
                self._found[key] = found
                if len(self._found) > self._size:
                    self._found.popitem(last=False)
        return found
