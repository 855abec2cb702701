"""What the ``google-drive`` connector makes of documents, spreadsheets, presentations and files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import Delete, Failed, SourceDocument, Upsert
from connectors.google_drive.docs import markdown_of, without_images
from connectors.google_drive.state import pack, unpack
from tests.connectors.conformance import Shelf, fresh
from tests.connectors.fakes.google import GoogleFake
from tests.connectors.fakes.google_items import SLIDES, Grid, Tab, permission
from tests.connectors.fakes.google_world import DriveWorld, serving, small_pages
from tests.connectors.fakes.server import Fault

pytestmark = pytest.mark.usefixtures("quick", "small")

POWERPOINT = "application/vnd.openxmlformats-officedocument.presentationml.presentation"


@pytest.fixture
def fake() -> Iterator[GoogleFake]:
    yield from serving()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch)


@pytest.fixture
def world(fake: GoogleFake) -> DriveWorld:
    return DriveWorld(fake)


def only(shelf: Shelf) -> SourceDocument:
    assert len(shelf.documents) == 1, (shelf.documents, shelf.failed, shelf.skipped)
    return next(iter(shelf.documents.values()))


def test_a_document_is_exported_as_markdown_without_its_pictures(world: DriveWorld) -> None:
    item = world.fake.doc("Returns", world.sub.id, "# Worn shoes\nKeep the box.")
    document = only(fresh(world))
    assert document.content.decode() == "# Worn shoes\n\nKeep the box."
    assert (document.id, document.title, document.media_type) == (item.id, "Returns", "text/markdown")
    assert document.url == item.link()
    assert document.metadata == {
        "drive": "My Drive",
        "folder": "Handbook/Sub",
        "folders": ["Handbook", "Sub"],
        "owner": "owner@corp.example",
        "mime_type": "application/vnd.google-apps.document",
        "modified": datetime.fromisoformat(item.modified),
        "created": datetime.fromisoformat(item.created),
    }
    assert document.metadata["modified"].tzinfo is not None


def test_a_document_with_tabs_has_all_of_them_with_their_titles(world: DriveWorld) -> None:
    item = world.fake.doc("Guide", world.root.id, "# Start\nFirst.", "Second.\n- a\n- b\nEnd.")
    item.tabs[0].children.append(Tab("Deeper", "Nested.", [Tab("Deepest", "Innermost.")]))
    text = only(fresh(world)).content.decode()
    assert text == (
        "# Tab 1\n\n## Start\n\nFirst.\n\n## Deeper\n\nNested.\n\n### Deepest\n\nInnermost.\n\n"
        "# Tab 2\n\nSecond.\n\n- a\n- b\n\nEnd."
    )


def test_a_single_tab_with_a_child_counts_as_several(world: DriveWorld) -> None:
    item = world.fake.doc("Guide", world.root.id, "First.")
    shelf = fresh(world)
    assert only(shelf).content == b"First."
    item.tabs[0].children.append(Tab("More", "Child."))
    world.fake.edit(item)
    shelf.sync(world)
    assert only(shelf).content.decode() == "# Tab 1\n\nFirst.\n\n## More\n\nChild."


def test_a_document_that_is_too_large_to_export_comes_from_the_docs_api(world: DriveWorld) -> None:
    world.fake.doc("Long", world.root.id, "# All\nWords.", large=True)
    assert only(fresh(world)).content.decode() == "# All\n\nWords."


def test_suggestions_are_not_asked_for(world: DriveWorld) -> None:
    world.fake.doc("Two", world.root.id, "One.", "Two.")
    fresh(world)
    modes = [r.one("suggestionsViewMode") for r in world.fake.asked if r.path.startswith("/v1/")]
    assert modes == [None, "PREVIEW_WITHOUT_SUGGESTIONS"]


def test_an_empty_document_is_left_out(world: DriveWorld) -> None:
    item = world.fake.doc("Blank", world.root.id, "")
    assert fresh(world).skipped == {item.id: "empty"}


def run(text: str, url: str | None = None) -> dict[str, Any]:
    return {"textRun": {"content": text, "textStyle": {"link": {"url": url}} if url else {}}}


def line(*elements: dict[str, Any], style: str = "NORMAL_TEXT", **more: Any) -> dict[str, Any]:
    return {"paragraph": {"elements": list(elements), "paragraphStyle": {"namedStyleType": style}, **more}}


def test_markdown_has_what_a_document_can_hold() -> None:
    def cell(text: str) -> dict[str, Any]:
        return {"content": [line(run(text + "\n"))]}

    nested = {"content": [{"table": {"tableRows": [{"tableCells": [cell("in"), cell("ner")]}]}}]}
    body = [
        {"sectionBreak": {}},
        {"tableOfContents": {"content": [line(run("Contents\n"))]}},
        line(run("Guide\n"), style="TITLE"),
        line(run("Part\n"), style="HEADING_2"),
        line(
            run("See "),
            run("the page", "https://x.org/a"),
            run(" or "),
            run("https://x.org", "https://x.org"),
            run("\n"),
        ),
        line(run("# no heading\n")),
        line(run("1. no list\n")),
        line(run("one\n"), bullet={"listId": "n"}),
        line(run("two\n"), bullet={"listId": "n", "nestingLevel": 1}),
        line(run("\n")),
        {"table": {"tableRows": [{"tableCells": [cell("a|b"), cell("c")]}, {"tableCells": [cell("d"), nested]}]}},
        {"table": {"tableRows": []}},
        line(
            {"person": {"personProperties": {"name": "Ann", "email": "ann@x.org"}}},
            run(" on "),
            {"dateElement": {"dateElementProperties": {"displayText": "1 May"}}},
            {"richLink": {"richLinkProperties": {"title": "Plan", "uri": "https://docs.google.com/d/1"}}},
            {"footnoteReference": {"footnoteId": "f1", "footnoteNumber": "1"}},
            {"inlineObjectElement": {"inlineObjectId": "i"}},
            run("\ue907 soft\x0bbreak\n"),
        ),
    ]
    levels = [{"glyphType": "DECIMAL"}, {"glyphSymbol": "-"}]
    tab = {
        "documentTab": {
            "body": {"content": body},
            "lists": {"n": {"listProperties": {"nestingLevels": levels}}},
            "footnotes": {"f1": {"content": [line(run(" The note.\n"))]}},
        }
    }
    assert markdown_of({"tabs": [tab]}) == "\n".join(
        [
            "# Guide\n",
            "## Part\n",
            "See [the page](https://x.org/a) or https://x.org\n",
            "\\# no heading\n",
            "1\\. no list\n",
            "1. one",
            "    - two\n",
            "| a\\|b | c |",
            "| --- | --- |",
            "| d | in ner |\n",
            "Ann on 1 May[Plan](https://docs.google.com/d/1)[1] soft",
            "break\n",
            "[1] The note.",
        ]
    )


def test_pictures_leave_an_export_and_their_descriptions_stay() -> None:
    text = "A ![A boot][image1] b ![](data:image/png;base64,AAAA)\n\n[image1]: <data:image/png;base64,AAAA>\n"
    assert without_images(text) == "A A boot b"


def test_rows_of_all_visible_tabs_are_documents(world: DriveWorld) -> None:
    item = world.fake.sheet(
        "Prices",
        world.root.id,
        Grid("It's 2026", [["sku", "name", "price"], ["A1", "Boot", 10.5], [], ["A2", "Shoe", True, "", "note"]], id=5),
        Grid("Chart", [], id=6, kind="OBJECT"),
        Grid("Hidden", [["a"], ["b"]], id=7, hidden=True),
        Grid("More", [["name"], *([f"n{number}"] for number in range(9))], id=8),
        Grid("Bare", [["only", "a header"]], id=9),
    )
    shelf = fresh(world)
    assert set(shelf.documents) == {f"{item.id}:5:2", f"{item.id}:5:4", *(f"{item.id}:8:{n}" for n in range(2, 11))}
    boot = shelf.documents[f"{item.id}:5:2"]
    assert (boot.content.decode(), boot.media_type, boot.title) == (
        "sku: A1\nname: Boot\nprice: 10.5",
        "text/x-row",
        "Boot",
    )
    assert boot.url == f"{item.link()}#gid=5&range=2:2"
    assert (boot.metadata["file"], boot.metadata["sheet"], "modified" in boot.metadata) == (
        "Prices",
        "It's 2026",
        False,
    )
    assert shelf.documents[f"{item.id}:5:4"].content.decode().endswith("price: TRUE\ncolumn_5: note")
    assert {f"{item.id}:7:2"} < set(fresh_with(world, hidden_sheets=True).documents)


def fresh_with(world: DriveWorld, **options: Any) -> Shelf:
    world.options |= options
    return fresh(world)


def test_a_key_keeps_rows_apart_wherever_they_stand(world: DriveWorld) -> None:
    rows = [["sku", "name"], ["A1", "Boot"], ["A2", "Shoe"], ["A1", "Again"], ["", "Nameless"]]
    item = world.fake.sheet("Book", world.root.id, Grid("One", rows), Grid("Other", [["n"], ["x"]], id=3))
    shelf = fresh_with(world, key="sku")
    assert set(shelf.documents) == {f"{item.id}:0:A1", f"{item.id}:0:A2", f"{item.id}:3:2"}
    assert set(shelf.failed) == {f"{item.id}:0:?4", f"{item.id}:0:?5"}
    assert "already used at Book, sheet 'One', row 2" in shelf.failed[f"{item.id}:0:?4"]
    before = shelf.versions
    item.grids[0].rows = [rows[0], ["B1", "New"], rows[2], rows[1]]
    world.fake.edit(item)
    seen = shelf.sync(world)
    assert before.items() < shelf.versions.items()
    assert set(shelf.versions) - set(before) == {f"{item.id}:0:B1"}
    assert not shelf.failed
    assert {change.id for change in seen if isinstance(change, Delete)} == {f"{item.id}:0:?4", f"{item.id}:0:?5"}


def test_an_edit_of_one_row_changes_one_document(world: DriveWorld) -> None:
    item = world.fake.sheet("Book", world.root.id, Grid("One", [["n"], *([f"v{number}"] for number in range(8))]))
    shelf = fresh(world)
    before = shelf.versions
    item.grids[0].rows[3] = ["edited"]
    item.grids[0].rows.pop()
    world.fake.edit(item)
    shelf.sync(world)
    after = shelf.versions
    assert {name for name in after if before[name] != after[name]} == {f"{item.id}:0:4"}
    assert set(before) - set(after) == {f"{item.id}:0:9"}


def test_a_spreadsheet_can_be_a_table_for_each_tab(world: DriveWorld) -> None:
    item = world.fake.sheet("Book", world.root.id, Grid("A & B", [["n", "m"], ["<x>", 1], ["y"]], id=4), Grid("E", []))
    document = only(fresh_with(world, sheets="table"))
    assert (document.id, document.title, document.media_type) == (f"{item.id}:4", "Book: A & B", "text/html")
    assert document.content.decode() == (
        "<h1>A &amp; B</h1>\n<table>\n<tr><th>n</th><th>m</th></tr>\n"
        "<tr><td>&lt;x&gt;</td><td>1</td></tr>\n<tr><td>y</td><td></td></tr>\n</table>\n"
    )


def test_a_spreadsheet_with_too_many_rows_is_left_out_as_a_whole(world: DriveWorld) -> None:
    item = world.fake.sheet("Book", world.root.id, Grid("One", [["n"], ["a"], ["b"]]))
    shelf = fresh_with(world, max_rows=2)
    assert len(shelf.documents) == 2
    item.grids[0].rows.append(["c"])
    world.fake.edit(item)
    shelf.sync(world)
    assert not shelf.documents
    assert shelf.skipped == {item.id: "too many rows"}


def test_a_csv_file_becomes_rows_too(world: DriveWorld) -> None:
    item = world.fake.blob("prices.csv", world.root.id, "sku;name\nA1;Boot\nA2;Shoe\n", "application/octet-stream")
    shelf = fresh_with(world, key="sku")
    assert set(shelf.documents) == {f"{item.id}:csv:A1", f"{item.id}:csv:A2"}
    item.content = b'sku;name\nA1;Boot\nA2;"Shoe\nA3;Hat\n'
    world.fake.edit(item)
    shelf.sync(world)
    assert set(shelf.documents) == {f"{item.id}:csv:A1", f"{item.id}:csv:A2"}
    assert any("never closed" in error for error in shelf.failed.values())
    item.content = b"sku;name\nA1;Boot\n"
    world.fake.edit(item)
    shelf.sync(world)
    assert set(shelf.documents) == {f"{item.id}:csv:A1"}
    assert not shelf.failed


def test_slides_keep_their_order_titles_and_notes_in_their_own_format(world: DriveWorld) -> None:
    small = world.fake.add("Deck", SLIDES, world.root.id, content=b"slides")
    large = world.fake.add("Pictures", SLIDES, world.root.id, content=b"words", large=True)
    shelf = fresh(world)
    assert (shelf.documents[small.id].media_type, shelf.documents[small.id].filename) == (POWERPOINT, "Deck.pptx")
    assert (shelf.documents[large.id].media_type, shelf.documents[large.id].content) == ("text/plain", b"words")


@pytest.mark.parametrize(
    ("name", "mime", "media_type"),
    [
        ("a.pdf", "application/pdf", "application/pdf"),
        (
            "a.docx",
            "application/octet-stream",
            POWERPOINT.replace("presentationml.presentation", "wordprocessingml.document"),
        ),
        ("a.md", "text/plain", "text/markdown"),
        ("noext", "text/html", "text/html"),
        ("a.eml", "message/rfc822", "message/rfc822"),
        ("a.jpg", "image/jpeg", "image/jpeg"),
        ("a.txt", "text/plain", "text/plain"),
    ],
)
def test_files_are_read_by_type_and_name(world: DriveWorld, name: str, mime: str, media_type: str) -> None:
    world.fake.blob(name, world.root.id, "content", mime)
    assert only(fresh(world)).media_type == media_type


def test_front_matter_may_narrow_who_reads_and_not_widen(world: DriveWorld) -> None:
    text = (
        "---\ntitle: Own title\nlanguage: fr\nreaders: ['google-user:ann@corp.example', everyone]\ntopic: x\n---\nWords"
    )
    item = world.fake.blob("a.md", world.root.id, text, "text/markdown")
    document = only(fresh(world))
    assert (document.content, document.title, document.language) == (b"Words", "Own title", "fr")
    assert document.readers == {"google-user:ann@corp.example"}
    assert document.metadata["topic"] == "x"
    item.content = b"---\ntitle: [a\n---\nWords"
    world.fake.edit(item)
    assert "front matter" in next(iter(fresh(world).failed.values()))


def test_a_conversation_is_one_and_other_json_is_left_out(world: DriveWorld) -> None:
    world.fake.blob("t.json", world.root.id, '{"turns": [{"role": "customer", "text": "Hi"}]}', "application/json")
    other = world.fake.blob("o.json", world.root.id, "{}", "application/json")
    shelf = fresh(world)
    assert only(shelf).media_type == "application/x-conversation+json"
    assert shelf.skipped == {other.id: "no conversation"}


def test_a_file_that_changes_while_it_is_read_is_read_again(world: DriveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    item = world.fake.blob("a.txt", world.root.id, "one")
    get, edits = world.fake._get, iter(["two"])

    def racing(name: str, request: Any) -> Any:
        if request.one("alt") == "media" and (text := next(edits, None)):
            item.content = text.encode()
            world.fake.edit(item)
        return get(name, request)

    monkeypatch.setattr(world.fake, "_get", racing)
    shelf = fresh(world)
    assert shelf.texts == ["two"]
    assert not any(isinstance(change, Upsert) for change in shelf.sync(world))


def test_an_export_that_stays_a_web_page_is_a_failure(world: DriveWorld) -> None:
    item = world.fake.doc("a", world.root.id, "one")
    world.fake.break_next(*[Fault("html", path="/export")] * 3)
    shelf = fresh(world)
    assert shelf.failed == {item.id: "Google answered an export with a web page."}
    shelf.sync(world)
    assert shelf.texts == ["one"]


def test_a_file_that_goes_to_the_trash_while_it_is_read_leaves(
    world: DriveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = world.fake.blob("a.txt", world.root.id, "one")
    shelf = fresh(world)
    world.fake.edit(item)
    get = world.fake._get

    def racing(name: str, request: Any) -> Any:
        if request.one("alt") == "media":
            item.content = b"other"
            item.trashed = True
        return get(name, request)

    item.content = b"two"
    monkeypatch.setattr(world.fake, "_get", racing)
    shelf.sync(world)
    assert not shelf.documents
    assert not shelf.failed


def test_a_file_that_fails_is_tried_again_and_keeps_its_old_text(world: DriveWorld) -> None:
    items = [world.fake.blob(f"{name}.txt", world.root.id, "one") for name in "abc"]
    shelf = fresh(world)
    for item in items:
        item.content = b"two"
        world.fake.edit(item)
    bad = items[1]
    world.fake.break_next(*[Fault("error", 500, path=f"/files/{bad.id}")] * 5)
    seen = shelf.sync(world)
    assert shelf.texts == ["one", "two", "two"]
    failed = [change for change in seen if isinstance(change, Failed)]
    assert [(change.id, change.title, change.url, change.step) for change in failed] == [
        (bad.id, "b.txt", bad.link(), "fetch")
    ]
    assert "status 500" in failed[0].error
    shelf.sync(world)
    assert shelf.texts == ["two", "two", "two"]
    assert not shelf.failed


def test_a_file_that_fails_leaves_where_its_readers_changed(world: DriveWorld) -> None:
    item = world.fake.blob("a.txt", world.root.id, "one")
    shelf = fresh(world)
    world.fake.share(item, permission("user", "new@corp.example"))
    world.fake.break_next(*[Fault("error", 500, path=f"/files/{item.id}")] * 5)
    shelf.sync(world)
    assert not shelf.documents
    assert set(shelf.failed) == {item.id}
    shelf.sync(world)
    assert len(shelf.documents) == 1


def test_many_failing_files_do_not_stop_the_others_while_drive_itself_answers(world: DriveWorld) -> None:
    items = [world.fake.blob(f"{number}.txt", world.root.id, "one") for number in range(7)]
    for item in items[:6]:
        world.fake.break_next(*[Fault("error", 500, path=f"/files/{item.id}")] * 5)
    shelf = fresh(world)
    assert len(shelf.failed) == 6
    assert len(shelf.documents) == 1
    shelf.sync(world)
    assert len(shelf.documents) == 7


def test_suffixes_are_packed_and_come_back() -> None:
    suffixes = ["", "0:2", "0:3", "0:5", "7:1", "0:A1", "csv:key:with:colons", "0:007", "0:?4", "8"]
    packed = pack(suffixes)
    assert sorted(unpack(packed)) == sorted(suffixes)
    assert pack(f"0:{number}" for number in range(2, 50_000)) == ["0:2-49999"]


def test_times_are_utc(world: DriveWorld) -> None:
    world.put("doc0", "Zero.")
    created = only(fresh(world)).metadata["created"]
    assert isinstance(created, datetime)
    assert created.astimezone(UTC) == created
