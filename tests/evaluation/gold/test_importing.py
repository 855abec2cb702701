"""Gold from other layouts: what is taken in, what is named, and that nothing is lost in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.errors import ConfigError
from evaluation.case import Passage, Relevant
from evaluation.gold import read_gold, write_gold
from evaluation.gold.importing import Imported, Importing, import_from
from evaluation.gold.importing.lookup import looked_up
from openshelf import Shelf
from tests.openshelf.command import ROOT

DATA = ROOT.parent / "shared" / "data"


def taken(tmp_path: Path, text: str | bytes, name: str = "q.csv", **options: Any) -> Imported:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_from(path, "auto", Importing(**options))


def beir(folder: Path, queries: list[Any], qrels: str, corpus: list[str] | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "queries.jsonl").write_text(
        "\n".join(one if isinstance(one, str) else json.dumps(one) for one in queries)
    )
    (folder / "qrels.tsv").write_text(qrels)
    if corpus is not None:
        (folder / "corpus.jsonl").write_text("\n".join(json.dumps({"_id": id, "text": "x"}) for id in corpus))
    return folder


def test_a_table_with_usual_names_needs_no_options(tmp_path: Path) -> None:
    text = "ID;Query;Doc ID;Passage;Category;Lang\n1;Où ?;a.md;ici;retours, web;fr\n2;Quoi ?;b.md;;;fr\n"
    made = taken(tmp_path, text.encode("cp1252"))
    first, second = (one.case for one in made.proposals)
    assert (first.id, first.question, first.tags, first.language) == ("1", "Où ?", ("retours", "web"), "fr")
    assert first.passages == (Passage("a.md", "ici"),)
    assert second.documents == (Relevant("b.md"),)
    assert made.bad == []
    assert "question is 'Query'" in made.notes[0]


def test_columns_can_be_named_and_documents_completed(tmp_path: Path) -> None:
    made = taken(
        tmp_path,
        "Frage,Stelle,Datei\nWie lange?,60 Tage,retoure\n",
        columns={"question": "Frage", "quote": "Stelle", "document": "Datei"},
        source="hilfe",
        document="{id}.html",
        language="de",
        tags=["neu"],
    )
    [case] = [one.case for one in made.proposals]
    assert case.passages == (Passage("retoure.html", "60 Tage", "hilfe"),)
    assert (case.language, case.tags) == ("de", ("neu",))


def test_rows_with_the_same_question_are_one_case(tmp_path: Path) -> None:
    made = taken(tmp_path, "question,document,quote\nWhy?,a,one\nWhy?,b,two\nWhy?,a,one\nHow?,a,\n")
    assert [one.case.question for one in made.proposals] == ["Why?", "How?"]
    assert made.proposals[0].case.passages == (Passage("a", "one"), Passage("b", "two"))
    assert "2 records repeat a question" in made.notes[-1]


def test_each_bad_row_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    rows = [
        "Why?,a,,yes,",
        ",a,,yes,",
        "How?,,quote,yes,",
        "When?,a,,perhaps,",
        "Who?,a,,yes",
        "What?,a,,no,x",
        "So?,a,,,2.5",
    ]
    made = taken(tmp_path, "question,document,quote,answerable,grade\n" + "\n".join(rows))
    assert [one.case.question for one in made.proposals] == ["Why?"]
    assert [str(bad) for bad in made.bad][:4] == [
        "q.csv:3: question is missing. It holds what is asked, in the asker's words.",
        "q.csv:4: it quotes a passage and names no document.",
        "q.csv:5: answerable must be yes or no, not 'perhaps'.",
        "q.csv:6: it has 4 cells where the header has 5.",
    ]
    assert [bad.where for bad in made.bad] == [f"q.csv:{line}" for line in range(3, 9)]


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("a,b\n1,2\n", {}, "q.csv has no column that looks like the question. Name it with --column question=NAME"),
        ("question,b\n1,2\n", {"document": "bb"}, "q.csv has no column 'bb'. Did you mean b?"),
        ("question,b\n1,2\n", {"dokument": "b"}, "'dokument' is no field of a question. Did you mean document?"),
        ("", {}, "q.csv has no header"),
    ],
)
def test_a_table_that_cannot_be_understood_is_an_error(
    tmp_path: Path, text: str, columns: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        taken(tmp_path, text, columns=columns)
    assert said in str(refused.value)


def test_jsonl_takes_lists_and_our_own_layout(tmp_path: Path) -> None:
    lines = [
        {
            "question": "A?",
            "ground_truth": "yes",
            "doc_id": 7,
            "contexts": ["one", {"content": "two"}],
            "filter": {"x": 1},
        },
        {"question": "B?", "expect": [{"document": "b", "quote": "q"}], "tags": ["t"]},
        {"query": "C?", "documents": ["unknown key is ignored"], "document": ["d", "e"], "answerable": True},
    ]
    text = "\n".join(map(json.dumps, lines)) + '\n{"nothing": 1}\nnot json\n[]\n{"question": 5}\n'
    made = taken(tmp_path, text, "q.jsonl", source="s")
    a, b, c = (one.case for one in made.proposals)
    assert a.passages == (Passage("7", "one", "s"), Passage("7", "two", "s"))
    assert (a.answer, a.filters) == ("yes", {"x": 1})
    assert b.passages == (Passage("b", "q", "s"),)
    assert c.documents == (Relevant("d", "s"), Relevant("e", "s"))
    assert [bad.where for bad in made.bad] == [f"q.jsonl:{line}" for line in (4, 5, 6, 7)]


def test_a_json_list_is_read_too(tmp_path: Path) -> None:
    made = taken(tmp_path, json.dumps([{"question": "A?"}, 5]), "q.json")
    assert [one.case.question for one in made.proposals] == ["A?"]
    assert [str(bad) for bad in made.bad] == ["q.json:record 2: it is no JSON object but 5."]


def test_beir_keeps_grades_filters_and_unanswerable_questions(tmp_path: Path) -> None:
    queries = [
        {"_id": "1", "text": "A?", "filter": {"asin": "B0"}, "answer": "a", "type": "faq"},
        {"_id": "2", "text": "B?", "answerable": False},
        {"_id": 3, "text": "C?", "answerable": False},
        {"_id": "4", "text": "D?"},
    ]
    qrels = "query-id\tcorpus-id\tscore\n1\ta\t2\n1\tb\t1\n1\tc\t0\n3\tc\t1\n"
    made = import_from(beir(tmp_path / "set", queries, qrels, ["a", "b", "c"]), "auto", Importing(source="s"))
    first, second, third, fourth = made.proposals
    assert first.case.documents == (Relevant("a", "s", 2), Relevant("b", "s", 1))
    assert (first.case.filters, first.case.answer, first.case.tags) == ({"asin": "B0"}, "a", ("faq",))
    assert (second.case.answerable, third.case.answerable) == (False, False)
    assert third.suggested == (Relevant("c", "s"),)
    assert fourth.case.relevant() == {}
    assert made.bad == []
    assert [note[:1] for note in made.notes] == ["1", "1", "1"]
    judged = import_from(tmp_path / "set", "beir", Importing(judged=True)).proposals[2].case
    assert (judged.answerable, judged.documents) == (True, (Relevant("c"),))


def test_each_bad_line_of_beir_is_named(tmp_path: Path) -> None:
    queries = [
        {"_id": "1", "text": "A?"},
        "{",
        {"text": "B?"},
        {"_id": "1", "text": "Other?"},
        {"_id": "5", "text": ""},
    ]
    qrels = "1\ta\t1\n1\tz\t1\n9\ta\t1\n1\ta\n1\ta\t1\n1\tb\tx\n1\t0\tb\t1\n"
    made = import_from(beir(tmp_path / "set", queries, qrels, ["a", "b"]))
    assert made.proposals[0].case.documents == (Relevant("a"), Relevant("b"))
    assert sorted(bad.where for bad in made.bad) == [
        *(f"qrels.tsv:{line}" for line in (2, 3, 4, 5, 6)),
        *(f"queries.jsonl:{line}" for line in (2, 3, 4, 5)),
    ]


def test_a_beir_folder_may_have_splits(tmp_path: Path) -> None:
    folder = beir(tmp_path / "set", [{"_id": "1", "text": "A?"}], "")
    (folder / "qrels.tsv").unlink()
    (folder / "qrels").mkdir()
    (folder / "qrels" / "dev.tsv").write_text("1\ta\t1\n")
    with pytest.raises(ConfigError, match=r"neither qrels\.tsv nor qrels/test\.tsv"):
        import_from(folder)
    assert import_from(folder, "auto", Importing(split="dev")).proposals[0].case.documents == (Relevant("a"),)


def test_chunking_evaluation_quotes_become_passages(tmp_path: Path) -> None:
    references = json.dumps([{"content": "One.", "start_index": 5, "end_index": 9}, {"content": "Two."}])
    rows = [
        "question,references,corpus_id",
        f'A?,"{references.replace(chr(34), chr(34) * 2)}",wiki',
        "B?,[],wiki",
        "C?,{,wiki",
    ]
    made = taken(tmp_path, "\n".join(rows), "questions_df.csv", source="s")
    [case] = [one.case for one in made.proposals]
    assert made.layout == "chunking-evaluation"
    assert case.passages == (Passage("wiki.md", "One.", "s", 5), Passage("wiki.md", "Two.", "s"))
    assert [bad.where for bad in made.bad] == ["questions_df.csv:3", "questions_df.csv:4"]


def test_what_has_no_known_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    for path in (tmp_path, tmp_path / "x.xlsx", tmp_path / "absent.csv"):
        with pytest.raises(ConfigError):
            import_from(path)
    with pytest.raises(ConfigError, match="is a file's format"):
        import_from(tmp_path, "csv")


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(cells, cells, cells), max_size=8))
def test_every_record_is_taken_merged_or_named(
    rows: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = [json.dumps({"question": q, "document": d, "quote": p}) for q, d, p in rows]
    path = tmp_path_factory.mktemp("import") / "q.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    made = import_from(path)
    bad = {record.where for record in made.bad}
    merged = sum(int(note.split(" ")[0]) for note in made.notes if "repeat a question" in note)
    assert len(made.proposals) + merged + len(bad) == len(rows)


@pytest.mark.parametrize(
    ("name", "questions", "unanswerable"),
    [
        ("chunking_evaluation", 472, 0),
        ("clapnq_noanswer", 600, 300),
        ("emanual_tv", 617, 0),
        ("epqa_products", 977, 172),
        ("piaf_fr", 1454, 0),
    ],
)
def test_the_public_sets_are_taken_in_whole(tmp_path: Path, name: str, questions: int, unanswerable: int) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"{DATA / name} is not there")
    made = import_from(DATA / name)
    assert made.bad == []
    assert len(made.proposals) == questions
    assert sum(not one.case.answerable for one in made.proposals) == unanswerable
    write_gold(tmp_path / "gold.jsonl", made.proposals)
    assert len(read_gold(tmp_path / "gold.jsonl").cases) == questions


def test_addresses_become_documents_and_lost_quotes_are_named(tmp_path: Path, sample: Shelf) -> None:
    text = (
        "question,url,passage\n"
        "Worn?,https://help.larkfield.example/en/worn-shoes/?utm=x#top,no more than 30 days ago\n"
        "Pay?,en/payment.md,by bank transfer\n"
    )
    found = looked_up(taken(tmp_path, text).proposals, sample.ledger)
    assert found.proposals[0].case.passages == (Passage("en/worn-shoes.md", "no more than 30 days ago", "help-centre"),)
    assert found.proposals[0].comments == [
        "Returning worn shoes (the Trail Test promise) — https://help.larkfield.example/en/worn-shoes"
    ]
    assert [problem.quote for problem in found.anchored.problems] == ["by bank transfer"]
