"""``openshelf eval import`` and ``openshelf eval from-tickets`` from the command line."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from evaluation.gold import read_gold
from openshelf.cli.app import app
from openshelf.cli.teaching import LazyGroup
from tests.openshelf.command import ROOT, invoke, sentence_of

GROUP = LazyGroup(
    "eval",
    rooms={"Gold": {"import": "openshelf.cli.gold:import_gold", "from-tickets": "openshelf.cli.gold:from_tickets"}},
)
CSV = "question,document,quote\nCan I return worn shoes?,en/worn-shoes.md,no more than 30 days ago\n,a,\n"
PRESIDIO = importlib.util.find_spec("presidio_analyzer") is not None


@pytest.fixture(autouse=True)
def group() -> Iterator[None]:
    with patch.dict(app.rooms, {} if "eval" in app.list_commands(None) else {"Gold": {"eval": f"{__name__}:GROUP"}}):  # type: ignore[arg-type]
        yield


def test_import_keeps_the_good_and_names_the_bad(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(CSV)
    made = invoke("eval", "import", tmp_path / "q.csv", "--source", "help-centre", "--out", tmp_path / "gold.yaml")
    assert made.code == 3
    assert made.out == ""
    assert "Warning: q.csv:3: question is missing." in made.err
    assert "1 question in" in made.err
    assert read_gold(tmp_path / "gold.yaml").cases[0].passages[0].source == "help-centre"


def test_import_can_be_piped_and_counted(tmp_path: Path, sample_config: Path) -> None:
    (tmp_path / "q.csv").write_text(CSV)
    piped = invoke("eval", "import", tmp_path / "q.csv")
    (tmp_path / "piped.yaml").write_text(piped.out)
    assert len(read_gold(tmp_path / "piped.yaml").cases) == 1
    out = tmp_path / "gold.jsonl"
    said = invoke("-c", sample_config, "eval", "import", tmp_path / "q.csv", "--look-up", "--out", out, "--json").json
    assert (said["format"], said["questions"], said["quoted"]) == ("csv", 1, 1)
    assert said["not_on_the_shelf"] == []
    assert len(said["bad"]) == 1


def test_a_reviewed_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(CSV)
    (tmp_path / "gold.yaml").write_text("reviewed")
    refused = invoke("eval", "import", tmp_path / "q.csv", "--out", tmp_path / "gold.yaml")
    assert "is there already" in sentence_of(refused)
    assert (tmp_path / "gold.yaml").read_text() == "reviewed"
    assert invoke("eval", "import", tmp_path / "q.csv", "--out", tmp_path / "gold.yaml", "--force").code == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["q.csv", "--document", "x.md"],
        ["q.csv", "--column", "question"],
        ["q.csv", "--delimiter", "ab"],
        ["q.csv", "--json"],
        ["q.csv", "--out", "gold.txt"],
    ],
)
def test_a_wrong_command_line_says_so(tmp_path: Path, arguments: list[str]) -> None:
    assert invoke("eval", "import", *arguments).code == 2


def test_from_tickets_on_the_shelf(tmp_path: Path, sample_config: Path) -> None:
    arguments = ["-c", sample_config, "eval", "from-tickets", "--keep-personal-data", "--since", "2026-01-01"]
    made = invoke(*arguments, "--out", tmp_path / "gold.yaml")
    assert made.code == 0, made.err
    assert "Of 8 tickets left out: 1 too old." in made.err
    text = (tmp_path / "gold.yaml").read_text(encoding="utf-8")
    assert "review: pending" in text
    assert "Suggested by a search, not checked:" in text
    gold = read_gold(tmp_path / "gold.yaml")
    assert len(gold.cases) == 7
    assert all(not case.relevant() for case in gold.cases)
    assert invoke(*arguments, "--only-linked", "--out", tmp_path / "b.csv", "--json").json["questions"] == 0


def test_from_tickets_in_an_export(tmp_path: Path, sample_config: Path) -> None:
    answer = "See https://help.larkfield.example/en/worn-shoes for that."
    lines = [json.dumps({"id": "1", "question": "Worn?", "answer": answer, "asked": "2026-01-01"}), "{}"]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    out = tmp_path / "gold.csv"
    made = invoke(
        "-c",
        sample_config,
        "eval",
        "from-tickets",
        "--export",
        tmp_path / "t.jsonl",
        "--keep-personal-data",
        "--out",
        out,
    )
    assert made.code == 3
    assert "Warning: t.jsonl:2: it has neither `turns` nor `question` and `answer`." in made.err
    assert read_gold(out).cases[0].relevant() == {("help-centre", "en/worn-shoes.md"): 1}


def test_personal_data_is_never_kept_by_accident(
    tmp_path: Path, sample_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.jsonl").write_text(json.dumps({"id": "1", "question": "I am jane@doe.example", "answer": "Yes."}))
    arguments = ["-c", sample_config, "eval", "from-tickets", "--export", tmp_path / "t.jsonl", "--no-suggestions"]
    if PRESIDIO:
        assert "<EMAIL_ADDRESS>" in invoke(*arguments).out
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "presidio_analyzer" else real(name, *a)
    )
    refused = sentence_of(invoke(*arguments))
    assert "pip install 'openshelf[redaction]'" in refused
    assert "--keep-personal-data" in refused
    assert "jane@doe.example" in invoke(*arguments, "--keep-personal-data").out


def test_no_tickets_is_an_error_that_says_what_to_do(tmp_path: Path, sample_config: Path) -> None:
    arguments = ["-c", sample_config, "eval", "from-tickets", "--keep-personal-data"]
    assert "no source" in sentence_of(invoke(*arguments, "--source", "nowhere")).lower()
    assert "There are no tickets on the shelf." in sentence_of(invoke(*arguments, "--source", "faq"))
    assert invoke(*arguments, "--since", "yesterday").code == 2
    assert invoke(*arguments, "--since", "2026-13-01").code == 2


def test_the_samples_gold_is_where_the_readme_says(tmp_path: Path) -> None:
    assert len(read_gold(ROOT / "configs" / "sample" / "gold.yaml").cases) > 50
