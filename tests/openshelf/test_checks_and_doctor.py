"""``check`` before anything is spent, ``doctor`` when something is wrong: each finding names the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from openshelf import Shelf
from openshelf.findings import Finding
from tests.openshelf.command import write_shelf


def found(findings: list[Finding], subject: str) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


def opened(folder: Path, more: str = "") -> Shelf:
    path = write_shelf(folder)
    path.write_text(path.read_text() + more)
    return Shelf.open(path)


def test_a_good_configuration_is_all_ok_and_nothing_is_written(tmp_path: Path) -> None:
    with opened(tmp_path) as shelf:
        findings = shelf.check()
    assert {finding.level for finding in findings} <= {"ok", "warning"}
    assert found(findings, "source kb").detail.startswith("3 files in")
    assert "extractive" in found(findings, "answers").detail
    assert not (tmp_path / "shelf").exists()


def test_wrong_options_and_missing_folders_are_named_with_their_line(tmp_path: Path) -> None:
    more = "  gone: {type: files, path: nowhere}\n  odd: {type: filez, path: kb}\n"
    with opened(tmp_path, more) as shelf:
        findings = shelf.check()
    assert "nowhere" in found(findings, "source gone").detail
    odd = found(findings, "source odd")
    assert (odd.level, odd.detail.startswith("openshelf.yaml:7")) == ("error", True)
    assert "files" in (odd.hint or "")


def test_a_schedule_that_is_none_and_a_disabled_source(tmp_path: Path) -> None:
    more = (
        "  late: {type: files, path: kb, schedule: {cron: 'every day'}}\n"
        "  off: {type: files, path: nowhere, enabled: false}\n"
    )
    with opened(tmp_path, more) as shelf:
        findings = shelf.check()
    assert "every day" in found(findings, "source late").detail
    assert found(findings, "source off").level == "ok"


def test_a_model_that_needs_a_hub_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    with opened(tmp_path, "embedder: {model: BAAI/bge-small-en-v1.5}\n") as shelf:
        finding = found(shelf.check(), "embedder")
    assert finding.level == "error"
    assert "all-MiniLM-L6-v2" in (finding.hint or "")


def test_a_model_without_a_price_cannot_be_capped(tmp_path: Path) -> None:
    model = "answer: {provider: openai, api_key: sk-test-123456, base_url: http://127.0.0.1:9/v1}\n"
    more = f"{model}costs: {{caps: {{per_day: 1}}}}\n"
    with opened(tmp_path, more) as shelf:
        findings = [finding for finding in shelf.check() if finding.subject == "answers"]
    assert [finding.level for finding in findings] == ["ok", "error", "error"]
    assert "costs.prices.gpt-5-mini" in (findings[1].hint or "")
    assert "does not answer" in findings[2].detail
    assert not any("sk-test" in f"{finding.detail}{finding.hint}" for finding in findings)


def test_offline_checks_leave_servers_alone(tmp_path: Path) -> None:
    more = "answer: {provider: openai, api_key: sk-test-123456, base_url: http://127.0.0.1:9/v1}\n"
    with opened(tmp_path, more) as shelf:
        assert all(finding.ok for finding in shelf.check(online=False))


def test_an_unknown_vector_store_adapter_and_an_unreachable_server(tmp_path: Path) -> None:
    config = write_shelf(tmp_path)
    text = config.read_text()
    for store, said in (
        ("{type: llama-index, adapter: nosuch}", "nosuch"),
        ("{mode: server, url: 'http://127.0.0.1:9'}", "does not answer"),
        ("{type: llama-index, adapter: simple}", "simple"),
    ):
        config.write_text(text.replace("{mode: embedded}", store))
        with Shelf.open(config) as shelf:
            assert said in found(shelf.check(), "vector store").detail


def test_a_shelf_without_a_ledger_is_not_ill(tmp_path: Path) -> None:
    with opened(tmp_path) as shelf:
        findings = shelf.doctor()
    assert all(finding.ok for finding in findings)
    assert "none" in found(findings, "ledger").detail
    assert "chromadb" in found(findings, "packages").detail


def test_lost_vectors_are_found_and_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as shelf:
        shelf.sync()
        assert found(shelf.doctor(), "vector store").level == "ok"
        shelf.store.wipe()
        assert "openshelf doctor --repair" in (found(shelf.doctor(), "vector store").hint or "")
        repaired = found(shelf.doctor(repair=True), "vector store")
        assert repaired.level == "ok"
        assert found(shelf.doctor(), "vector store").detail.startswith("It has the 5 vectors")


def test_a_damaged_ledger_is_an_error_not_a_crash(tmp_path: Path) -> None:
    with opened(tmp_path) as shelf:
        shelf.sync()
    (tmp_path / "shelf" / "ledger.sqlite").write_bytes(b"not a database" * 1000)
    for rest in (tmp_path / "shelf").glob("ledger.sqlite-*"):
        rest.unlink()
    with opened(tmp_path) as shelf:
        finding = found(shelf.doctor(), "ledger")
    assert (finding.level, finding.hint) == ("error", "Restore it from a backup.")


def test_failures_are_pointed_out(tmp_path: Path) -> None:
    write_shelf(tmp_path)
    (tmp_path / "kb" / "bad.pdf").write_bytes(b"%PDF-1.4 nothing follows")
    with opened(tmp_path) as shelf:
        assert shelf.sync(["kb"])[0].outcome == "failures"
        assert "1 " in found(shelf.doctor(), "source kb").detail
        status = shelf.status()[0]
        assert [(failure.document_id, failure.step) for failure in status.failures] == [("bad.pdf", "parse")]
