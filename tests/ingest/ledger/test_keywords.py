"""The keyword index: stems, accents, scripts without spaces, filters; equal to one made from nothing."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text

from ingest.filters import parse_filter
from ingest.ledger import Ledger, flips, keywords
from ingest.ledger.tables import builds, chunks, documents, segments
from ingest.ledger.terms import MAX_QUERY_WORDS, query_terms, terms
from ingest.ledger.where import among, clause
from retrieval.view import candidates
from tests.ingest.ledger.reading_postings import living
from tests.ingest.ledger.shelving import indexed, new_build


def put(ledger: Ledger, **texts: str | tuple[str, str]) -> None:
    """One document for each text, or pair of text and language."""
    with ledger.writing() as connection:
        build = new_build(connection)
        made = []
        for name, given_text in texts.items():
            body, language = given_text if isinstance(given_text, tuple) else (given_text, "en")
            made.append(indexed(build, name, [body], language=language))
        flips.flip(connection, build, made, [], cursor=None, visible=True)


def found(ledger: Ledger, query: str, k: int = 10, languages: tuple[str | None, ...] = ("en",), **options) -> list[str]:
    with ledger.reading() as connection:
        everything = list(connection.scalars(select(builds.c.id)))
        restrict = options.pop("restrict", None)
        if restrict is not None:
            options["visible"] = lambda rowids: {
                one.rowid for one in candidates(connection, restrict, among(chunks.c.rowid, rowids))
            }
        hits = keywords.search(connection, query, k, builds=everything, languages=languages, **options)
        names = dict(
            connection.execute(
                select(chunks.c.rowid, documents.c.document_id).join(documents, documents.c.rowid == chunks.c.document)
            ).all()
        )
    assert [score for _, score in hits] == sorted((score for _, score in hits), reverse=True)
    return [names[rowid] for rowid, _ in hits]


def test_words_are_found_by_their_stem(ledger: Ledger) -> None:
    put(ledger, a="Returning worn shoes", b="The warranty of tents")
    assert found(ledger, "return a shoe") == ["a"]
    assert found(ledger, "TENT warranties") == ["b"]
    assert found(ledger, "jackets") == []


def test_french_is_stemmed_in_french_and_accents_do_not_matter(ledger: Ledger) -> None:
    put(ledger, a=("Les chaussures usées peuvent être retournées", "fr"), b=("La garantie des fermetures éclair", "fr"))
    both = ("en", "fr")
    assert found(ledger, "retourner une chaussure usee", languages=both) == ["a"]
    assert found(ledger, "FERMETURE ECLAIR", languages=both) == ["b"]
    assert found(ledger, "fermeture e\u0301clair", languages=both) == ["b"]


def test_text_without_spaces_is_found_by_any_part_of_it(ledger: Ledger) -> None:
    put(ledger, a=("返品したいのですが", "ja"), b=("送料はいくらですか", "ja"), c=("我想退货", "zh"))
    assert found(ledger, "返品", languages=("ja", "zh")) == ["a"]
    assert found(ledger, "料", languages=("ja", "zh")) == ["b"]
    assert found(ledger, "退货", languages=("ja", "zh")) == ["c"]


@pytest.mark.parametrize("query", ["GTX-3000", "gtx3000", "GTX 3000", "gtx", "3000"])
def test_codes_are_found_however_they_are_joined(ledger: Ledger, query: str) -> None:
    put(ledger, a="The GTX-3000 drill", b="Nothing of the kind")
    assert found(ledger, query) == ["a"]


def test_numbers_stay_whole(ledger: Ledger) -> None:
    put(ledger, a="Version 3.5 is out", b="Chapter 3 and chapter 5")
    assert found(ledger, "3.5") == ["a"]


@pytest.mark.parametrize(
    "query", ['"', "a AND OR NOT b", "NEAR(x y)", "col:x", "x*", "(((", "' OR 1=1 --", "-", "^x", "\0", "\ud800", "{}"]
)
def test_no_query_is_syntax(ledger: Ledger, query: str) -> None:
    put(ledger, a="plain words")
    assert isinstance(found(ledger, query), list)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_every_query_term_of_a_text_is_among_its_own_terms(texts: list[str]) -> None:
    for body in texts:
        own = set(terms(body, "en"))
        for term in query_terms(body, ["en"]):
            assert any(other.startswith(term[:-1]) for other in own) if term.endswith("*") else term in own


def test_stop_words_alone_still_find_something(ledger: Ledger) -> None:
    put(ledger, a="to be or not to be", b="shoes")
    assert found(ledger, "to be or not") == ["a"]
    assert "the" not in query_terms("the shoes", ["en"])


def test_a_pasted_ticket_is_a_query(ledger: Ledger) -> None:
    put(ledger, a="word7 word8")
    pasted = " ".join(f"word{n}" for n in range(10_000))
    assert len(query_terms(pasted, ["en"])) == MAX_QUERY_WORDS
    assert found(ledger, pasted) == ["a"]
    assert found(ledger, "返品料" * 500) == []


def test_the_rarer_word_counts_more_and_prefixes_are_searched(ledger: Ledger) -> None:
    put(ledger, **{f"n{n}": "shoes and care" for n in range(8)}, a="membrane care")
    assert found(ledger, "membrane shoes")[0] == "a"
    with ledger.writing() as connection:
        build = new_build(connection, "other")
        made = [indexed(build, "p", ["nothing in common"], prefix="Guide to zips")]
        flips.flip(connection, build, made, [], cursor=None, visible=True)
    assert found(ledger, "zip") == ["p"]
    assert found(ledger, "zip", prefix_weight=2.5, body_weight=1) == ["p"]


def test_a_restriction_is_applied_inside_the_search(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        build = new_build(connection)
        loud = [indexed(build, f"secret{n}", ["refund refund"], readers=frozenset({"staff"})) for n in range(60)]
        quiet = [indexed(build, f"open{n}", [f"a refund among {n} other words"], metadata={"n": n}) for n in range(3)]
        flips.flip(connection, build, loud + quiet, [], cursor=None, visible=True)
    # The sixty better matches take no place from what the viewer may see.
    assert sorted(found(ledger, "refund", 3, restrict=clause(None, None))) == ["open0", "open1", "open2"]
    assert found(ledger, "refund", 2, restrict=clause(parse_filter({"n": 1}), None)) == ["open1"]
    assert len(found(ledger, "refund", 5, restrict=clause(None, frozenset({"staff"})))) == 5
    assert found(ledger, "refund", 5, restrict=clause(parse_filter({"n": 9}), None)) == []


def test_matched_terms_are_named_in_the_querys_order() -> None:
    assert keywords.matched(query_terms("Return worn shoes", ["en"]), "Worn shoes can be returned.", "en") == (
        "return",
        "worn",
        "shoe",
    )
    assert keywords.matched(["tent"], "shoes", "en") == ()
    assert keywords.matched(query_terms("料", ["ja"]), "送料はいくら", "ja") == ("料*",)


def dump(ledger: Ledger) -> dict[str, dict[str, tuple[int, int]]]:
    with ledger.reading() as connection:
        names = dict(connection.execute(select(chunks.c.rowid, chunks.c.id)).all())
        return {names[number]: counts for number, counts in living(connection).items()}


def test_an_index_that_was_edited_equals_one_made_from_nothing(ledger: Ledger, tmp_path) -> None:
    rng = random.Random(5)
    words = ["tent", "pole", "boot", "shoe", "jacket", "refund", "retourné", "返品"]
    state: dict[str, list[str]] = {}
    with ledger.writing() as connection:
        build = new_build(connection)
    for _ in range(25):
        edits = {
            f"d{rng.randrange(6)}": [" ".join(rng.choices(words, k=4)) for _ in range(rng.randint(0, 3))]
            for _ in range(3)
        }
        deletes = [name for name in state if rng.random() < 0.2 and name not in edits]
        with ledger.writing() as connection:
            made = [indexed(build, name, texts) for name, texts in edits.items()]
            flips.flip(connection, build, made, deletes, cursor=None, visible=True)
        state = {name: texts for name, texts in {**state, **edits}.items() if name not in deletes}
    other = Ledger.open(tmp_path / "other")
    with other.writing() as connection:
        build = new_build(connection)
        made = [indexed(build, name, texts) for name, texts in state.items()]
        flips.flip(connection, build, made, [], cursor=None, visible=True)
    assert dump(ledger) == dump(other)
    for query in words:
        assert sorted(found(ledger, query)) == sorted(found(other, query))
    other.close()


def ranked_by_fts5(rows: Sequence[str], terms_asked: Sequence[str], weights: tuple[float, float]) -> dict[int, float]:
    """Scores by SQLite's own FTS5 over the same terms; a row is ``prefix|body``."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE k USING fts5(prefix, body)")
    for number, row in enumerate(rows):
        connection.execute("INSERT INTO k (rowid, prefix, body) VALUES (?, ?, ?)", (number, *row.split("|")))
    asked = " OR ".join(f'"{term}"' for term in terms_asked)
    scores = connection.execute("SELECT rowid, -bm25(k, ?, ?) FROM k WHERE k MATCH ?", (*weights, asked)).fetchall()
    connection.close()
    return dict(scores)


