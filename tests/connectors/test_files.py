"""The ``files`` connector on real folders: what it follows, what it skips, and what it never takes for deleted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from configs.errors import ConnectorError
from connectors.contract import Checkpoint, Complete, Failed, SourceDocument, Upsert
from connectors.files import Files, FilesOptions
from connectors.guard import MAX_ID
from tests.connectors.conformance import Shelf

LONG_AGO = 1_600_000_000


def source(root: Path, **options) -> Files:
    options.setdefault("path", ".")
    return Files("docs", FilesOptions.model_validate(options), base_dir=root)


def put(root: Path, name: str, content: str | bytes = "text", *, age: bool = False) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if age:
        os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def crawl(root: Path, **options) -> Shelf:
    shelf = Shelf()
    shelf.apply(source(root, **options).changes(None))
    return shelf


def document(root: Path, name: str, **options) -> SourceDocument:
    return crawl(root, **options).documents[name]


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as if every file's times were older than a coarse clock's tick."""
    monkeypatch.setattr("connectors.files.RACY_NS", -(10**18))


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    path = put(tmp_path, "a.txt", "one")
    shelf = crawl(tmp_path)
    monkeypatch.setattr("connectors.files.read_bytes", lambda *_, **__: pytest.fail("was read"))
    assert [type(change) for change in source(tmp_path).changes(shelf.cursor)] == [Checkpoint, Complete]
    monkeypatch.undo()
    settle(monkeypatch)
    path.write_text("two")
    shelf.apply(source(tmp_path).changes(shelf.cursor))
    assert shelf.texts == ["two"]


def test_a_file_as_young_as_its_reading_is_read_again_next_time(tmp_path: Path) -> None:
    path = put(tmp_path, "a.txt", "one")
    shelf = crawl(tmp_path)
    state = path.stat()
    path.write_text("two")  # the same size, and within the same tick of a coarse clock
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    shelf.apply(source(tmp_path).changes(shelf.cursor))
    assert shelf.texts == ["two"]


def test_an_edit_that_puts_the_old_time_and_size_back_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    path = put(tmp_path, "a.txt", "one", age=True)
    shelf = crawl(tmp_path)
    path.write_text("two")
    os.utime(path, (LONG_AGO, LONG_AGO))
    shelf.apply(source(tmp_path).changes(shelf.cursor))
    assert shelf.texts == ["two"]


def test_a_touched_file_is_read_and_not_yielded(tmp_path: Path) -> None:
    path = put(tmp_path, "a.txt", "one")
    shelf = crawl(tmp_path)
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert [type(change) for change in source(tmp_path).changes(shelf.cursor)] == [Checkpoint, Complete]


def test_other_options_read_everything_again(tmp_path: Path) -> None:
    put(tmp_path, "a.txt")
    cursor = crawl(tmp_path).cursor
    changes = list(source(tmp_path, url_base="https://example.com/").changes(cursor))
    assert [change.document.url for change in changes if isinstance(change, Upsert)] == ["https://example.com/a.txt"]


def test_folders_renamed_are_deletions_and_additions(tmp_path: Path) -> None:
    put(tmp_path, "old/a.txt", "a")
    put(tmp_path, "keep.txt", "k")
    shelf = crawl(tmp_path)
    (tmp_path / "old").rename(tmp_path / "new")
    shelf.apply(source(tmp_path).changes(shelf.cursor))
    assert (set(shelf.documents), shelf.deleted) == ({"new/a.txt", "keep.txt"}, {"old/a.txt"})
    assert not any(name.startswith("old") for name in shelf.cursor["files"])


