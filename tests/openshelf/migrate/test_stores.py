"""An account's vector stores: listed, brought over, and found under the ids that programs know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from configs.loader import from_mapping
from openshelf import Shelf
from openshelf.migrate.stores import Account, sources_of, yaml_of
from tests.connectors.fakes.openai_stores import KEY, Stores
from tests.openshelf.command import Result, invoke, sentence_of
from tests.server.live import serving

RETURNS = "Worn shoes can be exchanged within 30 days if they are not damaged."


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    fake = Stores()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    try:
        yield fake
    finally:
        fake.close()


def listed(fake: Stores, *more: str) -> Result:
    return invoke("migrate", "stores", "--base-url", fake.base, "--allow-private-network", *more)


def test_from_an_account_to_answers_under_the_old_ids(account: Stores, tmp_path: Path) -> None:
    store = account.store("Help: centre #1", "vs_67e10")  # a name that YAML would take for a number
    account.upload("file-1", "returns.md", RETURNS.encode())
    account.attach(store, "file-1")
    account.store("Help: centre #1", "vs_other")
    account.store("Old", "vs_old").status = "expired"
    done = listed(account)
    assert done.code == 0
    assert "2 vector stores with 1 file; 1 expired, left out." in done.err
    assert KEY not in done.out + done.err

    config = tmp_path / "openshelf.yaml"
    config.write_text(f"path: shelf\nstore: {{mode: embedded}}\nanswer: {{provider: extractive}}\n{done.out}")
    with Shelf.open(config) as shelf:
        assert [report.outcome for report in shelf.sync()] == ["clean", "clean"]
        with serving(shelf) as live:
            client = live.client()
            (hit,) = client.vector_stores.search("vs_67e10", query="worn shoes").data
            assert "30 days" in hit.content[0].text
            answer = client.responses.create(
                model="any",
                input="Can I return worn shoes?",
                tools=[{"type": "file_search", "vector_store_ids": ["vs_67e10"]}],
            )
            assert "30 days" in answer.output_text

            # A citation of an old message points at the file's new id.
            citation = {
                "type": "file_citation", "text": "【1】", "start_index": 4, "end_index": 7,
                "file_citation": {"file_id": "file-1"},
            }  # fmt: skip
            message = {
                "id": "msg_1", "object": "thread.message", "created_at": 5, "thread_id": "thread_1",
                "role": "assistant",
                "content": [{"type": "text", "text": {"value": "Yes.【1】", "annotations": [citation]}}],
            }  # fmt: skip
            (tmp_path / "dump.json").write_text(json.dumps(message))
            assert invoke("migrate", "export", tmp_path / "dump.json", "--into", config, "--write").code == 0
            (item,) = client.conversations.items.list("conv_1").data
            (note,) = item.content[0].annotations
            assert (note.filename, note.index) == ("returns.md", 4)
            assert client.vector_stores.files.retrieve(note.file_id, vector_store_id="vs_67e10").status == "completed"


def test_json_names_every_store(account: Stores) -> None:
    account.store("One", "vs_1")
    found = listed(account, "--json").json
    assert found["stores"] == [{"id": "vs_1", "name": "One", "source": "1", "files": 0, "expired": False}]
    assert "stores:" in found["yaml"]


def test_what_is_wrong_is_one_sentence(account: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    assert listed(account).out == ""
    monkeypatch.setenv("OTHER", "wrong")
    assert "does not accept the API key" in sentence_of(listed(account, "--api-key-env", "OTHER"))
    monkeypatch.delenv("OTHER")
    assert "$OTHER is not set" in sentence_of(listed(account, "--api-key-env", "OTHER"))
    assert "base_url" in sentence_of(invoke("migrate", "stores", "--base-url", "ftp://example.com"))


_ID = st.text("0123456789abcdefE", min_size=1, max_size=24).map("vs_{}".format)


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(_ID | st.text(min_size=1, max_size=80), min_size=1, max_size=3, unique=True),
    title=st.text(max_size=9),
)
def test_the_yaml_is_a_configuration_whatever_the_names(names: list[str], title: str) -> None:
    text = yaml_of(dict.fromkeys(names, title), Account())
    raw = YAML(typ="safe").load(text)
    sources = from_mapping(raw, Path(), env={"OPENAI_API_KEY": "k"}).config.sources
    assert [source.options["stores"] for source in sources.values()] == [[name] for name in names]
    for name, source in sources_of(names).items():
        if name.startswith("vs_") and name.isascii() and name[3:].isalnum():
            assert f"vs_{source}" == name