words = st.lists(st.sampled_from(["tent", "pole", "boot", "peg", "rope", "lamp"]), max_size=12).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(words, words).map("|".join), min_size=1, max_size=40),
    asked=st.lists(st.sampled_from(["tent", "pole", "boot", "peg", "rope", "lamp", "none"]), min_size=1, unique=True),
    flush=st.integers(1, 7),
    weights=st.sampled_from([(1.0, 1.0), (2.5, 1.0)]),
)
def test_scores_are_those_of_fts5(tmp_path_factory, rows, asked, flush, weights) -> None:
    """Whatever the segments are that the chunks came in and were merged into."""
    ledger = Ledger.open(tmp_path_factory.mktemp("fts5"))
    with ledger.writing() as connection:
        build = new_build(connection)
        for start in range(0, len(rows), flush):
            made = [
                indexed(build, f"{start + n:04}", [row.split("|")[1]], prefix=row.split("|")[0])
                for n, row in enumerate(rows[start : start + flush])
            ]
            flips.flip(connection, build, made, [], cursor=None, visible=True)
        names = dict(
            connection.execute(
                select(chunks.c.rowid, documents.c.document_id).join(documents, documents.c.rowid == chunks.c.document)
            ).all()
        )
        hits = keywords.search(
            connection,
            " ".join(asked),
            100,
            builds=[build.id],
            languages=["en"],
            prefix_weight=weights[0],
            body_weight=weights[1],
        )
    ledger.close()
    assert {int(names[rowid]): score for rowid, score in hits} == pytest.approx(ranked_by_fts5(rows, asked, weights))


