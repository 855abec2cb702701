"""One live server for each module, over a real shelf: the real Chroma, the real embedder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from tests.server.live import Live, open_shelf, serving


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[Live]:
    with open_shelf(tmp_path_factory.mktemp("served")) as shelf, serving(shelf) as running:
        yield running


@pytest.fixture(scope="module")
def client(live: Live) -> OpenAI:
    return live.client()
