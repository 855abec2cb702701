"""What the pages say is what the shelf says."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from configs.loader import from_mapping
from ingest.ledger.where import ALL_GROUPS
from openshelf import Shelf
from openshelf.inspector.rendering import score
from tests.openshelf.inspector.conftest import HOSTILE_ID
from tests.openshelf.inspector.live import Inspected

GUIDE = {"source": "guide", "id": "larkfield-tent-guide.pdf"}
QUESTION = "Can I return worn shoes?"


def plain(page: str) -> str:
    """A page's text."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def entries(page: str, name: str) -> list[tuple[int, int, str]]:
    """Rank, chunk and score of a column."""
    column = page.partition(f'data-list="{name}"')[2].partition("</section>")[0]
    found = re.findall(r'<li class="entry[^"]*"([^>]*)>.*?class="score">([^<]+)<', column, re.DOTALL)
    return [
        (int(re.search(r'value="(\d+)"', tag)[1]), int(re.search(r'data-chunk="(\d+)"', tag)[1]), score)  # type: ignore[index]
        for tag, score in found
    ]


def shown_ids(page: str) -> list[str]:
    """Addresses of the documents that a list links to."""
    return re.findall(r'href="(/inspect/document[?][^"]+)"', page)


# --- overview, documents --------------------------------------------------------------------------


def test_the_overview_has_every_source_and_every_failure(client: httpx.Client, shelf: Shelf) -> None:
    page = client.get("").text
    for source in shelf.status():
        row = plain(page.partition(f'source={source.name}"')[2].partition("</tr>")[0])
        assert f"{source.documents} {source.chunks}" in row
        assert (source.last_run.outcome or "") in row if source.last_run else True
    failure = next(one for source in shelf.status() for one in source.failures)
    assert failure.document_id in page and failure.error in plain(page)
    assert "every 6h" in page and "0 3 * * *" in page


def test_documents_are_listed_filtered_and_paged(client: httpx.Client) -> None:
    page = client.get("documents", params={"source": "products"}).text
    assert "1–40 of 40 documents" in page
    assert page.count('<th scope="row">') == 40
    everything = client.get("documents").text
    assert re.search(r"1–50 of (\d+) documents", everything) and "page 1 of 2" in everything
    following = client.get("documents?page=2").text
    assert "51–" in following and not set(shown_ids(everything)) & set(shown_ids(following))
    assert "Returning worn shoes" in client.get("documents", params={"words": "worn SHOES"}).text
    assert "No document here" in client.get("documents", params={"words": "zyzzyva"}).text
    assert "1–1 of 1 document" in client.get("documents", params={"words": "zyzzyva", "inside": "1"}).text
    assert "No document here" in client.get("documents", params={"words": "100%_"}).text
    assert client.get("documents?page=-3&words=%00&source=nowhere").status_code == 200


def test_a_restricted_document_names_who_sees_it(client: httpx.Client) -> None:
    assert "agents" in client.get("documents", params={"source": "runbook"}).text
    assert "seen by agents" in client.get("document", params={"source": "runbook", "id": "goodwill.md"}).text


# --- a document -----------------------------------------------------------------------------------


def test_a_document_is_drawn_as_it_is_indexed(client: httpx.Client, shelf: Shelf) -> None:
    page = client.get("document", params=GUIDE).text
    chunks = shelf.preview("larkfield-tent-guide.pdf", source="guide").chunks
    drawn = re.findall(r'id="chunk-(\d+)" data-start="(\d+)" data-end="(\d+)"', page)
    assert [tuple(map(int, one)) for one in drawn] == [(c.ordinal + 1, c.start, c.end) for c in chunks]
    assert ">this cut <" not in page
    assert all(f"{chunk.tokens} token" in page for chunk in chunks)
    assert all(html.escape(chunk.prefix) in page for chunk in chunks)


@pytest.mark.parametrize(
    "chunker",
    [
        {"chunker": "token", "size": "60", "overlap": "20"},
        {"chunker": "token", "size": "60", "overlap": "20", "percentile": "3", "parent_size": ""},
        {"chunker": "recursive", "size": "100", "tokenizer": "embedder"},
        {"chunker": "heading", "size": "200"},
        {"chunker": "parent-child", "size": "40", "parent_size": "200"},
        {"chunker": "conversation"},
        {"chunker": "rows", "rows": "2"},
        {"chunker": "whole"},
    ],
    ids=lambda chunker: chunker["chunker"],
)
def test_a_cut_is_the_previews_and_its_yaml_gives_it_again(
    client: httpx.Client, shelf: Shelf, chunker: dict[str, str]
) -> None:
    answer = client.get("document/cut", params={**GUIDE, **chunker})
    assert answer.status_code == 200
    cut = answer.json()
    others = ("chunker", "percentile", "parent_size") if chunker["chunker"] == "token" else ("chunker",)
    wanted = {"type": chunker["chunker"], **{key: value for key, value in chunker.items() if key not in others}}
    preview = shelf.preview("larkfield-tent-guide.pdf", chunker=wanted, source="guide")
    assert [(c["start"], c["end"], c["tokens"], c["prefix"]) for c in cut["chunks"]] == [
        (c.start, c.end, c.tokens, c.prefix) for c in preview.chunks
    ]
    drawn = re.findall(r'data-start="(\d+)" data-end="(\d+)"', cut["html"])
    assert [tuple(map(int, one)) for one in drawn] == [(c.start, c.end) for c in preview.chunks]
    assert cut["figures"]["chunks"] == len(preview.chunks)
    lighter = client.get("document/cut", params={**GUIDE, **chunker, "only": "html"}).json()
    assert lighter == {key: value for key, value in cut.items() if key != "chunks"}
    config = from_mapping(_with_a_source(YAML(typ="safe").load(cut["yaml"])), Path.cwd()).config
    assert config.sources["guide"].chunker == preview.chunker


