"""Markers become annotations, wherever the text was cut."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openshelf.server.contract import StoreHit
from openshelf.server.responses.reading import Reading
from retrieval.context import Source
from tests.retrieval.hits import REPAIR, RETURNS, SIZES, hit

HITS = [hit(text, f"doc{n}") for n, text in enumerate((RETURNS, REPAIR, SIZES), 1)]
SOURCES = {n: Source(n, one.start, one.end, one.text, None, (one,)) for n, one in enumerate(HITS, 1)}
FOUND = {one.chunk_id: StoreHit("vs_kb", f"file-{one.document_id}", one.title, {}, one.score, one) for one in HITS}

pieces = st.sampled_from(
    [
        "[1]",
        "[2]",
        " [3]",
        "[1, 2]",
        "【2】",
        "【3†a】",
        "[9]",
        "[",
        "]",
        " ",
        "\n",
        "`",
        "```",
        "a",
        "word. ",
        "[1",
        "é",
    ]
)


def read(parts: list[str], *, markers: bool = True) -> tuple[str, list[Any], Reading]:
    reading = Reading(SOURCES, FOUND, markers=markers)
    shown, found = "", []
    for part in parts:
        text, annotations = reading.feed(part)
        shown, found = shown + text, found + annotations
    text, annotations = reading.finish()
    return shown + text, found + annotations + (reading.tie() if reading.uncited else []), reading


@given(st.lists(pieces, max_size=12).map("".join), st.data())
def test_the_cut_of_the_deltas_does_not_matter(text: str, data: st.DataObject) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    cuts = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    shown, found, reading = read(cuts)
    assert (shown, found) == read([text])[:2]
    assert reading.part() == {"type": "output_text", "text": shown, "annotations": found, "logprobs": []}


@given(st.lists(pieces, max_size=12).map("".join))
def test_an_index_is_where_the_marker_stood(text: str) -> None:
    shown, found, reading = read([text])
    assert [one["index"] for one in found] == sorted(one["index"] for one in found)
    assert all(0 <= one["index"] <= len(shown) for one in found)
    marked = shown
    for one in reversed(found):
        marked = f"{marked[: one['index']]}{{{one['file_id']}}}{marked[one['index'] :]}"
    # Put back where the annotations say, the markers are in the order that the model wrote them in.
    again, order = marked, []
    while "{file-doc" in again:
        order.append(again[again.index("{file-doc") + 9])
        again = again.replace("{file-doc", "", 1)
    assert order == [str(int(one["file_id"][-1])) for one in found]
    assert reading.given == text


def test_the_blanks_in_front_of_a_marker_go_with_it() -> None:
    shown, found, _ = read(["[1] One [2], two [3].\n- three [1]\n\nfour `[1]` [2] "])
    assert shown == "One, two.\n- three\n\nfour `[1]`"
    assert [shown[: one["index"]].rpartition("\n")[2] for one in found] == [
        "",
        "One",
        "One, two",
        "- three",
        "four `[1]`",
    ]


def test_a_text_that_may_hold_no_markers_is_left_alone() -> None:
    shown, found, _ = read(['{"pages": [1], ', '"a": "[2]"}'], markers=False)
    assert shown == '{"pages": [1], "a": "[2]"}'
    assert found == []


def test_places_of_other_annotations_move_with_the_text() -> None:
    reading = Reading(SOURCES, FOUND, markers=True)
    text = "One [1] and the web [2] says two."
    reading.feed(text)
    start = text.index("the web")
    moved = reading.foreign(
        {"type": "url_citation", "start_index": start, "end_index": start + 7, "url": "u", "title": "t"}
    )
    reading.finish()
    assert reading.text[moved["start_index"] : moved["end_index"]] == "the web"
    assert moved in reading.part()["annotations"]
