"""``eval``: figures for people and as JSON, reports, comparisons, and exit codes that CI can rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.stored import load_run
from tests.openshelf.command import invoke, sentence_of, write_shelf

GOLD = """\
questions:
  - {id: worn, question: Can worn shoes be exchanged?, language: en, tags: [returns, shoes],
     expect: [{document: returns.md, quote: Worn shoes can be exchanged within 30 days if they are not damaged.}]}
  - {id: box, question: How long may I return unworn shoes?, language: en, tags: [returns],
     expect: [{source: kb, document: returns.md, quote: You may return unworn shoes within 60 days of delivery}]}
  - {id: colis, question: What does a parcel to France cost?, language: fr, tags: [delivery],
     expect: [{source: kb, document: shipping.md, quote: Parcels to France take three working days and cost 9 pounds.}]}
  - {id: card, question: How long is a gift card valid?, language: en, expect: [{source: kb, document: gift-cards.md}]}
  - {id: late, question: How much goodwill for a late parcel?, groups: [agents], tags: [internal],
     expect: [{source: runbook, document: goodwill.md, quote: Agents may grant ten pounds of goodwill}]}
  - {id: skis, question: Who was the first person on the moon?, language: en, answerable: false}
"""
# A separator that is a character to a file of gold and white space to a search.
FAILING = GOLD + '  - {id: bad, question: "\\x1c", answerable: false}\n'


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synced shelf with gold beside it; only to be asked."""
    path = write_shelf(tmp_path_factory.mktemp("eval"))
    path.with_name("gold.yaml").write_text(GOLD)
    path.with_name("failing.yaml").write_text(FAILING)
    assert invoke("-c", path, "sync").code == 0
    return path


@pytest.fixture(scope="module")
def gold(config: Path) -> Path:
    return config.with_name("gold.yaml")


@pytest.fixture(scope="module")
def good(config: Path, gold: Path) -> Path:
    """A run to compare with."""
    out = config.with_name("good")
    assert invoke("-c", config, "eval", "run", gold, "--out", out).code == 0
    return out / "run.json"


def measured(config: Path, *arguments: str | Path) -> Any:
    done = invoke("-c", config, "eval", "run", *arguments, "--json")
    assert done.code == 0, done.err
    return done.json


def asked(config: Path, *arguments: str | Path) -> set[str]:
    return {one["case"] for one in measured(config, *arguments)["questions"]}


# --- figures ------------------------------------------------------------------------------------------------


def test_eval_of_a_file_is_eval_run(config: Path, gold: Path) -> None:
    short, long = invoke("-c", config, "eval", gold), invoke("-c", config, "eval", "run", gold)
    assert short.code == long.code == 0 and short.err == ""
    for said in (short.out, long.out):
        assert said.startswith("gold: 6 questions")
        for part in ("context_recall", "recall@5", "95% interval", "refusal_correct", "Refusing: 1 question without"):
            assert part in said
        assert max(map(len, said.splitlines())) <= 100 and "…" not in said
    assert short.out.splitlines()[:5] == long.out.splitlines()[:5]


def test_json_has_the_summary_every_question_and_what_it_was_made_with(config: Path, gold: Path) -> None:
    found = measured(config, gold)
    assert set(found) == {"manifest", "summary", "comparison", "gates", "questions"}
    overall = found["summary"]["overall"]
    assert (overall["n"], overall["errors"], overall["measures"]["hit@5"]["mean"]) == (6, 0, 1.0)
    assert overall["measures"]["context_recall"]["n"] == 4 and overall["measures"]["recall@5"]["n"] == 5
    assert all(0 <= one["mean"] <= 1 for one in overall["measures"].values())
    groups = {(one["kind"], one["name"]): one["n"] for one in found["summary"]["groups"]}
    assert groups["source", "kb"] == 4 and groups["source", "runbook"] == 1 and groups["tag", "returns"] == 2
    assert found["manifest"]["gold"]["cases"] == 6
    assert found["manifest"]["selected"] == {"sources": [], "tags": [], "languages": []}


def test_questions_are_chosen_by_tag_language_and_source(config: Path, gold: Path) -> None:
    assert asked(config, gold, "--tag", "returns") == {"worn", "box"}
    assert asked(config, gold, "--tag", "shoes", "--tag", "delivery") == {"worn", "colis"}
    assert asked(config, gold, "--language", "fr") == {"colis"}
    assert asked(config, gold, "--source", "runbook") == {"late"}
    # The gold does not say the source of the first: the shelf does.
    assert asked(config, gold, "--source", "kb") == {"worn", "box", "colis", "card"}
    assert asked(config, gold, "--source", "kb", "--language", "en", "--tag", "returns") == {"worn", "box"}
    assert measured(config, gold, "--tag", "returns")["manifest"]["selected"]["tags"] == ["returns"]
    for choice in (
        ("--tag", "nope"),
        ("--source", "runbook", "--tag", "returns"),
        ("--source", "nope", "--tag", "shoes"),
    ):
        said = sentence_of(invoke("-c", config, "eval", "run", gold, *choice))
        assert "None of the" in said and "Leave out" in said


