"""What the adapter adds to LlamaIndex's stores: plug-ins by name, and no duplicates after a kill."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core.vector_stores.simple import SimpleVectorStore

from configs.errors import ConfigError, StoreError
from ingest.stores import llama_adapter
from ingest.stores.llama_adapter import LlamaStore, adapter

ROWS = np.eye(3, dtype=np.float32)


class Appending(SimpleVectorStore):
    """Like Postgres' store: what is added twice is there twice."""

    added: list[str] = []  # noqa: RUF012 - a pydantic field

    def add(self, nodes: Any, **options: Any) -> list[str]:
        names: list[str] = super().add(nodes, **options)
        self.added += names
        return names

    def delete_nodes(self, node_ids: Any = None, filters: Any = None, **options: Any) -> None:
        self.added = [name for name in self.added if name not in set(node_ids or [])]
        super().delete_nodes(node_ids, filters, **options)


def test_an_unknown_adapter_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'nosuch'.*simple"):
        adapter("nosuch")


def test_an_adapter_of_another_package_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    good = EntryPoint("mine", "ingest.stores.llama_adapter:simple", llama_adapter.GROUP)
    bad = EntryPoint("broken", "no_such_package:make", llama_adapter.GROUP)
    monkeypatch.setattr(llama_adapter, "entry_points", lambda group: [good, bad])
    assert adapter("mine") is llama_adapter.simple
    with pytest.raises(ConfigError, match="cannot be loaded"):
        adapter("broken")


def test_a_store_that_appends_has_no_duplicates_after_writing_again(tmp_path: Path) -> None:
    inner = Appending()
    store = LlamaStore(lambda *_: inner, {}, tmp_path)
    store.create("os-a-1", 3)
    store.upsert("os-a-1", ["x", "y", "z"], ROWS, [{}, {}, {}])
    store.upsert("os-a-1", ["x", "y", "z"], ROWS, [{}, {}, {}])
    assert sorted(inner.added) == ["x", "y", "z"]
    store.close()


def test_what_was_not_confirmed_is_not_counted_and_is_written_again(tmp_path: Path) -> None:
    class Failing(Appending):
        def add(self, nodes: Any, **options: Any) -> list[str]:
            super().add(nodes, **options)
            raise ConnectionError("gone after writing")

    failing = Failing()
    store = LlamaStore(lambda *_: failing, {}, tmp_path)
    store.create("os-a-1", 3)
    with pytest.raises(StoreError, match="gone after writing"):
        store.upsert("os-a-1", ["x"], ROWS[:1], [{}])
    assert (store.count("os-a-1"), list(store.ids("os-a-1"))) == (0, [])
    store.close()
    inner = Appending(data=failing.data)
    inner.added = list(failing.added)
    again = LlamaStore(lambda *_: inner, {}, tmp_path)
    again.upsert("os-a-1", ["x"], ROWS[:1], [{}])
    assert (inner.added, again.count("os-a-1")) == (["x"], 1)
    again.close()
