"""The gold that ships for the sample knowledge base: every quote is in its document."""

from __future__ import annotations

from evaluation.gold import anchor, read_gold
from ingest.parse.ocr import tesseract_installed
from openshelf import Shelf
from tests.openshelf.command import ROOT

GOLD = ROOT / "configs" / "sample" / "gold.yaml"


def test_every_quote_stands_in_its_document(sample: Shelf) -> None:
    anchored = anchor(read_gold(GOLD), sample.ledger)
    missing = [str(one) for one in anchored.problems if tesseract_installed() or "leeds-shop-sign" not in one.document]
    assert missing == []
    assert anchored.notes == []
    assert all(passage.found for case in anchored.gold.cases for passage in case.passages)


def test_it_covers_what_the_sample_holds(sample: Shelf) -> None:
    gold = read_gold(GOLD)
    assert gold.notes == ()
    answerable = [case for case in gold.cases if case.answerable]
    assert len(answerable) >= 40
    assert len(gold.cases) - len(answerable) >= 10
    assert {case.language for case in gold.cases} == {"en", "fr"}
    named = {source for case in answerable for source, _ in case.relevant()}
    assert named == {source.name for source in sample.enabled_sources()}


def test_only_agents_find_the_runbook(sample: Shelf) -> None:
    for case in read_gold(GOLD).cases:
        if any(source == "runbook" for source, _ in case.relevant()):
            assert case.groups == {"agents"}
            assert "runbook" in {hit.source for hit in sample.search(case.question, groups=case.groups)}
            assert "runbook" not in {hit.source for hit in sample.search(case.question)}
