"""A paid embedder's calls are written down for their source, and a cap stops them before they are made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openshelf import BudgetExceeded, Shelf
from tests.ingest.embed.embeddings_server import EmbeddingsServer
from tests.openshelf.command import write_shelf


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    running = EmbeddingsServer()
    yield running
    running.close()


def paid(folder: Path, server: EmbeddingsServer, caps: str = "{}") -> Shelf:
    path = write_shelf(folder)
    path.write_text(
        path.read_text() + "embedder: {provider: openai, model: text-embedding-3-small, api_key: sk-test-123456, "
        f"dimensions: 8, base_url: '{server.url}'}}\n"
        f"costs: {{prices: {{text-embedding-3-small: {{input: 1000}}}}, caps: {caps}}}\n"
    )
    return Shelf.open(path)


def test_what_a_sync_and_a_search_embed_is_on_the_ledger(tmp_path: Path, server: EmbeddingsServer) -> None:
    with paid(tmp_path, server) as shelf:
        assert [report.outcome for report in shelf.sync()] == ["clean", "clean"]
        lines = {line.key: line for line in shelf.costs("source")}
        assert lines.keys() == {"kb", "runbook"}
        assert lines["kb"].cost == pytest.approx(lines["kb"].input_tokens / 1000)
        shelf.search("gift card")
        assert {line.key for line in shelf.costs("source")} == {"", "kb", "runbook"}
        asked = len(server.asked)
        shelf.sync()
        assert len(server.asked) == asked


def test_a_cap_stops_the_sync_before_anything_is_sent(tmp_path: Path, server: EmbeddingsServer) -> None:
    with paid(tmp_path, server, "{per_day: 0.001}") as shelf:
        report = shelf.sync(["kb"])[0]
        assert (report.outcome, type(report.error)) == ("failed", BudgetExceeded)
        assert server.asked == []
        assert shelf.costs() == []
