"""The embedders a shelf needs: the configured one, and the one each existing build was made with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from configs.schema import Embedder as EmbedderSettings
from ingest.embed import embedder_fingerprint, open_embedder
from ingest.embed.contract import Embedder


class Embedders:
    """Opens each embedder once. Safe from many threads.

    Args:
        wrap: put around each embedder that is opened, for example to meter a paid one.
    """

    def __init__(
        self, settings: EmbedderSettings, cache_dir: Path, wrap: Callable[[Embedder], Embedder] | None = None
    ) -> None:
        self._wrap = wrap
        self._settings = settings
        self._cache_dir = cache_dir
        self._open: dict[str, Embedder] = {}
        self._lock = threading.Lock()

    @property
    def stored_settings(self) -> dict[str, Any]:
        """The configured embedder's settings as a build keeps them: without its secret."""
        return self._settings.model_dump(mode="json", exclude={"api_key"})

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the configured embedder, without loading it."""
        return embedder_fingerprint(self._settings, self._cache_dir)

    def current(self) -> Embedder:
        """The configured embedder."""
        return self._opened(self._settings)

    def of(self, stored: Mapping[str, Any]) -> Embedder:
        """The embedder that a build with these stored settings was made with."""
        # The secret is not stored: it comes from today's configuration.
        return self._opened(EmbedderSettings.model_validate({**stored, "api_key": self._settings.api_key}))

    def _opened(self, settings: EmbedderSettings) -> Embedder:
        key = settings.model_dump_json(exclude={"api_key"})
        with self._lock:
            if key not in self._open:
                opened = open_embedder(settings, self._cache_dir)
                # A local model costs nothing.
                self._open[key] = opened if self._wrap is None or settings.provider == "local" else self._wrap(opened)
            return self._open[key]