def _with_a_source(value: dict[str, Any]) -> dict[str, Any]:
    value["sources"]["guide"] |= {"type": "files", "path": "guide"}
    return value


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"chunker": "token", "size": "nonsense"}, "size"),
        ({"chunker": "token", "size": "0"}, "size"),
        ({"chunker": "token", "size": "10", "overlap": "9"}, "overlap"),
        ({"chunker": "<script>"}, "There is no chunker"),
        ({"id": "gone.pdf"}, "is indexed"),
        ({"source": "nowhere"}, "is indexed"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_a_sentence(client: httpx.Client, settings: dict[str, str], said: str) -> None:
    answer = client.get("document/cut", params={**GUIDE, **settings})
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    page = client.get("document", params={**GUIDE, **settings}).text
    assert said in page and "<script>" not in page


def test_no_file_of_this_machine_is_shown(client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("a secret of this machine")
    for source in ("guide", ""):
        given = {"source": source, "id": str(tmp_path / "secret.md"), "chunker": "token"}
        for page in ("document", "document/cut"):
            answer = client.get(page, params=given)
            assert answer.status_code == 400 and "a secret of this machine" not in answer.text


def test_a_long_document_is_drawn_in_parts_that_keep_the_cut(client: httpx.Client) -> None:
    given = {"source": "long", "id": "long.txt", "chunker": "token", "size": "300"}
    first = client.get("document", params=given).text
    address = html.unescape(re.search(r'rel="next" href="([^"]+)"', first)[1])  # type: ignore[index]
    assert "chunker=token" in address and "size=300" in address
    second = client.get(f"{client.base_url.copy_with(raw_path=address.encode())}").text
    numbers = [[int(n) for n in re.findall(r'id="chunk-(\d+)"', page)] for page in (first, second)]
    assert numbers[0][0] == 1 and numbers[1][0] == numbers[0][-1] + 1
    at = re.search(r'name="at" value="(\d+)"', second)
    assert at and f'data-start="{at[1]}"' in second and 'name="at"' not in first
    last = numbers[1][-1]
    assert f'id="chunk-{last}"' in client.get("document", params={**given, "chunk": last}).text


# --- search ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, {}),
        ({"as": "operator", "q": "goodwill for a late parcel"}, {"groups": ALL_GROUPS}),
        ({"as": "groups", "groups": "agents, others", "q": "goodwill"}, {"groups": frozenset({"agents", "others"})}),
        ({"filters": "source=help-centre"}, {"filters": {"source": {"eq": "help-centre"}}}),
        ({"filters": '{"or": [{"source": "faq"}, {"price": {"lt": 100}}]}'},
         {"filters": {"or": [{"source": "faq"}, {"price": {"lt": 100}}]}}),
        ({"fusion": "rrf", "top_k": "3", "per_document": "0"}, {"fusion": "rrf", "top_k": 3, "per_document": None}),
        ({"keyword_weight": "0", "diversity": "0.4"}, {"keyword_weight": 0, "diversity": 0.4}),
        ({"vector_weight": "0"}, {"vector_weight": 0}),
    ],
    ids=lambda value: "+".join(value) or "plain",  # no set in a name: its order differs from process to process
)  # fmt: skip
def test_the_columns_are_the_traces(
    client: httpx.Client, shelf: Shelf, given: dict[str, str], options: dict[str, Any]
) -> None:
    page = client.get("search", params={"q": QUESTION, "all": "1", **given}).text
    trace = shelf.searcher.trace(given.get("q", QUESTION), **options)
    wanted: dict[str, dict[int, float]] = {
        "keywords": dict(trace.keywords),
        "vectors": dict(trace.vectors[0]) if trace.vectors else {},
        "fused": dict(trace.fused),
    }
    for name, scores in wanted.items():
        found = entries(page, name)
        assert {chunk: shown for _, chunk, shown in found} == {key: score(value) for key, value in scores.items()}
        assert [rank for rank, *_ in found] == list(range(1, len(scores) + 1))
        ordered = [scores[chunk] for _, chunk, _ in found]
        assert ordered == sorted(ordered, reverse=True)
    assert [shown for *_, shown in entries(page, "hits")] == [score(hit.score) for hit in trace.hits]
    shown = plain(page)
    for hit in trace.hits:
        assert str(hit.why) in shown
    for reason in set(trace.dropped.values()):
        assert reason in shown


