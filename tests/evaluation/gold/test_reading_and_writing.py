"""Gold files: what is read, what is refused with which line, and that writing loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.errors import ConfigError
from configs.yaml_lines import read_yaml
from evaluation.case import Case, Passage, Relevant
from evaluation.gold.layout import short_id
from evaluation.gold.reading import read_gold
from evaluation.gold.writing import Proposal, text_of, write_gold
from evaluation.gold.yaml_text import item

FULL = """\
questions:
  - question: Can I return it?
    language: en
    tags: [returns, web]
    groups: [agents]
    filters: {price: {lt: 100}}
    answer: Yes.
    asked: 2026-03-01T10:00:00
    expect:
      - {source: help, document: a.md, quote: within 30 days}
      - {document: b.md, grade: 2}
  - {question: Do you rent skis?, answerable: false}
"""


def written(tmp_path: Path, text: str, name: str = "gold.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(tmp_path: Path, text: str, name: str = "gold.yaml") -> str:
    with pytest.raises(ConfigError) as refused:
        read_gold(written(tmp_path, text, name))
    return str(refused.value)


def test_every_key_of_a_case_is_read(tmp_path: Path) -> None:
    gold = read_gold(written(tmp_path, FULL))
    first, second = gold.cases
    assert first == Case(
        id=short_id("Can I return it?"),
        question="Can I return it?",
        passages=(Passage("a.md", "within 30 days", "help"),),
        documents=(Relevant("b.md", None, 2),),
        filters={"price": {"lt": 100}},
        groups=frozenset({"agents"}),
        language="en",
        tags=("returns", "web"),
        answer="Yes.",
        asked=datetime(2026, 3, 1, 10, tzinfo=UTC),
        where="gold.yaml:2",
    )
    assert (second.answerable, second.where) == (False, "gold.yaml:12")
    assert gold.name == "gold"
    assert len(gold.fingerprint) == 64


def test_an_id_stays_while_its_question_does_and_doubles_are_numbered(tmp_path: Path) -> None:
    text = "questions: [{question: Why?}, {question: Why?}, {question: Why?, id: %s-2}, {question: How?}]"
    ids = [case.id for case in read_gold(written(tmp_path, text % short_id("Why?"))).cases]
    assert ids == [short_id("Why?"), f"{short_id('Why?')}-3", f"{short_id('Why?')}-2", short_id("How?")]
    assert short_id(" Why?\n") == short_id("Why?")


def test_struck_cases_are_left_out_and_said(tmp_path: Path) -> None:
    text = """\
questions:
  - {question: One?, review: no, expect: [{document: a}]}
  - {question: Two?, review: pending, expect: [{document: a}]}
  - {question: Three?, review: yes, suggested: [{document: a, quote: b}]}