def test_settings_reach_the_search(config: Path, gold: Path) -> None:
    def retrieval(*options: str) -> Any:
        return measured(config, gold, *options)["manifest"]["config"]["retrieval"]

    assert retrieval("--set", "keyword_weight=0", "--top-k", "2")["keyword_weight"] == 0
    assert retrieval("--set", "retrieval.top_k=3")["top_k"] == 3
    assert retrieval("--top-k", "2")["top_k"] == 2
    few = measured(config, gold, "--top-k", "1", "--k", "2,1,2", "--budget", "20")
    assert few["manifest"]["measuring"]["ks"] == [1, 2] and few["manifest"]["measuring"]["budget"] == 20
    names = {name for name in few["summary"]["overall"]["measures"] if name.startswith("recall@")}
    assert names == {"recall@1", "recall@2"}
    assert all(one["context_tokens"] <= 20 for one in few["questions"])


def test_many_workers_are_allowed(config: Path, gold: Path) -> None:
    one, many = measured(config, gold), measured(config, gold, "--workers", "4")
    assert [q["measures"] for q in one["questions"]] == [q["measures"] for q in many["questions"]]


def test_progress_is_for_people_only(config: Path, gold: Path) -> None:
    done = invoke("-c", config, "eval", "run", gold, terminal=True)
    assert done.code == 0 and "asking" in done.err
    assert invoke("-c", config, "eval", "run", gold, "--json").err == ""


def test_sync_first_fills_an_empty_shelf(tmp_path: Path) -> None:
    path = write_shelf(tmp_path)
    (tmp_path / "gold.yaml").write_text(GOLD)
    said = sentence_of(invoke("-c", path, "eval", "run", tmp_path / "gold.yaml"))
    assert "Nothing is on the shelf" in said and "openshelf sync" in said
    done = invoke("-c", path, "eval", "run", tmp_path / "gold.yaml", "--sync", "--json")
    assert done.code == 0 and done.json["summary"]["overall"]["measures"]["hit@5"]["mean"] == 1


# --- reports ------------------------------------------------------------------------------------------------


def test_out_writes_the_run_and_both_reports(config: Path, gold: Path, good: Path) -> None:
    folder = good.parent
    assert {path.name for path in folder.iterdir()} == {"run.json", "report.md", "report.html"}
    run = load_run(good)
    assert [one.case for one in run.outcomes] == ["worn", "box", "colis", "card", "late", "skis"]
    report = (folder / "report.md").read_text()
    assert report.startswith("# Evaluation: gold") and "| context\\_recall |" in report.replace(
        "context_recall", "context\\_recall"
    )
    page = (folder / "report.html").read_text()
    assert page.lower().startswith("<!doctype html>") and "Can worn shoes be exchanged?" in page


def test_out_says_where_and_keeps_json_clean(config: Path, gold: Path, tmp_path: Path) -> None:
    done = invoke("-c", config, "eval", gold, "--out", tmp_path / "a" / "b", "--json")
    assert done.code == 0 and done.json["gates"] == []
    assert (tmp_path / "a" / "b" / "report.html").is_file()
    assert "run.json" in done.err


# --- gates --------------------------------------------------------------------------------------------------


def test_gates_decide_the_exit_code(config: Path, gold: Path) -> None:
    passed = invoke("-c", config, "eval", gold, "--fail-under", "hit@5>=1", "--fail-under", "language=fr:mrr>0.1")
    assert passed.code == 0
    failed = invoke("-c", config, "eval", gold, "--fail-under", "hit@5>=1", "--fail-under", "precision@10>=0.9")
    assert failed.code == 4 and "precision@10>=0.9" in failed.err and "FAILED" in failed.err
    verdicts = invoke("-c", config, "eval", gold, "--fail-under", "mrr>=2", "--json")
    assert verdicts.code == 4 and [one["passed"] for one in verdicts.json["gates"]] == [False]


def test_a_gate_that_cannot_be_read_stops_before_anything_is_asked(config: Path, gold: Path, tmp_path: Path) -> None:
    done = invoke("-c", config, "eval", gold, "--fail-under", "recall@5=0.8", "--out", tmp_path / "out")
    assert "is no gate" in sentence_of(done) and not (tmp_path / "out").exists()


def test_a_gate_about_nothing_fails_and_does_not_lose_the_run(config: Path, gold: Path, tmp_path: Path) -> None:
    done = invoke("-c", config, "eval", gold, "--fail-under", "recall@7>=0.1", "--out", tmp_path)
    assert "Cut-offs come from --k" in sentence_of(done)
    assert len(load_run(tmp_path / "run.json").outcomes) == 6


