"""The Python API: what ``Shelf`` promises beyond the rooms behind it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import openshelf
from openshelf import ConfigError, Hit, RetrievalError, Shelf
from retrieval.events import Answer, Delta, Done
from tests.openshelf.command import ROOT, write_shelf


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def shelf(config: Path) -> Iterator[Shelf]:
    with Shelf.open(config) as opened:
        assert [report.outcome for report in opened.sync()] == ["clean", "clean"]
        yield opened


def test_every_public_name_is_where_the_package_says() -> None:
    assert sorted(openshelf.__all__) == openshelf.__all__
    for name in openshelf.__all__:
        assert name == "Change" or getattr(openshelf, name).__name__ == name
    with pytest.raises(AttributeError, match="nosuch"):
        _ = openshelf.nosuch


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("torch", "chromadb", "llama_index", "sqlalchemy", "pydantic", "numpy", "openai", "unstructured")
    code = f"import sys, openshelf; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_applications_own_folder_of_the_same_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "__init__.py").touch()
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; import openshelf"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Openshelf needs its own package 'configs'" in done.stderr


def test_a_hit_says_what_it_is_and_why(shelf: Shelf) -> None:
    hit = shelf.search("Can I return worn shoes?", top_k=1, filters={"source": "kb"})[0]
    assert isinstance(hit, Hit)
    assert (hit.document_id, hit.url) == ("returns.md", "https://help.example.com/returns.md")
    assert hit.heading_path == ("Returns",)
    assert hit.text.startswith("Worn shoes")
    assert "worn" in str(hit.why)
    assert hit.why.fingerprint == shelf.status()[0].fingerprint


def test_restricted_documents_need_a_group(shelf: Shelf) -> None:
    question = "How much goodwill may agents grant?"
    assert "goodwill.md" not in {hit.document_id for hit in shelf.search(question)}
    assert "goodwill.md" not in {hit.document_id for hit in shelf.search(question, groups=["sales"])}
    assert shelf.search(question, groups=["agents"])[0].document_id == "goodwill.md"
    with pytest.raises(RetrievalError, match="list of names"):
        shelf.search(question, groups="agents")


def test_an_answer_is_whole_or_streamed_and_the_same(shelf: Shelf) -> None:
    whole = shelf.answer("Can I return worn shoes?")
    assert isinstance(whole, Answer)
    events = list(shelf.answer("Can I return worn shoes?", stream=True))
    assert "".join(event.text for event in events if isinstance(event, Delta)) == whole.text
    assert isinstance(events[-1], Done)
    citation = whole.citations[0]
    body = shelf.preview(citation.document_id).document.text
    assert body[citation.start : citation.end] == citation.quote


def test_a_question_of_another_world_is_refused(shelf: Shelf) -> None:
    answer = shelf.answer("Who painted the ceiling of the Sistine Chapel?")
    assert (answer.refused, answer.reason, answer.citations) == (True, "threshold", ())


def test_an_unknown_option_of_an_answer_is_named(shelf: Shelf) -> None:
    with pytest.raises(TypeError, match="temperature"):
        shelf.answer("Can I return worn shoes?", temperature=1)


def test_context_keeps_its_budget(shelf: Shelf) -> None:
    block = shelf.context("Can I return worn shoes?", budget=200)
    assert 0 < block.tokens <= 200
    assert block.sources[0].best.document_id == "returns.md"


def test_async_twins_give_what_the_others_give(shelf: Shelf) -> None:
    async def everything() -> None:
        question = "What does a parcel to France cost?"
        assert [report.outcome for report in await shelf.sync_async()] == ["clean", "clean"]
        assert [hit.chunk_id for hit in await shelf.asearch(question)] == [
            hit.chunk_id for hit in shelf.search(question)
        ]
        assert (await shelf.aanswer(question)).text == shelf.answer(question).text
        events = [event async for event in await shelf.aanswer(question, stream=True)]
        assert isinstance(events[-1], Done)
        assert (await shelf.acontext(question)).sources[0].best.document_id == "shipping.md"
        assert (await shelf.aexplain("shipping.md", question)).hit is not None
        assert [plan.source for plan in await shelf.aplan()] == ["kb", "runbook"]

    asyncio.run(everything())


def test_it_is_a_llama_index_retriever(shelf: Shelf) -> None:
    nodes = shelf.as_retriever(top_k=2, groups=["agents"]).retrieve("late parcel goodwill")
    assert nodes[0].node.metadata["document_id"] == "goodwill.md"
    assert len(nodes) == 2


def test_conversations_go_on(shelf: Shelf) -> None:
    talk = shelf.conversations.create()
    shelf.answer("Can I return worn shoes?", conversation=talk.id)
    shelf.answer("And how long is a gift card valid?", conversation=talk.id)
    assert [turn.role for turn in shelf.conversations.turns(talk.id)] == ["user", "assistant"] * 2
    shelf.conversations.delete(talk.id)
    with pytest.raises(RetrievalError):
        shelf.conversations.get(talk.id)


def test_an_unknown_source_names_the_known_ones(shelf: Shelf) -> None:
    with pytest.raises(ConfigError, match=r"'nosuch'.*kb, runbook"):
        shelf.sync(["nosuch"])


def test_a_source_with_wrong_options_fails_alone_with_its_line(tmp_path: Path) -> None:
    path = write_shelf(tmp_path)
    path.write_text(path.read_text() + "  odd:\n    type: files\n    path: kb\n    pathh: nowhere\n")
    with Shelf.open(path) as opened:
        reports = {report.source: report for report in opened.sync()}
    assert (reports["kb"].outcome, reports["odd"].outcome) == ("clean", "failed")
    assert "openshelf.yaml:9" in str(reports["odd"].error)
    assert "Did you mean path?" in str(reports["odd"].error)


def test_a_closed_shelf_opens_again_when_it_is_used(config: Path, shelf: Shelf) -> None:
    before = [hit.chunk_id for hit in shelf.search("gift card")]
    shelf.close()
    assert [hit.chunk_id for hit in shelf.search("gift card")] == before


def test_a_source_that_left_the_configuration_is_not_searched_and_can_be_pruned(tmp_path: Path) -> None:
    path = write_shelf(tmp_path)
    with Shelf.open(path) as first:
        first.sync()
    lines = [line for line in path.read_text().splitlines() if "runbook" not in line]
    path.write_text("\n".join(lines) + "\n")
    with Shelf.open(path) as second:
        assert all(hit.source == "kb" for hit in second.search("goodwill for a late parcel", groups=["agents"]))
        states = {status.name: status.state for status in second.status()}
        assert states == {"kb": "ready", "runbook": "not in the configuration"}
        assert any("--prune" in (finding.hint or "") for finding in second.doctor())
        assert second.prune() == ["runbook"]
        assert [status.name for status in second.status()] == ["kb"]
        assert len(second.store.collections()) == 1
        assert second.prune() == []


def test_a_vector_store_made_over_http_is_no_source_that_left(tmp_path: Path) -> None:
    path = write_shelf(tmp_path)
    with Shelf.open(path) as shelf:
        shelf.sync(["kb"])
        with shelf.ledger.writing() as connection:
            connection.exec_driver_sql("INSERT INTO sources (name) VALUES ('vs_abc')")
        assert {status.name: status.state for status in shelf.status()}["vs_abc"] == "made over HTTP"
        assert shelf.prune() == []
        assert not any(finding.subject == "source vs_abc" and finding.hint for finding in shelf.doctor())


def test_rolling_back_needs_a_former_build(shelf: Shelf) -> None:
    assert shelf.rollback("kb") is False
    shelf.sync(["kb"], rebuild=True)
    assert shelf.rollback("kb") is True
