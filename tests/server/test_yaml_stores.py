"""The sources of the YAML, read as vector stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from openshelf import Shelf
from tests.openshelf.command import write_shelf
from tests.server.live import Live, serving


@pytest.fixture(scope="module")
def yaml(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[Live]:
    with Shelf.open(write_shelf(tmp_path_factory.mktemp("yaml"))) as shelf:
        shelf.sync()
        with serving(shelf) as running:
            yield running


def test_a_source_is_a_vector_store_that_is_searched_and_read(yaml: Live) -> None:
    client = yaml.client()
    store = client.vector_stores.retrieve("vs_kb")
    assert (store.name, store.file_counts.completed, store.status) == ("kb", 3, "completed")
    assert {one.id for one in client.vector_stores.list()} == {"vs_kb", "vs_runbook"}
    hit = client.vector_stores.search("vs_kb", query="can I return worn shoes").data[0]
    assert hit.filename == "Returns"
    listed = list(client.vector_stores.files.list("vs_kb", limit=2))
    assert len(listed) == 3
    assert hit.file_id in {one.id for one in listed}
    text = client.vector_stores.files.content(hit.file_id, vector_store_id="vs_kb").data[0].text
    assert "exchanged within 30 days" in text
    assert client.vector_stores.files.retrieve(hit.file_id, vector_store_id="vs_kb").status == "completed"


def test_it_cannot_be_written(yaml: Live) -> None:
    client = yaml.client()
    file = yaml.upload("a.txt", "words")
    for write in (
        lambda: client.vector_stores.files.create("vs_kb", file_id=file),
        lambda: client.vector_stores.file_batches.create("vs_kb", file_ids=[file]),
        lambda: client.vector_stores.update("vs_kb", name="x"),
        lambda: client.vector_stores.delete("vs_kb"),
        lambda: client.vector_stores.files.delete("doc_1", vector_store_id="vs_kb"),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            write()
        assert caught.value.code == "vector_store_read_only"


def test_restricted_documents_stay_hidden(yaml: Live) -> None:
    client = yaml.client()
    assert client.vector_stores.retrieve("vs_runbook").file_counts.total == 0
    assert client.vector_stores.files.list("vs_runbook").data == []
    assert client.vector_stores.search("vs_runbook", query="goodwill for a late parcel").data == []