def test_questions_that_fail_are_named_and_have_their_exit_code(config: Path, tmp_path: Path) -> None:
    done = invoke("-c", config, "eval", config.with_name("failing.yaml"), "--out", tmp_path)
    assert done.code == 3 and "Question bad failed" in done.err and "query is empty" in done.err
    assert "7 questions, 1 failed" in done.out
    assert "query is empty" in (tmp_path / "report.md").read_text()
    gated = invoke("-c", config, "eval", config.with_name("failing.yaml"), "--fail-under", "errors<=0")
    assert gated.code == 4


# --- comparing ----------------------------------------------------------------------------------------------


def test_a_run_compared_with_itself_is_not_distinguishable(config: Path, good: Path) -> None:
    done = invoke("eval", "compare", good, good, "--fail-on-regression")
    assert done.code == 0 and "not distinguishable (n=4)" in done.out
    assert "got worse" not in done.out


def test_a_comparison_says_what_changed_and_which_questions_moved(config: Path, gold: Path, good: Path) -> None:
    done = invoke("-c", config, "eval", gold, "--compare", good, "--budget", "1")
    assert done.code == 0
    for part in ("context.budget", "got worse", "100.0% → 0.0% context_recall", "Can worn shoes be exchanged?"):
        assert part in done.out


def regressed(good: Path, folder: Path) -> tuple[Path, Path]:
    """Two runs of twelve questions, the second worse in all of them."""
    raw = json.loads(good.read_text())
    one = raw["outcomes"][0]
    paths = []
    for name, value in (("before", 1.0), ("after", 0.25)):
        raw["outcomes"] = [{**one, "case": f"q{n}", "measures": {"recall@5": value}} for n in range(12)]
        paths.append(folder / f"{name}.json")
        paths[-1].write_text(json.dumps(raw))
    return paths[0], paths[1]


def test_a_regression_has_its_exit_code_only_when_asked(good: Path, tmp_path: Path) -> None:
    before, after = regressed(good, tmp_path)
    assert invoke("eval", "compare", before, after).code == 0
    done = invoke("eval", "compare", before, after, "--fail-on-regression", "--json")
    assert done.code == 4 and "Regression: recall@5 fell from 1.0000 to 0.2500 (n=12)" in done.err
    assert done.json["changes"][0]["better"] is False and len(done.json["worse"]) == 12
    assert invoke("eval", "compare", after, before, "--fail-on-regression").code == 0


def test_compare_shows_the_questions_of_the_gold(gold: Path, good: Path, tmp_path: Path) -> None:
    raw = json.loads(good.read_text())
    raw["outcomes"][0]["measures"]["context_recall"] = 0.0
    (tmp_path / "worse.json").write_text(json.dumps(raw))
    done = invoke("eval", "compare", good, tmp_path / "worse.json", "--gold", gold)
    assert "1 question got worse" in done.out and "Can worn shoes be exchanged?" in done.out
    assert "worn" in invoke("eval", "compare", good, tmp_path / "worse.json").out


# --- mistakes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--k", "0"], "--k takes numbers"),
        (["--k", "five"], "--k takes numbers"),
        (["--fail-on-regression"], "needs --compare"),
        (["--set", "retrieval=3"], "keys of `retrieval`"),
        (["--set", "keyword_weight"], "KEY=VALUE"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_malformed_options_are_usage_errors(config: Path, gold: Path, arguments: list[str], words: str) -> None:
    done = invoke("-c", config, "eval", "run", gold, *arguments)
    assert done.code == 2 and words in done.err and done.out == ""


def test_a_mistyped_command_is_not_taken_for_a_file(config: Path) -> None:
    done = invoke("-c", config, "eval", "compar", "a.json", "b.json")
    assert done.code == 2 and "Did you mean 'compare'?" in done.err


def test_mistakes_are_one_sentence(config: Path, gold: Path, tmp_path: Path) -> None:
    assert "no file" in sentence_of(invoke("-c", config, "eval", tmp_path / "nope.yaml"))
    assert "There is no run" in sentence_of(invoke("-c", config, "eval", gold, "--compare", tmp_path / "nope.json"))
    assert "is no run" in sentence_of(invoke("eval", "compare", config, config))
    assert "topk" in sentence_of(invoke("-c", config, "eval", "run", gold, "--set", "topk=3"))
    assert "less than or equal to 100" in sentence_of(invoke("-c", config, "eval", "run", gold, "--set", "top_k=500"))


def test_a_quote_that_is_not_on_the_shelf_is_said_and_the_rest_measured(config: Path, tmp_path: Path) -> None:
    (tmp_path / "gold.yaml").write_text(GOLD.replace("cost 9 pounds", "cost 90 pounds"))
    done = invoke("-c", config, "eval", tmp_path / "gold.yaml")
    assert done.code == 0 and "shipping.md" in done.err and "6 questions" in done.out


def test_help_teaches() -> None:
    for arguments in (["eval"], ["eval", "run"], ["eval", "compare"]):
        said = invoke(*arguments, "--help").out
        assert "Examples" in said and "Exit codes" in said
