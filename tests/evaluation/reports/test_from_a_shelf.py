"""A report of a real shelf: the gold stands in the text that was parsed."""

from __future__ import annotations

import re
from pathlib import Path

from evaluation.evaluate import evaluate
from evaluation.gold.anchoring import anchor
from evaluation.gold.reading import read_gold
from evaluation.reports import eval_report, gold_texts
from evaluation.summary import summarise
from openshelf import Shelf
from tests.evaluation.tune.shelves import write_study


def test_a_quote_is_marked_in_the_parsed_document_around_it(tmp_path: Path) -> None:
    write_study(tmp_path, "retrieval.top_k: [1, 2]")
    with Shelf.open(tmp_path / "openshelf.yaml") as shelf:
        gold = anchor(read_gold(tmp_path / "gold.yaml"), shelf.ledger).gold
        texts = gold_texts(shelf.ledger, gold)
        run = evaluate(shelf, gold)
    for case in gold.cases:
        for passage in case.passages:
            assert passage.source is not None
            assert texts[passage.source, passage.document][passage.start : passage.end] == passage.quote
    html = eval_report(run, gold, summarise(run, gold), texts=texts)
    assert html.count('<details class="q"') == len(gold.cases)
    assert "the quotation alone" not in html
    marked = re.findall(r'<mark class="g[ h]*">([^<]*)</mark>', html)
    assert "take three working days" in marked