def test_segments_stay_few_and_forget_what_has_gone(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        build = new_build(connection)
        for n in range(600):
            made = [indexed(build, f"d{n % 150}", [f"tent number{n}", f"pole number{n}"])]
            flips.flip(connection, build, made, [], cursor=None, visible=True)
            assert len(connection.execute(select(segments)).all()) < 24
        living(connection)
        assert (
            keywords.search(connection, "number3", 5, builds=[build.id], languages=["en"], visible=there_of(connection))
            == []
        )
        stored = connection.execute(text("SELECT sum(size), sum(gone) FROM segments")).one()
        assert stored[0] - stored[1] == 300 and stored[1] <= 300
        flips.flip(connection, build, [], [f"d{n}" for n in range(150)], cursor=None, visible=True)
        assert connection.execute(select(segments)).all() == []


def there_of(connection: Connection):
    return lambda rowids: set(connection.scalars(select(chunks.c.rowid).where(among(chunks.c.rowid, rowids))))


def test_other_builds_are_neither_found_nor_counted(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        one, other = new_build(connection), new_build(connection, "other")
        flips.flip(connection, one, [indexed(one, "a", ["tent"])], [], cursor=None, visible=True)
        alone = keywords.search(connection, "tent", 5, builds=[one.id], languages=["en"])
        many = [indexed(other, f"b{n}", ["tent pole"]) for n in range(20)]
        flips.flip(connection, other, many, [], cursor=None, visible=True)
        assert keywords.search(connection, "tent", 5, builds=[one.id], languages=["en"]) == alone
        assert len(keywords.search(connection, "tent", 50, builds=[one.id, other.id], languages=["en"])) == 21
