"""Evaluating a real shelf: what is measured is what a search gives, and a question that fails is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from configs.errors import RetrievalError
from evaluation.case import Case, Gold, Passage, Relevant
from evaluation.evaluate import Measuring, evaluate
from evaluation.gold.anchoring import anchor
from evaluation.measures.spans import Span, covered_share, span_scores
from openshelf import Shelf
from tests.retrieval import stock

SECRET = 'zd-"secret"-0123456789'


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """The articles of ``stock``, synced, and a source with a secret that is never asked; only to be read."""
    folder = tmp_path_factory.mktemp("stock")
    (folder / "kb").mkdir()
    for article in stock.articles():
        article.write(folder / "kb")
    config = stock.config(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HELP_DESK_KEY", SECRET)
        config["sources"]["desk"] = {
            "type": "freshdesk", "domain": "acme", "api_key": "${HELP_DESK_KEY}",
        }  # fmt: skip
        with Shelf.open(config) as opened:
            assert [report.outcome for report in opened.sync(["kb"])] == ["clean"]
            yield opened


def quoted(name: str, quote: str) -> Passage:
    return Passage(f"{name}.md", quote)


@pytest.fixture(scope="module")
def gold() -> Gold:
    cases = (
        Case("boot", "How do I wash the hiking boot, model 2?", (quoted("boot-wash-2", stock.CARES["wash"]),)),
        Case(
            "two",
            "How long is the workshop's repair of the rope and of the lamp, model 1?",
            (quoted("rope-repair-1", stock.CARES["repair"]), quoted("lamp-repair-1", stock.CARES["repair"])),
        ),
        Case("tent", "Which tent keeps the rain out?", documents=(Relevant("tent-wash-1.md", "kb", 2),)),
        Case("dear", "What is it?", documents=(Relevant("rope-store-2.md"),), filters={"price": {"gte": 235}}),
        Case("moon", "Who was the first person on the moon?", answerable=False),
    )
    return Gold("stock", cases, "f" * 64)


def outcomes(shelf: Shelf, gold: Gold, **options: Any) -> dict[str, Any]:
    return {one.case: one for one in evaluate(shelf, gold, options=Measuring(**options)).outcomes}


@pytest.mark.parametrize(
    "retrieval",
    [{}, {"top_k": 3, "diversity": 0.5}, {"per_document": 1, "keyword_weight": 0}, {"fusion": "rrf", "rrf_k": 5}],
)
def test_the_hits_are_those_of_a_search_and_the_measures_follow_from_them(
    shelf: Shelf, gold: Gold, retrieval: dict[str, Any]
) -> None:
    """Though a search for the ranking goes deeper, nothing else moves."""
    anchored = {case.id: case for case in anchor(gold, shelf.ledger).gold.cases}
    for id, outcome in outcomes(shelf, gold, retrieval=retrieval).items():
        case = anchored[id]
        hits = shelf.search(case.question, filters=case.filters, **retrieval)
        assert [hit.chunk_id for hit in hits] == [one.chunk_id for one in outcome.hits]
        assert [(hit.start, hit.end, hit.text) for hit in hits] == [(o.start, o.end, o.text) for o in outcome.hits]
        assert outcome.evidence == pytest.approx(shelf.answerer.evidence(case.question, hits))
        block = shelf.context(case.question, filters=case.filters, **retrieval)
        given = [Span((one.best.source, one.best.document_id), one.start, one.end) for one in block.sources]
        assert outcome.context == tuple((*span.document, span.start, span.end) for span in given)
        assert outcome.context_tokens == block.tokens
        if case.passages:
            references = [Span(("kb", one.document), one.start or 0, one.end or 0) for one in case.passages]
            scores = span_scores([Span((hit.source, hit.document_id), hit.start, hit.end) for hit in hits], references)
            assert (outcome.measures["span_recall"], outcome.measures["span_precision"]) == scores[:2]
            assert outcome.measures["context_recall"] == covered_share(given, references)


def test_each_question_has_the_measures_that_its_gold_allows(shelf: Shelf, gold: Gold) -> None:
    found = outcomes(shelf, gold, ks=(1, 10))
    ranking = {"mrr", *(f"{name}@{k}" for name in ("recall", "hit", "ndcg", "precision") for k in (1, 10))}
    spans = {"span_recall", "span_precision", "span_iou", "precision_omega", "context_recall"}
    assert set(found["boot"].measures) == ranking | spans | {"refusal_correct"}
    assert set(found["tent"].measures) == ranking | {"refusal_correct"}
    assert set(found["moon"].measures) == {"refusal_correct"}
    assert found["moon"].measures["refusal_correct"] == 1
    # The document of "dear" has no source in the gold, and is the only one beyond the filter's bound.
    assert found["dear"].measures["hit@1"] == 1 and found["dear"].measures["precision@10"] == pytest.approx(
        0.1, abs=0.1
    )
    assert found["boot"].seconds > 0 and found["boot"].cost == 0


def test_who_asks_decides_what_is_found(shelf: Shelf) -> None:
    hidden = next(article for article in stock.articles() if article.readers and "staff" in article.readers)
    case = Case("x", f"Note {hidden.name}", documents=(Relevant(hidden.id, "kb"),))
    gold = Gold("g", (case, replace(case, id="y", groups=frozenset({"staff"}))), "0")
    found = outcomes(shelf, gold)
    assert found["x"].measures["recall@10"] == 0
    assert found["y"].measures["recall@10"] == 1


def test_a_question_that_fails_is_kept_with_its_reason_and_the_others_go_on(shelf: Shelf, gold: Gold) -> None:
    bad = Case("bad", "What?", documents=(Relevant("tent-wash-1.md"),), filters={"price": {"near": 3}})
    empty = Case("empty", "  ", answerable=False)
    run = evaluate(shelf, replace(gold, cases=(bad, *gold.cases, empty)))
    assert [one.case for one in run.outcomes] == ["bad", *(case.id for case in gold.cases), "empty"]
    failed = {one.case: one for one in run.outcomes if one.error is not None}
    assert set(failed) == {"bad", "empty"} and run.manifest["errors"] == 2
    assert "near" in str(failed["bad"].error) and not failed["bad"].measures and not failed["bad"].hits


class Broken:
    """A shelf whose search of one question has a defect."""

    def __init__(self, shelf: Shelf, question: str) -> None:
        self._shelf, self._question = shelf, question

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shelf, name)

    def search(self, query: str, **options: Any) -> Any:
        if query == self._question:
            raise RuntimeError(f"no luck with {SECRET}")
        return self._shelf.search(query, **options)


@pytest.mark.parametrize("position", [0, 2])
def test_a_defect_in_one_question_does_not_end_the_run_nor_tell_a_secret(
    shelf: Shelf, gold: Gold, position: int
) -> None:
    run = evaluate(Broken(shelf, gold.cases[position].question), gold)  # type: ignore[arg-type]
    errors = {one.case: one.error for one in run.outcomes if one.error is not None}
    assert errors == {gold.cases[position].id: "RuntimeError: no luck with ***"}


def test_many_workers_measure_the_same(shelf: Shelf, gold: Gold) -> None:
    alone, together = (evaluate(shelf, gold, options=Measuring(workers=workers)) for workers in (1, 4))
    assert [replace(one, seconds=0) for one in alone.outcomes] == [replace(one, seconds=0) for one in together.outcomes]


@pytest.mark.parametrize("workers", [1, 3])
def test_progress_counts_every_question_and_can_end_the_run(shelf: Shelf, gold: Gold, workers: int) -> None:
    seen: list[tuple[int, int]] = []
    evaluate(shelf, gold, options=Measuring(workers=workers), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, len(gold.cases)) for n in range(1, len(gold.cases) + 1)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(shelf, gold, options=Measuring(workers=workers), progress=stop)


def test_options_bound_what_is_looked_at(shelf: Shelf, gold: Gold) -> None:
    wide, narrow = outcomes(shelf, gold, span_k=20, keep_text=False), outcomes(shelf, gold, span_k=1, budget=30)
    for id in ("boot", "two"):
        assert wide[id].measures["span_recall"] >= narrow[id].measures["span_recall"]
        assert narrow[id].context_tokens <= 30 < wide[id].context_tokens
        assert len(wide[id].hits) == 20 and all(hit.text == "" for hit in wide[id].hits)
        # The context and the evidence are those of top_k whatever the measures look at.
        assert wide[id].evidence == narrow[id].evidence


def test_a_wrong_setting_ends_the_run_before_a_question_is_asked(shelf: Shelf, gold: Gold) -> None:
    with pytest.raises(RetrievalError, match="topk"):
        evaluate(
            shelf, gold, options=Measuring(retrieval={"topk": 3}), progress=lambda done, total: pytest.fail("asked")
        )
    for ks in ((), (0,), (101,)):
        with pytest.raises(ValueError, match="ks"):
            Measuring(ks=ks)


def test_no_questions_are_a_run_without_outcomes(shelf: Shelf) -> None:
    assert evaluate(shelf, Gold("none", (), "0")).outcomes == ()


def test_the_manifest_says_what_was_measured_and_no_secret(shelf: Shelf, gold: Gold, tmp_path: Path) -> None:
    made = evaluate(shelf, gold, options=Measuring(retrieval={"top_k": 3}), name="mine").manifest
    text = json.dumps(made, allow_nan=False)
    assert SECRET not in text and json.dumps(SECRET)[1:-1] not in text and "0123456789" not in text
    assert made["config"]["retrieval"]["top_k"] == 3
    assert made["gold"] == {"name": "stock", "sha256": "f" * 64, "cases": 5, "answerable": 4}
    (kb,) = made["builds"].values()
    assert kb["chunks"] > 48 and kb["fingerprint"] and kb["embedder"]["model"] == "all-MiniLM-L6-v2"
    assert made["versions"]["openshelf"] and made["machine"]["processors"] and made["seconds"] > 0
    again = evaluate(shelf, gold, options=Measuring(retrieval={"top_k": 3})).manifest
    assert again["config"] == made["config"]
    assert evaluate(shelf, gold).manifest["config"]["sha256"] != made["config"]["sha256"]
