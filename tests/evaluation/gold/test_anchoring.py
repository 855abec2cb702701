"""Gold on a shelf: quotes become spans, and what is not there is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evaluation.case import Case, Gold, Passage, Relevant
from evaluation.gold import Anchored, anchor
from openshelf import Shelf

TABLE = (
    "# Guarantee\n\n| Product | Years |\n|---|---|\n| Shoes | 2 years |\n| Jackets | 3 years |\n| Tents | 3 years |\n"
)
RETURNS = "# Returns\n\nYou may return **unworn** shoes within 60 days\nof delivery. In their box.\n"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("anchoring")
    for name, texts in {
        "help": {"a.md": RETURNS, "b.md": TABLE},
        "old": {"a.md": "# Returns\n\nThirty days.\n"},
    }.items():
        for file, text in texts.items():
            (folder / name).mkdir(exist_ok=True)
            (folder / name / file).write_text(text)
    sources = {name: {"type": "files", "path": name} for name in ("help", "old")}
    config = {"path": "shelf", "store": {"mode": "embedded"}, "sources": sources}
    with Shelf.open(config, base_dir=folder) as opened:
        assert {report.outcome for report in opened.sync()} == {"clean"}
        yield opened


def anchored(shelf: Shelf, *places: Passage | Relevant) -> Anchored:
    passages = tuple(one for one in places if isinstance(one, Passage))
    documents = tuple(one for one in places if isinstance(one, Relevant))
    return anchor(Gold("g", (Case("c", "Why?", passages, documents, where="g.yaml:2"),), "f"), shelf.ledger)


def test_a_passage_gets_its_span_and_its_source(shelf: Shelf) -> None:
    found = anchored(
        shelf, Passage("b.md", "Shoes | 2 years"), Passage("a.md", "unworn shoes within 60 days of", "help")
    )
    assert (found.problems, found.notes) == ([], [])
    for passage, text in zip(
        found.gold.cases[0].passages, ("Shoes | 2 years", "unworn shoes within 60 days of"), strict=True
    ):
        assert passage.source == "help"
        assert passage.found
        stored = shelf.preview(passage.document, source="help").document.text
        assert stored[passage.start : passage.end] == text


def test_a_lost_passage_is_named_and_its_document_stays(shelf: Shelf) -> None:
    found = anchored(shelf, Passage("b.md", "Tents | 9 years"), Passage("b.md", "Hats"), Passage("b.md", "Shoes"))
    case = found.gold.cases[0]
    assert [passage.quote for passage in case.passages] == ["Shoes"]
    assert case.documents == (Relevant("b.md", "help"),)
    assert [str(problem) for problem in found.problems] == [
        'g.yaml:2: help/b.md "Tents | 9 years" does not hold this passage. Quote the document as it is now '
        "(`openshelf chunks` shows its text), or strike the passage.",
        'g.yaml:2: help/b.md "Hats" does not hold this passage. Quote the document as it is now '
        "(`openshelf chunks` shows its text), or strike the passage.",
    ]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Passage("c.md", "Shoes"), 'c.md "Shoes" is not on the shelf'),
        (Relevant("c.md"), "c.md is not on the shelf"),
        (Relevant("b.md", "old"), "old/b.md is not in 'old'. It is in 'help'."),
        (Relevant("b.md", "hlp"), "hlp/b.md is looked for in 'hlp', which is no source. Did you mean help?"),
        (Passage("a.md", "Thirty days."), 'a.md "Thirty days." is in several sources. Name one: source: help or old.'),
    ],
)
def test_a_place_that_is_not_there_is_a_problem_and_still_a_miss(
    shelf: Shelf, place: Passage | Relevant, text: str
) -> None:
    found = anchored(shelf, place)
    assert len(found.problems) == 1
    assert text in str(found.problems[0])
    assert found.gold.cases[0].relevant() == {(place.source, place.document): 1}


def test_what_is_only_nearly_or_often_there_is_noted(shelf: Shelf) -> None:
    found = anchored(
        shelf, Passage("b.md", "3 years"), Passage("a.md", "You may return unwornn shoes within 60 days", "help")
    )
    assert found.problems == []
    assert [note.text for note in found.notes] == [
        "stands in 2 places; the first is taken",
        "was found only approximately",
    ]
    assert found.gold.notes == tuple(map(str, found.notes))
    assert found.notes[1].hint == 'There stands: "You may return unworn shoes within 60 days".'
    assert anchored(shelf, Passage("b.md", "3 years", start=10_000)).notes == []


def test_an_ellipsis_makes_a_passage_of_each_part(shelf: Shelf) -> None:
    found = anchored(shelf, Passage("a.md", "You may return … In their box.", "help"))
    assert [passage.quote for passage in found.gold.cases[0].passages] == ["You may return", "In their box."]
    assert all(passage.found for passage in found.gold.cases[0].passages)


def test_anchoring_twice_changes_nothing(shelf: Shelf) -> None:
    once = anchored(shelf, Passage("b.md", "3 years"), Passage("a.md", "You may … box.", "help"), Relevant("b.md"))
    again = anchor(once.gold, shelf.ledger)
    assert again.gold.cases == once.gold.cases
    assert again.problems == []
