"""``chunks``: where a document is cut, for any chunker, before anything is indexed."""

from __future__ import annotations

from pathlib import Path

import pytest

from openshelf.cli.chunk_view import overlaps
from tests.openshelf.command import ARTICLES, invoke, sentence_of, write_shelf

LONG = "# Long\n\n" + "\n\n".join(f"Sentence number {n} speaks of shoe {n}." for n in range(60))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file and no configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "long.md").write_text(LONG)
    return tmp_path


def test_a_file_needs_no_configuration_and_leaves_nothing_behind(here: Path) -> None:
    done = invoke("chunks", "long.md", "--chunker", "heading", "--size", "80")
    assert done.code == 0 and done.err == ""
    assert "heading (size 80, overlap 0)" in done.out and "── 1 ──" in done.out
    for number in range(60):
        assert f"Sentence number {number} speaks" in done.out
    assert [path.name for path in here.iterdir()] == ["long.md"]


def test_json_holds_what_is_drawn(here: Path) -> None:
    cut = invoke("chunks", "long.md", "--chunker", "token", "--size", "80", "--overlap", "20", "--json").json
    assert cut["document"]["title"] == "Long" and cut["chunker"]["type"] == "token"
    assert cut["chunks"][0]["overlap"] == 0 and all(chunk["overlap"] > 0 for chunk in cut["chunks"][1:])
    covered = 0
    for before, chunk in zip([None, *cut["chunks"]], cut["chunks"], strict=False):
        assert chunk["overlap"] == (0 if before is None else before["end"] - chunk["start"])
        assert len(chunk["text"]) == chunk["end"] - chunk["start"]
        covered = chunk["end"]
    assert covered == cut["document"]["characters"] or cut["chunks"][-1]["text"].endswith("59.")
    drawn = invoke("chunks", "long.md", "--chunker", "token", "--size", "80", "--overlap", "20").out
    repeated = cut["chunks"][1]["text"][: cut["chunks"][1]["overlap"]]
    assert f"⟦{repeated}⟧" in drawn or "⟦" + repeated.split("\n")[0] in drawn
    assert f"repeats {cut['chunks'][1]['overlap']} characters" in drawn


def test_chunkers_can_be_compared(here: Path) -> None:
    done = invoke("chunks", "long.md", "--size", "60", "--compare", "token", "--compare", "whole")
    assert [line.split()[0] for line in done.out.splitlines()[2:]] == ["heading", "token", "whole"]
    cuts = invoke("chunks", "long.md", "--compare", "whole", "--json").json["cuts"]
    assert [cut["chunker"]["type"] for cut in cuts] == ["heading", "whole"]
    assert len(cuts[1]["chunks"]) == 1


def test_parents_and_other_keys_of_a_chunker(here: Path) -> None:
    options = ["--chunker", "parent-child", "--size", "40", "--set", "parent_size=160"]
    cut = invoke("chunks", "long.md", *options, "--json").json
    assert cut["chunker"]["parent_size"] == 160
    assert all(chunk["parent"][0] <= chunk["start"] < chunk["parent"][1] for chunk in cut["chunks"])
    assert " · in 0–" in invoke("chunks", "long.md", *options).out


def test_a_document_on_the_shelf_is_cut_as_its_source_says_or_otherwise(tmp_path: Path) -> None:
    config = write_shelf(tmp_path)
    assert invoke("-c", config, "sync", "kb").code == 0
    cut = invoke("-c", config, "chunks", "returns.md", "--json").json
    assert cut["document"]["source"] == "kb" and len(cut["chunks"]) == 2
    assert len(invoke("-c", config, "chunks", "returns.md", "--chunker", "whole", "--json").json["chunks"]) == 1
    smaller = invoke("-c", config, "chunks", "returns.md", "--size", "10", "--json").json
    assert smaller["chunker"] == {**cut["chunker"], "size": 10} and len(smaller["chunks"]) > 2
    assert "neither a file nor a document" in sentence_of(invoke("-c", config, "chunks", "nope.md"))
    assert ARTICLES["returns.md"].split("\n")[-2] in invoke("-c", config, "chunks", "returns.md").out


def test_wrong_chunkers_files_and_sizes_are_one_sentence(here: Path) -> None:
    assert "Did you mean heading" in sentence_of(invoke("chunks", "long.md", "--chunker", "headng"))
    assert "overlap" in sentence_of(invoke("chunks", "long.md", "--size", "10", "--overlap", "9"))
    assert "sized" in sentence_of(invoke("chunks", "long.md", "--set", "sized=9"))
    assert "openshelf init" in sentence_of(invoke("chunks", "nope.md"))
    (here / "torn.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    assert "torn.pdf" in sentence_of(invoke("chunks", "torn.pdf"))
    (here / "app.exe").write_bytes(b"MZ\x00\x01")
    assert "app.exe" in sentence_of(invoke("chunks", "app.exe"))
    assert invoke("chunks", "long.md", "--size", "0").code == 2
    assert not (here / ".openshelf").exists()


def test_escape_sequences_of_a_document_do_not_reach_the_terminal(here: Path) -> None:
    (here / "evil.txt").write_text("red \x1b[31malert\x1b]0;title\x07 and [bold]markup[/bold] :smile:")
    done = invoke("chunks", "evil.txt")
    assert done.code == 0 and "\x1b" not in done.out and "\x07" not in done.out
    assert "[bold]markup[/bold] :smile:" in done.out


def test_overlaps_of_nothing_are_nothing() -> None:
    assert overlaps([]) == []
