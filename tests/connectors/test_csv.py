"""The ``csv`` connector on real files and a real web server: identity, groups, failures, what it resumes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from openpyxl import Workbook
from pydantic import ValidationError

from configs.errors import ConfigError, ConnectorError
from connectors.contract import Change, Checkpoint, Complete, Failed, SourceDocument, Upsert
from connectors.csv import CsvOptions, Tables
from tests.connectors.conformance import Shelf
from tests.connectors.web import Answer, Web

PRODUCTS = "sku,name,price\nA1,Boot,10\nA2,Shoe,20\n"


def source(folder: Path, **options) -> Tables:
    if "url" not in options:
        options.setdefault("path", "t.csv")
    return Tables("rows", CsvOptions.model_validate(options), base_dir=folder)


def put(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def crawl(folder: Path, **options) -> Shelf:
    shelf = Shelf()
    shelf.apply(source(folder, **options).changes(None))
    return shelf


def upserts(changes: list[Change]) -> dict[str, SourceDocument]:
    return {change.document.id: change.document for change in changes if isinstance(change, Upsert)}


def test_a_row_becomes_a_document(tmp_path: Path) -> None:
    put(tmp_path, PRODUCTS)
    document = crawl(tmp_path, key="sku").documents["A1"]
    assert document.content.decode() == "sku: A1\nname: Boot\nprice: 10"
    assert (document.media_type, document.title, document.url) == ("text/x-row", "Boot", None)


def test_templates_make_title_text_and_link(tmp_path: Path) -> None:
    put(tmp_path, 'sku,name,text\n"a/1 b",Boot {x},"{name} & é"\n')
    options = {"title": "{name} ({ sku })", "text": "{{{text}}}", "url_template": "https://x.org/{sku}?q={text}"}
    document = crawl(tmp_path, key="sku", **options).documents["a/1 b"]
    assert document.title == "Boot {x} (a/1 b)"
    assert document.content.decode() == "{{name} & é}"  # a value's own braces stay what they are
    assert document.url == "https://x.org/a%2F1%20b?q=%7Bname%7D%20%26%20%C3%A9"


@pytest.mark.parametrize("options", [{"key": "sku"}, {"key": ["sku", "name"]}, {}, {"group_by": "sku"}])
def test_the_order_of_rows_does_not_matter(tmp_path: Path, options: dict[str, str]) -> None:
    put(tmp_path, PRODUCTS + "A1,Boot,10\n" * (not options))
    before = crawl(tmp_path, **options)
    put(tmp_path, "sku,name,price\nA2,Shoe,20\nA1,Boot,10\n" + "A1,Boot,10\n" * (not options))
    assert crawl(tmp_path, **options).versions == before.versions


def test_equal_rows_without_a_key_are_kept_apart(tmp_path: Path) -> None:
    put(tmp_path, "a\nx\nx\ny\n")
    assert crawl(tmp_path).texts == ["a: x", "a: x", "a: y"]


def test_keys_of_several_columns_cannot_collide(tmp_path: Path) -> None:
    put(tmp_path, "a,b\nx | y,z\nx,y | z\n,z\n")
    assert set(crawl(tmp_path, key=["a", "b"]).documents) == {"x || y | z", "x | y || z", " | z"}


def test_a_key_used_twice_or_empty_is_a_named_failure(tmp_path: Path) -> None:
    put(tmp_path, PRODUCTS + "A1,Again,1\n,Nameless,2\n")
    shelf = crawl(tmp_path, key="sku")
    assert set(shelf.documents) == {"A1", "A2"}
    assert shelf.documents["A1"].title == "Boot"
    assert shelf.failed == {
        "t.csv, line 4": "t.csv, line 4: its key 'A1' was already used at t.csv, line 2.",
        "t.csv, line 5": "t.csv, line 5: its key column is empty.",
    }


def test_a_long_key_is_cut_and_stays_unique(tmp_path: Path) -> None:
    put(tmp_path, f"sku,n\n{'k' * 2000}1,a\n{'k' * 2000}2,b\n")
    names = crawl(tmp_path, key="sku").documents
    assert len(names) == 2
    assert all(len(name) <= 1000 for name in names)


def test_groups_join_their_rows_wherever_they_are(tmp_path: Path) -> None:
    put(tmp_path, 'ticket,text,tags,who\n1,Hello,a,x;y\n2,Bye,b,x\n1,World,"b,a",y;z\n')
    options = {"group_by": "ticket", "text": "{text}", "metadata": {"tags": "list"}, "readers": "who"}
    shelf = crawl(tmp_path, **options)
    first = shelf.documents["1"]
    assert first.content.decode() == "Hello\n\nWorld"
    assert (first.title, first.metadata, first.readers) == ("1", {"tags": ["a", "b"]}, frozenset({"y"}))


def test_one_bad_row_fails_its_group_and_no_other(tmp_path: Path) -> None:
    put(tmp_path, "g,n\na,1\na,x\nb,2\n,3\na,y\n")
    shelf = crawl(tmp_path, group_by="g", metadata={"n": "int"})
    assert set(shelf.documents) == {"b"}
    assert shelf.failed["a"] == "t.csv, line 3: column 'n': 'x' is no int."
    assert "group_by column is empty" in shelf.failed["t.csv, line 5"]


def test_rows_that_do_not_fit_are_named(tmp_path: Path) -> None:
    put(tmp_path, 'sku,n\nA,1\nB\nC,3,4\nD,4,,\nE,x"y\nF,"x"y\n')
    shelf = crawl(tmp_path, key="sku")
    assert {"A", "D", "E"} == set(shelf.documents)
    assert "it has 1 cells where the header has 2" in shelf.failed["B"]
    assert "it has 3 cells where the header has 2" in shelf.failed["C"]
    assert "quotes are malformed" in shelf.failed["t.csv, line 7"]


def test_a_failed_row_keeps_the_old_version_of_its_document(tmp_path: Path) -> None:
    put(tmp_path, PRODUCTS)
    shelf = crawl(tmp_path, key="sku", metadata={"price": "int"})
    put(tmp_path, PRODUCTS.replace("10", "ten"))
    shelf.apply(source(tmp_path, key="sku", metadata={"price": "int"}).changes(shelf.cursor))
    assert "price: 10" in shelf.documents["A1"].content.decode()
    assert "'ten' is no int" in shelf.failed["A1"]


def test_a_lost_quote_deletes_nothing_and_is_tried_again(tmp_path: Path) -> None:
    put(tmp_path, "sku,name\nA1,x\nA2,y\nA3,z\n")
    shelf = crawl(tmp_path, key="sku")
    put(tmp_path, 'sku,name\nA1,x\nA2,"y\nA3,z\n')
    for _ in range(2):
        seen = shelf.apply(source(tmp_path, key="sku").changes(shelf.cursor))
        assert not any(isinstance(change, Complete) for change in seen)
        assert "never closed" in next(iter(shelf.failed.values()))
        assert set(shelf.documents) == {"A1", "A2", "A3"}
    put(tmp_path, "sku,name\nA1,x\n")
    shelf.apply(source(tmp_path, key="sku").changes(shelf.cursor))
    assert set(shelf.documents) == {"A1"}


def test_a_table_that_did_not_change_yields_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, PRODUCTS)
    cursor = crawl(tmp_path, key="sku").cursor
    assert [type(change) for change in source(tmp_path, key="sku").changes(cursor)] == [Checkpoint]
    path.touch()
    assert [type(change) for change in source(tmp_path, key="sku").changes(cursor)] == [Checkpoint]


def test_times_alone_tell_that_an_old_file_did_not_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.table_files._RACY_NS", -(10**18))
    path = put(tmp_path, PRODUCTS)
    cursor = crawl(tmp_path, key="sku").cursor
    monkeypatch.setattr("connectors.table_files.TableFiles._copy", lambda *_: pytest.fail("was read"))
    assert [type(change) for change in source(tmp_path, key="sku").changes(cursor)] == [Checkpoint]
    monkeypatch.undo()
    path.write_text(PRODUCTS.replace("Boot", "Boat"))
    assert upserts(list(source(tmp_path, key="sku").changes(cursor)))["A1"].title == "Boat"


def test_an_interrupted_run_goes_on_behind_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.csv._CHECKPOINT", 10)
    put(tmp_path, "sku\n" + "".join(f"k{n}\n" for n in range(25)))
    changes = list(source(tmp_path, key="sku").changes(None))
    cursor = next(change.cursor for change in changes if isinstance(change, Checkpoint))
    rest = list(source(tmp_path, key="sku").changes(cursor))
    assert list(upserts(rest)) == [f"k{n}" for n in range(10, 25)]
    assert rest[-2] == Complete(frozenset(f"k{n}" for n in range(25)))
    put(tmp_path, "sku\n" + "".join(f"k{n}\n" for n in range(24)))
    assert len(upserts(list(source(tmp_path, key="sku").changes(cursor)))) == 24


def test_several_files_are_one_listing(tmp_path: Path) -> None:
    put(tmp_path, PRODUCTS, "a.csv")
    put(tmp_path, "sku;name;price\nB1;Hat;5\nA1;Twice;6\n", "b.csv")
    shelf = crawl(tmp_path, path=["b.csv", "*.csv"], key="sku")
    assert {name: document.metadata["file"] for name, document in shelf.documents.items()} == {
        "B1": "b.csv",
        "A1": "b.csv",
        "A2": "a.csv",
    }
    assert "was already used at b.csv, line 3" in shelf.failed["a.csv, line 2"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"path": "none.csv"}, ConnectorError, "There is no file"),
        ({"path": "*.xls"}, ConnectorError, "There is no file"),
        ({"path": "."}, ConnectorError, "is a folder"),
        ({"max_bytes": 5}, ConnectorError, "larger than max_bytes"),
        ({"max_rows": 1}, ConnectorError, "more than 1 rows"),
        ({"header_row": 9}, ConnectorError, "no header in row 9"),
        ({"key": "SKU"}, ConfigError, "no column 'SKU', which `key` names"),
        ({"group_by": ["sku", "x"]}, ConfigError, "which `group_by` names"),
        ({"metadata": {"x": "int"}}, ConfigError, "which `metadata` names"),
        ({"readers": "x"}, ConfigError, "which `readers` names"),
        ({"title": "{x}"}, ConfigError, "which `title` names"),
        ({"text": "{x}"}, ConfigError, "which `text` names"),
        ({"url_template": "{x}"}, ConfigError, "which `url_template` names"),
        ({"sheet": "Prices"}, ConfigError, "no XLSX workbook"),
    ],
)
def test_what_cannot_be_read_is_one_error(tmp_path: Path, options: dict, error: type, message: str) -> None:
    put(tmp_path, PRODUCTS)
    with pytest.raises(error, match=message):
        list(source(tmp_path, **options).changes(None))
    if "max_rows" not in options:
        reachable = source(tmp_path, **options).check()
        assert not reachable.ok
        assert message in reachable.detail


def test_check_names_the_columns(tmp_path: Path) -> None:
    put(tmp_path, PRODUCTS)
    reachable = source(tmp_path, key="sku").check()
    assert reachable.ok
    assert "columns: sku, name, price" in reachable.detail


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give either path or url"),
        ({"path": "a", "url": "https://x.org/a"}, "give either path or url"),
        ({"path": [" "]}, "path is empty"),
        ({"path": "a", "redirect_hosts": ["x"]}, "go with url"),
        ({"path": "a", "key": "k", "group_by": "g"}, "either key or group_by"),
        ({"path": "a", "delimiter": "||"}, "one character"),
        ({"path": "a", "delimiter": '"'}, "one character"),
        ({"path": "a", "encoding": "klingon"}, "no text encoding"),
        ({"path": "a", "encoding": "zlib"}, "no text encoding"),
        ({"path": "a", "title": "{name"}, "without its partner"),
        ({"path": "a", "header_row": 0}, "greater than or equal to 1"),
        ({"path": "a", "metadata": {"a": {"type": "int", "as": "x"}, "x": "int"}}, "two columns become"),
        ({"path": "a", "metadata": {"source": "str"}}, "cannot be a metadata key"),
        ({"path": "a", "metadata": {"a": {"as": "_x"}}}, "cannot be a metadata key"),
        ({"path": "a", "metadata": {"a": {"type": "int", "format": "%d"}}}, "format goes with"),
        ({"url": "ftp://x.org/a"}, "starts with https"),
        ({"url": "http://x.org/a"}, "use https"),
        ({"url": "https://me:pw@x.org/a"}, "no user or password"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        CsvOptions.model_validate(options)
    assert "pw@" not in str(caught.value.errors(include_input=False))


def test_a_url_is_asked_again_with_what_it_said_before(tmp_path: Path, web: Web) -> None:
    web.serve("/t.csv", Answer(body=PRODUCTS.encode(), conditional=True))
    options = {"url": f"{web.url}/t.csv?token=s3cret", "key": "sku"}
    shelf = crawl(tmp_path, **options)
    assert set(shelf.documents) == {"A1", "A2"}
    assert [type(change) for change in source(tmp_path, **options).changes(shelf.cursor)] == [Checkpoint]
    assert [asked.status for asked in web.asked] == [200, 304]
    web.serve("/t.csv", Answer(body=PRODUCTS.encode()))  # no ETag any more, the same bytes
    assert [type(change) for change in source(tmp_path, **options).changes(shelf.cursor)] == [Checkpoint]
    assert "s3cret" not in source(tmp_path, **options).check().detail


def test_an_interrupted_run_over_http_does_not_trust_the_etag(tmp_path: Path, web: Web, monkeypatch) -> None:
    monkeypatch.setattr("connectors.csv._CHECKPOINT", 1)
    web.serve("/t.csv", Answer(body=PRODUCTS.encode(), conditional=True))
    changes = list(source(tmp_path, url=f"{web.url}/t.csv", key="sku").changes(None))
    first = next(change.cursor for change in changes if isinstance(change, Checkpoint))
    assert set(upserts(list(source(tmp_path, url=f"{web.url}/t.csv", key="sku").changes(first)))) == {"A2"}


def test_the_servers_media_type_and_the_path_say_what_it_is(tmp_path: Path, web: Web) -> None:
    body = b"sku\tname\nA1\ta;b;c,d\n"
    web.serve("/export", Answer(body=body, headers={"Content-Type": "text/tab-separated-values; charset=utf-8"}))
    assert crawl(tmp_path, url=f"{web.url}/export", key="sku").documents["A1"].title == "a;b;c,d"
    book, out = Workbook(), io.BytesIO()
    book.active.append(["sku"])
    book.active.append(["X1"])
    book.save(out)
    web.serve("/book", Answer(body=out.getvalue()))
    assert set(crawl(tmp_path, url=f"{web.url}/book", key="sku").documents) == {"X1"}


def test_redirects_go_to_the_hosts_that_are_named_only(tmp_path: Path, web: Web) -> None:
    web.serve("/old", Answer(302, headers={"Location": "/t.csv"}))
    web.serve("/t.csv", Answer(body=PRODUCTS.encode()))
    assert len(crawl(tmp_path, url=f"{web.url}/old").documents) == 2
    web.serve("/away", Answer(302, headers={"Location": f"http://localhost:{web.port}/t.csv"}))
    with pytest.raises(ConnectorError, match="not one that this source may ask"):
        crawl(tmp_path, url=f"{web.url}/away")
    assert len(crawl(tmp_path, url=f"{web.url}/away", redirect_hosts=["localhost"]).documents) == 2


def test_a_redirect_into_the_own_network_is_refused(tmp_path: Path, web: Web) -> None:
    web.serve("/t.csv", Answer(302, headers={"Location": "https://169.254.169.254/latest/meta-data/"}))
    for hosts in ([], ["*"], ["169.254.169.254"]):
        with pytest.raises(ConnectorError, match=r"not public|not one that this source"):
            crawl(tmp_path, url=f"{web.url}/t.csv", redirect_hosts=hosts, allow_private_network=True)


def test_an_oversized_or_missing_url_is_one_error(tmp_path: Path, web: Web) -> None:
    web.serve("/t.csv", Answer(body=PRODUCTS.encode()))
    with pytest.raises(ConnectorError, match="more than 10 bytes"):
        crawl(tmp_path, url=f"{web.url}/t.csv", max_bytes=10)
    assert "404" in source(tmp_path, url=f"{web.url}/none.csv").check().detail


def test_rows_that_fail_carry_their_place(tmp_path: Path) -> None:
    put(tmp_path, "sku,n\nA,x\n")
    failed = [c for c in source(tmp_path, key="sku", metadata={"n": "int"}).changes(None) if isinstance(c, Failed)]
    assert [(change.id, change.step, change.title) for change in failed] == [("A", "row", "t.csv, line 2")]
