"""Every connector, in every way it can be set up, against the one suite; and edits drawn at random."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.connectors.conformance import Conformance, Shelf, fresh
from tests.connectors.web import Web
from tests.connectors.worlds import (
    CsvWorld,
    FolderWorld,
    GroupWorld,
    ScriptedWorld,
    WebCsvWorld,
    XlsxWorld,
)


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.files._CHECKPOINT", 2)
    monkeypatch.setattr("connectors.csv._CHECKPOINT", 2)


class TestFiles(Conformance):
    @pytest.fixture
    def world(self, tmp_path: Path) -> FolderWorld:
        return FolderWorld(tmp_path / "docs")


class TestFilesByGlob(Conformance):
    @pytest.fixture
    def world(self, tmp_path: Path) -> FolderWorld:
        return FolderWorld(tmp_path / "docs", path=str(tmp_path / "docs" / "**" / "*.txt"), metadata_from="path")


class TestCsvWithKey(Conformance):
    @pytest.fixture
    def world(self, tmp_path: Path) -> CsvWorld:
        return CsvWorld(tmp_path, key="id")


class TestCsvWithoutKey(Conformance):
    @pytest.fixture
    def world(self, tmp_path: Path) -> CsvWorld:
        return CsvWorld(tmp_path, text="{note}")


class TestCsvInGroups(Conformance):
    @pytest.fixture
    def world(self, tmp_path: Path) -> GroupWorld:
        return GroupWorld(tmp_path, group_by="id")


class TestXlsx(Conformance):
    @pytest.fixture
    def world(self, tmp_path: Path) -> XlsxWorld:
        return XlsxWorld(tmp_path, key="id")


class TestCsvOverHttp(Conformance):
    @pytest.fixture
    def world(self, tmp_path: Path, web: Web) -> WebCsvWorld:
        return WebCsvWorld(tmp_path, web, key="id")


class TestScripted(Conformance):
    @pytest.fixture
    def world(self) -> ScriptedWorld:
        return ScriptedWorld()


NAMES = st.sampled_from([f"doc{n}" for n in range(6)])
TEXTS = st.sampled_from(["a", "b", "été", "x, y;z", '"quoted"', "two\nlines", "1,5", "返品", "=1+1", "'tis"])
EDITS = st.lists(st.lists(st.tuples(NAMES, st.none() | TEXTS), max_size=5), min_size=1, max_size=4)


def edit_and_sync(world: FolderWorld | CsvWorld, runs: list[list[tuple[str, str | None]]]) -> None:
    shelf, there = Shelf(), set()
    world.put("always", "there")
    for edits in runs:
        for name, text in edits:
            if text is not None:
                world.put(name, text)
                there.add(name)
            elif name in there:
                world.remove(name)
                there.remove(name)
        shelf.sync(world)
        expected = fresh(world)
        assert shelf.versions == expected.versions
        assert shelf.failed.keys() & expected.documents.keys() == set()


SLOW_DISK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@SLOW_DISK
@given(EDITS)
def test_following_a_folder_equals_a_fresh_crawl(runs: list[list[tuple[str, str | None]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        edit_and_sync(FolderWorld(Path(folder)), runs)


@SLOW_DISK
@given(EDITS, st.sampled_from([{"key": "id"}, {"text": "{note}"}, {"group_by": "id"}]))
def test_following_a_csv_equals_a_fresh_crawl(
    runs: list[list[tuple[str, str | None]]], options: dict[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        edit_and_sync(CsvWorld(Path(folder), **options), runs)