def test_links_are_followed_inside_the_folder_only_and_only_when_asked(tmp_path: Path) -> None:
    root = tmp_path / "docs"
    put(root, "real/a.txt", "a")
    secret = put(tmp_path, "secret.txt", "secret")
    (root / "out.txt").symlink_to(secret)
    (root / "in.txt").symlink_to(root / "real" / "a.txt")
    (root / "again").symlink_to(root / "real")
    (root / "real" / "loop").symlink_to(root)
    (root / "broken.txt").symlink_to(root / "nowhere.txt")
    assert set(crawl(root).documents) == {"real/a.txt"}
    followed = crawl(root, follow_symlinks=True)
    assert set(followed.documents) == {"real/a.txt", "in.txt", "again/a.txt"}
    assert "secret" not in followed.texts


def test_a_pipe_in_the_folder_does_not_hang_the_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    put(tmp_path, "a.txt")
    assert set(crawl(tmp_path).documents) == {"a.txt"}


def test_hidden_and_lock_files_are_left_out(tmp_path: Path) -> None:
    for name in (".hidden.md", ".git/config.txt", "~$report.docx", "sub/.x/a.md", "a.md", "program.exe"):
        put(tmp_path, name)
    assert set(crawl(tmp_path).documents) == {"a.md"}


def test_include_and_exclude_are_gitignore_patterns(tmp_path: Path) -> None:
    for name in ("a.md", "b.txt", "drafts/c.md", "deep/drafts/d.md", "deep/e.md", "deep/e.private.md"):
        put(tmp_path, name)
    assert set(crawl(tmp_path, include=["*.md"]).documents) == {
        "a.md",
        "drafts/c.md",
        "deep/drafts/d.md",
        "deep/e.md",
        "deep/e.private.md",
    }
    assert set(crawl(tmp_path, include=["*.md"], exclude=["drafts/", "*.private.*"]).documents) == {"a.md", "deep/e.md"}
    assert set(crawl(tmp_path, exclude=["/drafts/", "*.md", "!a.md"]).documents) == {"a.md", "b.txt"}


def test_what_is_newly_excluded_is_gone(tmp_path: Path) -> None:
    put(tmp_path, "a.md")
    put(tmp_path, "drafts/b.md")
    shelf = crawl(tmp_path)
    shelf.apply(source(tmp_path, exclude=["drafts/"]).changes(shelf.cursor))
    assert set(shelf.documents) == {"a.md"}


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("docs", {"a.md", "sub/b.md", "sub/c [1].txt"}),
        ("docs/**/*.md", {"a.md", "sub/b.md"}),
        ("docs/*.md", {"a.md"}),
        ("docs/sub/c [1].txt", {"c [1].txt"}),
        (["docs/sub", "docs/a.md"], {"a.md", "sub/b.md", "sub/c [1].txt"}),
        (["docs", "docs/sub/*.md"], {"a.md", "sub/b.md", "sub/c [1].txt"}),
        (["docs/sub", "other"], {"docs/sub/b.md", "docs/sub/c [1].txt", "other/z.md"}),
    ],
)
def test_a_path_is_a_folder_a_file_a_glob_or_several(tmp_path: Path, path: str | list[str], ids: set[str]) -> None:
    for name in ("docs/a.md", "docs/sub/b.md", "docs/sub/c [1].txt", "other/z.md"):
        put(tmp_path, name)
    assert set(crawl(tmp_path, path=path).documents) == ids


def test_a_file_too_large_is_a_failure_that_keeps_its_place(tmp_path: Path) -> None:
    put(tmp_path, "big.txt", "x" * 11)
    put(tmp_path, "fits.txt", "x" * 10)
    changes = list(source(tmp_path, max_bytes=10).changes(None))
    failed = [change for change in changes if isinstance(change, Failed)]
    assert [(change.id, change.step) for change in failed] == [("big.txt", "fetch")]
    assert "11 bytes, more than max_bytes (10)" in failed[0].error
    assert changes[-1] == Complete(frozenset({"big.txt", "fits.txt"}))


