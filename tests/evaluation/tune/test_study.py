"""A study from its file to its result: what it costs, what wins, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import ConfigError
from evaluation.tune.result import TOKENS
from openshelf import Shelf
from tests.evaluation.tune.shelves import (
    CHUNKERS,
    SEARCH,
    WIDE,
    cached_texts,
    numbers,
    run,
    shelf_texts,
    write_study,
    write_tune,
)
from tests.ingest.embed.embeddings_server import EmbeddingsServer
from tests.openshelf.command import CONFIG


def test_a_sweep_over_search_knobs_embeds_nothing_and_makes_one_index(tmp_path: Path) -> None:
    result = run(write_study(tmp_path, SEARCH + "\nretrieval.fusion: [rrf, convex]\ncontext.budget: [500]"))
    assert len(result.trials) == 2 * 2 * 2 + 1
    assert sum(trial.embedded for trial in result.trials) == 0
    assert len({trial.variant for trial in result.trials}) == 1
    assert cached_texts(tmp_path) == shelf_texts(tmp_path)


def test_no_text_is_embedded_twice_in_a_whole_study(tmp_path: Path) -> None:
    knobs = f"{CHUNKERS}\ndefaults.prefix.title: [true, false]"
    result = run(write_study(tmp_path, knobs))
    assert len({trial.variant for trial in result.trials}) == 7
    embedded = sum(trial.embedded for trial in result.trials)
    assert embedded == cached_texts(tmp_path) - shelf_texts(tmp_path) > 0  # each of them once
    # Started again from nothing, the texts are still known.
    again = run(tmp_path / "tune.yaml", fresh=True)
    assert sum(trial.embedded for trial in again.trials) == 0
    assert numbers(again) == numbers(result)


def test_the_winner_is_the_best_within_the_limits_and_the_base_is_measured_too(tmp_path: Path) -> None:
    # Pieces of six tokens, and only one of them: too little for any answer.
    config = CONFIG + "defaults: {chunker: {type: token, size: 6}}\nretrieval: {top_k: 1}\n"
    result = run(write_study(tmp_path, "retrieval.top_k: [2, 4]", more=WIDE, config=config))
    base, winner = result.trial(result.base), result.trial(result.winner)
    measure = result.measures[0]
    assert base.label == "base"
    assert winner.means[measure] == max(trial.means[measure] for trial in result.trials)
    assert winner.means[measure] > base.means[measure]
    assert result.trials[0] == winner
    assert winner.number in result.front
    # Without limits of its own the objective asks for no more tokens than the base needs.
    narrow = run(write_tune(tmp_path, "retrieval.top_k: [2, 4]"))
    assert narrow.winner == narrow.base
    assert "base stays" in narrow.verdict
    assert all(trial.meets == (trial.means[TOKENS] <= base.means[TOKENS] + 1e-6) for trial in narrow.trials)


def test_the_held_out_questions_take_no_part_in_choosing(tmp_path: Path) -> None:
    result = run(write_study(tmp_path, SEARCH, more=WIDE))
    assert result.cases == {"tuning": 6, "held-out": 2}
    assert result.base_run is not None
    assert len(result.base_run.outcomes) == 8
    for trial in result.trials:
        assert trial.cases[TOKENS] == 6
    assert {one.n for one in result.held_out if one.measure == TOKENS} == {2}


def test_a_configuration_that_cannot_be_built_fails_alone(tmp_path: Path) -> None:
    result = run(write_study(tmp_path, "defaults.chunker: [{type: token, tokenizer: nonsense}, {type: whole}]"))
    states = {trial.label: (trial.state, trial.reason) for trial in result.trials}
    assert states["defaults.chunker={type: whole}"][0] == "done"
    failed = states["defaults.chunker={type: token, tokenizer: nonsense}"]
    assert failed[0] == "failed"
    assert "nonsense" in str(failed[1])


def test_an_embedder_that_cannot_be_had_is_named_before_anything_is_embedded(tmp_path: Path) -> None:
    tune = write_study(tmp_path, "embedder.model: [all-MiniLM-L6-v2, ./no-such-folder]")
    with pytest.raises(ConfigError, match=r"tune.yaml:4: knobs.embedder.model cannot be ./no-such-folder: .*not exist"):
        run(tune)


def test_an_objective_that_is_not_measured_is_named(tmp_path: Path) -> None:
    tune = write_study(tmp_path, "retrieval.top_k: [1]", more="objective: {maximise: context_recal}\n")
    with pytest.raises(ConfigError, match="Did you mean context_recall") as raised:
        run(tune)
    assert "context_tokens" in str(raised.value)


def test_what_each_knob_did_is_read_off_pairs(tmp_path: Path) -> None:
    result = run(write_study(tmp_path, "retrieval.keyword_weight: [0.2, 0.5, 0.8]\nretrieval.top_k: [1, 2]"))
    by_name = {knob.knob: knob for knob in result.knobs}
    weights = by_name["retrieval.keyword_weight"].values
    assert [value.value for value in weights] == [0.2, 0.5, 0.8]
    assert [value.pairs for value in weights if not value.reference] == [2, 2]
    assert all(knob.stage == "search" and knob.importance is None for knob in result.knobs)


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    running = EmbeddingsServer()
    yield running
    running.close()


def test_money_is_asked_for_capped_and_counted_and_no_secret_is_written(
    tmp_path: Path, server: EmbeddingsServer
) -> None:
    config = CONFIG + (
        "embedder: {provider: openai, model: text-embedding-3-small, api_key: sk-test-123456, dimensions: 8, "
        f"base_url: '{server.url}'}}\n"
        "costs: {prices: {text-embedding-3-small: {input: 1000}}}\n"
    )
    tune = write_study(tmp_path, CHUNKERS, config=config)
    asked = len(server.asked)
    with pytest.raises(ConfigError, match=r"would embed [\d,]+ tokens .* no money budget"):
        run(tune)
    assert len(server.asked) - asked == 6  # the questions to tune on: all that the base needs
    write_tune(tmp_path, CHUNKERS, more="budget: {money: 0.02}\n")
    stopped = run(tune)
    assert stopped.state.startswith("stopped at the money budget (0.02 USD)")
    assert [trial.label for trial in stopped.trials] == ["base"]
    assert len(server.asked) - asked == 6 + 8  # the base's hits on all questions, in another run
    write_tune(tmp_path, CHUNKERS, more="budget: {money: 100}\n")
    result = run(tune)
    assert result.state == "complete"
    spent = sum(trial.cost for trial in result.trials)
    assert spent > 0.02
    with Shelf.open(tmp_path / "openshelf.yaml") as shelf:
        assert sum(line.cost for line in shelf.costs()) >= spent
    for path in (tmp_path / "study").rglob("*"):
        if path.is_file():
            assert b"sk-test-123456" not in path.read_bytes(), path