"""
    gold = read_gold(written(tmp_path, text))
    assert [case.question for case in gold.cases] == ["Two?", "Three?"]
    assert gold.cases[1].relevant() == {}
    assert [note.split(" questions")[0] for note in gold.notes] == ["1 of 3", "1 of 3", "1 of 2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "questions:\n  - question: A?\n    expct: []\n",
            "gold.yaml:3: questions[0].expct is not a known key. Did you mean expect?",
        ),
        (
            "questions:\n  - question: A?\n    expect:\n      - {documnet: a}\n",
            "gold.yaml:4: questions[0].expect[0].documnet is not a known key. Did you mean document?",
        ),
        ("questions:\n  - language: en\n", "gold.yaml:2: questions[0].question is missing."),
        (
            "questions:\n  - question: A?\n    expect: [{document: 7}]\n",
            "gold.yaml:3: questions[0].expect[0].document must be text",
        ),
        (
            "questions:\n  - question: A?\n    answerable: false\n    expect: [{document: a}]\n",
            "gold.yaml:4: questions[0].expect",
        ),
        ("questions:\n  - question: A?\n    filters: {price: {about: 3}}\n", "gold.yaml:3: questions[0].filters"),
        ("questions:\n  - question: A?\n    expect: [{document: a, grade: 0}]\n", "grade must be at least 1"),
        ("questions:\n  - question: A?\n    expect: [{document: a, quote: b, grade: 3}]\n", "gold.yaml:3"),
        (
            "questions:\n  - question: A?\n    review: maybe\n",
            "gold.yaml:3: questions[0].review must be pending or yes or no",
        ),
        (
            "questions:\n  - {question: A?, id: x}\n  - {question: B?, id: x}\n",
            "gold.yaml:3: the id x is given twice; the first is on line 2",
        ),
        ("questions: []\n", "has no question"),
        ("- question: A?\n", "gold.yaml:1: a gold file is a mapping"),
        ("", "it is empty"),
        ("questions:\n  - question: 'A?\n", "this is not YAML"),
        ("questions: !!python/object:os.system [a]\n", "is not allowed"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)


def test_all_problems_are_said_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    lines = refusal(tmp_path, "questions:\n  - qestion: A?\n  - question: B?\n    tag: [x]\n").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["gold.yaml:2:", "gold.yaml:2:", "gold.yaml:4:"]


def test_files_that_are_no_gold_are_refused_in_words(tmp_path: Path) -> None:
    assert "its name ends in .txt" in refusal(tmp_path, "x", "gold.txt")
    with pytest.raises(ConfigError, match="There is no file"):
        read_gold(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        read_gold(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("questions:\n  - question: é\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.yaml:2: this is not UTF-8"):
        read_gold(tmp_path / "latin.yaml")
    assert "too large to read as YAML" in refusal(tmp_path, "#" * 1_000_001)


def test_jsonl_names_each_bad_line(tmp_path: Path) -> None:
    lines = ['{"question": "A?"}', "", "{", '{"question": "B?", "expct": []}', "[1]"]
    said = refusal(tmp_path, "\n".join(lines), "gold.jsonl").splitlines()
    assert [line.split(": ")[0] for line in said] == ["gold.jsonl:3", "gold.jsonl:4", "gold.jsonl:5"]
    assert "Did you mean expect?" in said[1]


def test_yaml_for_review_has_comments_and_ignored_suggestions(tmp_path: Path) -> None:
    case = Case("a", "Why?", passages=(Passage("a.md", "one\ntwo", "help"),))
    proposal = Proposal(case, ["Returns — https://x.example/a\n\x1b[31m"], [Relevant("b.md", "help")], "pending")
    write_gold(tmp_path / "gold.yaml", [proposal, Case("b", "How?", answerable=False)], heading=["Look at these."])
    assert (tmp_path / "gold.yaml").read_text(encoding="utf-8") == (
        "# Look at these.\nquestions:\n  # Returns — https://x.example/a  [31m\n".replace("a  [", "a [") + "  - id: a\n"
        "    question: Why?\n"
        "    expect:\n"
        "      - source: help\n"
        "        document: a.md\n"
        "        quote: |-\n"
        "          one\n"
        "          two\n"
        "    suggested:\n"
        "      - source: help\n"
        "        document: b.md\n"
        "    review: pending\n"
        "  - id: b\n"
        "    question: How?\n"
        "    answerable: false\n"
    )
    assert read_gold(tmp_path / "gold.yaml").cases[0].relevant() == {("help", "a.md"): 1}


def test_a_reviewed_table_reads_however_a_spreadsheet_saved_it(tmp_path: Path) -> None:
    header = "id;question;answerable;document;quote;reviewer's note"
    rows = ["é1;Où est-ce ?;;a.md;ici;ok", "é1;;;b.md;;", ";Rien ?;non;;;", "é2;Quoi ?;;c.md;là;"]
    (tmp_path / "gold.csv").write_bytes("\r\n".join([header, *rows]).encode("cp1252"))
    gold = read_gold(tmp_path / "gold.csv")
    assert [case.question for case in gold.cases] == ["Où est-ce ?", "Rien ?", "Quoi ?"]
    assert gold.cases[0].relevant() == {(None, "a.md"): 1, (None, "b.md"): 1}
    assert [case.answerable for case in gold.cases] == [True, False, True]
    assert gold.cases[2].where == "gold.csv:5"


def test_a_case_is_struck_in_a_table_too(tmp_path: Path) -> None:
    text = "review,question,document\nNo,One?,a\nyes,Two?,a\npending,Three?,a\n"
    gold = read_gold(written(tmp_path, text, "gold.csv"))
    assert [case.question for case in gold.cases] == ["Two?", "Three?"]
    assert "review must be pending or yes or no" in refusal(tmp_path, text.replace("yes", "jein"), "gold.csv")


def test_a_sorted_table_still_keeps_the_rows_of_a_case_together(tmp_path: Path) -> None:
    text = "id,question,document\nb,Two?,x\na,,y\nb,,y\na,One?,x\n"
    one, two = sorted(read_gold(written(tmp_path, text, "gold.csv")).cases, key=lambda case: case.id)
    assert (one.question, [doc.document for doc in one.documents]) == ("One?", ["y", "x"])
    assert (two.question, [doc.document for doc in two.documents]) == ("Two?", ["x", "y"])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("A?,perhaps,a,,", "gold.csv:2: answerable must be yes or no, not 'perhaps' (line 2)"),
        ("A?,,a,first,", "gold.csv:2: start must be a whole number"),
        ("A?,,,1,", "gold.csv:2: expect[0].document is missing"),
        ("A?,,a,,{", "gold.csv:2: filters must be JSON"),
        ("A?,,a,", "gold.csv:2: it has 4 cells where the header has 5"),
    ],
)
def test_a_bad_row_of_a_table_is_named(tmp_path: Path, row: str, said: str) -> None:
    assert said in refusal(tmp_path, f"question,answerable,document,start,filters\n{row}\n", "gold.csv")


def test_a_cell_that_a_spreadsheet_would_run_is_written_as_text(tmp_path: Path) -> None:
    asked = '=HYPERLINK("http://evil.example")'
    write_gold(tmp_path / "gold.csv", [Case("a", asked), Case("b", "'-quoted"), Case("c", "'tis so")])
    assert "\n=" not in (tmp_path / "gold.csv").read_text(encoding="utf-8-sig").replace(",", "\n")
    assert [case.question for case in read_gold(tmp_path / "gold.csv").cases] == [asked, "'-quoted", "'tis so"]


def test_what_cannot_be_read_back_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too large to read as YAML"):
        write_gold(tmp_path / "gold.yaml", [Case(str(n), "x" * 20_000) for n in range(60)])
    with pytest.raises(ConfigError, match=r"ends in \.yaml, \.jsonl or \.csv"):
        write_gold(tmp_path / "gold.txt", [])
    assert not list(tmp_path.iterdir())


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(lambda text: text.strip())
names = words.map(str.strip).filter(lambda text: text.strip())
places = st.builds(Passage, names, words, st.none() | names, st.none() | st.integers(0, 10**6))
relevant = st.builds(Relevant, names, st.none() | names, st.integers(1, 1000))
zones = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-720, 720))
filters = st.dictionaries(
    st.sampled_from(["price", "topic", "né le", "a: b", "x#"]),
    words | st.integers(-(2**53), 2**53) | st.booleans(),
    max_size=3,
)
cases = st.builds(
    Case,
    id=names,
    question=words,
    passages=st.lists(places, max_size=3).map(tuple),
    documents=st.lists(relevant, max_size=3).map(tuple),
    filters=st.none() | filters,
    groups=st.none() | st.frozensets(words, max_size=3),
    language=st.none() | names,
    tags=st.lists(words, max_size=3).map(tuple),
    answer=st.none() | words,
    asked=st.none() | st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=zones),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@pytest.mark.parametrize("suffix", [".yaml", ".csv", ".tsv", ".jsonl"])
@given(made=st.lists(cases, min_size=1, max_size=4, unique_by=lambda case: case.id), comment=st.text(max_size=20))
def test_what_was_written_reads_back_as_the_same_cases(
    tmp_path: Path, suffix: str, made: list[Case], comment: str
) -> None:
    path = tmp_path / f"gold{suffix}"
    proposals = [Proposal(case, [comment], case.documents, "yes") for case in made]
    write_gold(path, proposals, heading=[comment])
    assert [replace(case, where="") for case in read_gold(path).cases] == made
    assert path.read_bytes() == text_of(suffix, proposals, path.name, heading=[comment])


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from(["word", "a", " ", " ", "  ", "x: y", " #", "-", "é", "\n"]), min_size=80, max_size=160
    )
)
def test_long_texts_fold_at_single_spaces_only(parts: list[str]) -> None:
    text = "".join(parts)
    for value in (text, text.replace("\n", " "), "y" + text.replace("\n", " ").strip()):
        raw, _ = read_yaml(f"questions:\n{item({'id': 'a', 'question': value}, 2)}", "x")
        assert raw["questions"][0]["question"] == value


def test_reading_and_writing_jsonl_keeps_dates_in_filters(tmp_path: Path) -> None:
    write_gold(tmp_path / "g.jsonl", [Case("a", "A?", filters={"at": {"gte": datetime(2026, 1, 2, tzinfo=UTC)}})])
    assert json.loads((tmp_path / "g.jsonl").read_text())["filters"] == {"at": {"gte": "2026-01-02T00:00:00+00:00"}}