def test_a_failed_file_is_tried_again_until_it_can_be_read(tmp_path: Path) -> None:
    path = put(tmp_path, "a.md", "---\ntitle: [\n---\ntext", age=True)
    shelf = crawl(tmp_path)
    assert "front matter" in shelf.failed["a.md"]
    shelf.apply(source(tmp_path).changes(shelf.cursor))
    assert "a.md" in shelf.failed
    path.write_text("---\ntitle: Right\n---\ntext")
    shelf.apply(source(tmp_path).changes(shelf.cursor))
    assert not shelf.failed
    assert shelf.documents["a.md"].title == "Right"


def test_a_document_that_becomes_unreadable_keeps_its_old_version(tmp_path: Path) -> None:
    path = put(tmp_path, "a.md", "fine")
    shelf = crawl(tmp_path)
    path.write_text("---\nreaders: {a: 1}\n---\nfine")
    shelf.apply(source(tmp_path).changes(shelf.cursor))
    assert "a.md" in shelf.failed
    assert shelf.texts == ["fine"]


def deep_folder(root: Path) -> tuple[Path, int]:
    """A folder whose own path the system still takes, but not that of a folder in it. Its path and descriptor."""
    room = os.pathconf("/", "PC_PATH_MAX") - 100 - len(os.fsencode(root))
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(room // 201):
        os.mkdir("d" * 200, dir_fd=descriptor)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor, root = below, root / ("d" * 200)
    os.mkdir("c" * 250, dir_fd=descriptor)
    return root, descriptor


def test_a_folder_that_cannot_be_listed_leaves_out_the_complete_listing(tmp_path: Path) -> None:
    # Permissions do not stop root; a path that is too long does.
    root, descriptor = deep_folder(tmp_path)
    try:
        put(root, "a.txt", "a")
        changes = list(source(root).changes(None))
    finally:
        os.close(descriptor)
    failed = [change for change in changes if isinstance(change, Failed)]
    assert [change.id for change in failed] == ["c" * 250 + "/"]
    assert "cannot be listed" in failed[0].error
    assert [change.document.id for change in changes if isinstance(change, Upsert)] == ["a.txt"]
    assert isinstance(changes[-1], Checkpoint)
    assert not any(isinstance(change, Complete) for change in changes)


def test_nothing_below_an_unlistable_folder_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    put(tmp_path, "closed/a.txt", "a")
    put(tmp_path, "b.txt", "b")
    shelf = crawl(tmp_path)
    real = os.scandir

    def scandir(folder):
        if str(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(folder)

    with monkeypatch.context() as closed:
        closed.setattr("os.scandir", scandir)
        shelf.apply(source(tmp_path).changes(shelf.cursor))
    assert shelf.failed == {"closed/": "The folder cannot be listed: Permission denied."}
    assert shelf.texts == ["a", "b"]
    shelf.apply(source(tmp_path).changes(shelf.cursor))
    assert not shelf.deleted - {"closed/"}
    assert shelf.texts == ["a", "b"]


@pytest.mark.parametrize("path", ["nowhere", "nowhere/*.md", "a.txt/*.md"])
def test_a_missing_root_is_an_error_and_no_deletion(tmp_path: Path, path: str) -> None:
    put(tmp_path, "a.txt")
    with pytest.raises(ConnectorError, match="There is no folder"):
        list(source(tmp_path, path=path).changes(None))
    reachable = source(tmp_path, path=path).check()
    assert not reachable.ok
    assert reachable.hint


def test_names_that_are_not_utf8_or_too_long_are_failures_with_a_valid_id(tmp_path: Path) -> None:
    put(tmp_path, "ok.txt")
    (Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.txt"))).write_text("x")
    put(tmp_path, "/".join(["n" * 200] * 5) + "/a.txt")
    put(tmp_path, "/".join(["m" * 198] * 5) + "/too-long.txt")
    put(tmp_path, "/".join(["m" * 198] * 5) + "/too-long.exe")
    shelf = crawl(tmp_path)
    assert set(shelf.documents) == {"ok.txt"}
    assert len(shelf.failed) == 3
    assert all(len(name) <= MAX_ID and name.encode() for name in shelf.failed)
    assert any("not valid UTF-8" in error for error in shelf.failed.values())
    assert sum("longer than" in error for error in shelf.failed.values()) == 2
    assert set(crawl(tmp_path, exclude=["n*/", "m*/"]).failed) == {"caf\\xe9.txt"}


def test_metadata_comes_from_the_path(tmp_path: Path) -> None:
    put(tmp_path, "fr/shoes/a.md", "---\nproduct: boots\n---\ntext")
    put(tmp_path, "top.md")
    options = {"metadata_from": "path", "folder_keys": ["lang", "product", "more"]}
    shelf = crawl(tmp_path, **options)
    assert shelf.documents["fr/shoes/a.md"].metadata == {
        "folder": "fr/shoes",
        "folders": ["fr", "shoes"],
        "lang": "fr",
        "product": "boots",  # what the document says of itself wins
    }
    assert shelf.documents["top.md"].metadata == {}
    assert document(tmp_path, "fr/shoes/a.md").metadata == {"product": "boots"}


def test_a_link_is_the_base_and_the_quoted_path(tmp_path: Path) -> None:
    put(tmp_path, "a b/é.txt")
    put(tmp_path, "own.md", "---\nurl: https://x.org/1\n---\n")
    shelf = crawl(tmp_path, url_base="https://help.example.com/docs/")
    assert shelf.documents["a b/é.txt"].url == "https://help.example.com/docs/a%20b/%C3%A9.txt"
    assert shelf.documents["own.md"].url == "https://x.org/1"
    assert document(tmp_path, "a b/é.txt").url is None


def test_json_counts_only_as_a_conversation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    put(tmp_path, "package.json", '{"name": "x"}')
    put(tmp_path, "list.json", "[1, 2]")
    put(tmp_path, "broken.json", "{")
    ticket = put(tmp_path, "t1.json", json.dumps({"turns": [{"role": "user", "text": "Hi"}]}))
    shelf = crawl(tmp_path)
    assert set(shelf.documents) == {"t1.json"}
    assert set(shelf.failed) == {"broken.json"}
    ticket.write_text('{"no": "ticket any more"}')
    put(tmp_path, "list.json", json.dumps({"turns": [{"role": "user", "text": "Ho"}]}))
    shelf.apply(source(tmp_path).changes(shelf.cursor))
    assert set(shelf.documents) == {"list.json"}


def test_a_run_goes_on_behind_its_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    monkeypatch.setattr("connectors.files._CHECKPOINT", 3)
    for number in range(10):
        put(tmp_path, f"{number}.txt", str(number))
    changes = list(source(tmp_path).changes(None))
    first = next(index for index, change in enumerate(changes) if isinstance(change, Checkpoint))
    assert first == 3
    rest = list(source(tmp_path).changes(changes[first].cursor))
    assert [change.document.id for change in rest if isinstance(change, Upsert)] == [f"{n}.txt" for n in range(3, 10)]


def test_check_counts_what_can_be_read(tmp_path: Path) -> None:
    put(tmp_path, "program.exe")
    empty = source(tmp_path).check()
    assert (empty.ok, "1 of other formats" in empty.detail) == (False, True)
    put(tmp_path, "a.md")
    assert source(tmp_path).check().detail.startswith("1 file in ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": ""}, "give a folder"),
        ({"path": []}, "give a folder"),
        ({"path": ["a", " "]}, "give a folder"),
        ({"path": "a\0b"}, "give a folder"),
        ({"max_bytes": 0}, "greater than 0"),
        ({"url_base": "help.example.com"}, "starts with https"),
        ({"url_base": "file:///etc"}, "starts with https"),
        ({"folder_keys": ["language"]}, "metadata_from: path"),
        ({"metadata_from": "name"}, "'none' or 'path'"),
        ({"paht": "docs"}, "paht"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FilesOptions.model_validate({"path": "docs", **options})