def test_the_ranks_of_the_columns_are_those_of_the_reasons(client: httpx.Client, shelf: Shelf) -> None:
    page = client.get("search", params={"q": QUESTION, "all": "1"}).text
    columns = {name: {chunk: rank for rank, chunk, _ in entries(page, name)} for name in ("keywords", "vectors")}
    hits = shelf.search(QUESTION)
    for hit, (_, chunk, _) in zip(hits, entries(page, "hits"), strict=True):
        assert columns["keywords"].get(chunk) == hit.why.keyword_rank
        assert columns["vectors"].get(chunk) == hit.why.vector_rank


def test_a_viewer_without_groups_finds_nothing_restricted(client: httpx.Client) -> None:
    public = client.get("search", params={"q": "goodwill for a late parcel", "all": "1"}).text
    assert "source=runbook" not in public
    assert "source=runbook" in client.get("search", params={"q": "goodwill for a late parcel", "as": "operator"}).text


@pytest.mark.parametrize(
    "given",
    [
        {"filters": "{nonsense"},
        {"filters": "nonsense"},
        {"filters": '{"price": {"sideways": 3}}'},
        {"top_k": "9999"},
        {"keyword_weight": "0", "vector_weight": "0"},
        {"fusion": "<script>alert(1)</script>"},
    ],
    ids=str,
)
def test_a_wrong_search_is_a_sentence_beside_its_form(client: httpx.Client, given: dict[str, str]) -> None:
    answer = client.get("search", params={"q": QUESTION, **given})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text and f'value="{QUESTION}"' in answer.text
    assert "<script>alert" not in answer.text


def test_a_miss_is_explained_and_a_wrong_id_finds_the_right_one(client: httpx.Client, shelf: Shelf) -> None:
    asked = {"q": QUESTION, "why": "en/gift-cards.md", "filters": "source=help-centre"}
    shown = plain(client.get("search", params=asked).text)
    explained = shelf.explain("en/gift-cards.md", QUESTION, filters={"source": "help-centre"})
    assert all(line in shown for line in str(explained).splitlines())
    hidden = plain(client.get("search", params={"q": QUESTION, "why": "goodwill.md", "why_source": "runbook"}).text)
    assert "Only agents may see it" in hidden
    wrong = client.get("search", params={"q": QUESTION, "why": "gift-cards"}).text
    assert "Did you mean" in wrong and "why=en%2Fgift-cards.md" in wrong


def test_an_empty_search_is_a_form(client: httpx.Client) -> None:
    page = client.get("search").text
    assert 'name="q"' in page and "data-list" not in page


# --- costs, health, errors ------------------------------------------------------------------------


def test_costs_add_up(client: httpx.Client, shelf: Shelf) -> None:
    for by in ("day", "source", "model", "conversation"):
        shown = plain(client.get("costs", params={"by": by}).text)
        for line in shelf.costs(by=by):  # type: ignore[arg-type]
            assert f"{line.key or '(none)'} {line.calls:,} {line.input_tokens:,}" in shown
    assert "1 call of a model without a price" in shown
    assert client.get("costs?by=moon").status_code == 200


def test_health_is_the_doctors(client: httpx.Client, shelf: Shelf) -> None:
    assert "Look now" in client.get("health").text
    shown = plain(client.get("health?run=1").text)
    for finding in shelf.doctor():
        if finding.subject.startswith("source"):
            assert f"{finding.subject} {finding.detail}" in shown


def test_a_page_that_is_not_there_says_so(client: httpx.Client) -> None:
    for path in ("nonsense", "static/nonsense.js", "static/../app.py", "static/%2e%2e/app.py"):
        answer = client.get(path)
        assert answer.status_code == 404 and "There is no such page" in answer.text


def test_an_error_that_nobody_expected_says_nothing_of_itself(
    live: Inspected, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(live.shelf, "status", fail)
    answer = client.get("")
    assert answer.status_code == 500
    assert "RuntimeError" in answer.text and "a secret" not in answer.text


# --- what documents may not do --------------------------------------------------------------------


def test_a_hostile_document_is_text_on_every_page(client: httpx.Client) -> None:
    given = {"source": "odd", "id": HOSTILE_ID}
    pages = [
        client.get("documents", params={"source": "odd"}).text,
        client.get("document", params=given).text,
        client.get("document/cut", params={**given, "chunker": "token"}).json()["html"],
        client.get("search", params={"q": "zyzzyva <script>alert(1)</script>", "why": HOSTILE_ID, "all": "1"}).text,
    ]
    for page in pages:
        assert "&lt;" in page
        assert not re.search(r"<script(?! type=\"module\" src=\"/inspect/static/)", page)
        assert "<img" not in page and "<b>bold" not in page
        assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x00-\x08]", page)
        assert " style=" not in page and " onclick=" not in page
