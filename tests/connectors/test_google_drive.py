"""The ``google-drive`` connector against a fake of Drive, Docs and Sheets: the contract, and whatever happens there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.conformance import Conformance
from tests.connectors.differential import follow_changes
from tests.connectors.fakes.discovery import Discovery, here
from tests.connectors.fakes.google import SPECS, GoogleFake
from tests.connectors.fakes.google_world import BlobWorld, DriveWorld, RowWorld, serving, small_pages
from tests.connectors.fakes.server import Request, Response

pytestmark = pytest.mark.usefixtures("quick", "small")


@pytest.fixture
def fake() -> Iterator[GoogleFake]:
    yield from serving()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch)


class TestDocuments(Conformance):
    @pytest.fixture
    def world(self, fake: GoogleFake) -> DriveWorld:
        return DriveWorld(fake)


class TestFilesOfASharedDrive(Conformance):
    @pytest.fixture
    def world(self, fake: GoogleFake) -> BlobWorld:
        return BlobWorld(fake, sweep_every="0s")


class TestRows(Conformance):
    @pytest.fixture
    def world(self, fake: GoogleFake) -> RowWorld:
        return RowWorld(fake)


@pytest.mark.parametrize(("seed", "sweep_every"), [(1, "365d"), (2, "0s"), (3, "365d")])
def test_following_equals_reading_afresh(fake: GoogleFake, seed: int, sweep_every: str) -> None:
    follow_changes(DriveWorld(fake, sweep_every=sweep_every), seed)


def test_the_fake_is_held_against_googles_documents(fake: GoogleFake) -> None:
    if not here(SPECS[0]):
        pytest.skip("../shared/specs is not there")
    drive = Discovery(SPECS[0], prefix="drive/v3/")

    def problem(path: str, answer: Any, **query: str) -> str:
        request = Request("GET", f"/drive/v3/{path}", {key: [value] for key, value in query.items()}, {}, b"")
        return drive.problem(request, Response(json=answer)) or ""

    assert not problem("files", {"files": [{"id": "a", "size": "1"}]}, fields="files(id,owners.emailAddress)")
    assert "no parameter 'parents'" in problem("files", {}, parents="x")
    assert "deprecated" in problem("files", {}, teamDriveId="x")
    assert "does not fit" in problem("files", {}, pageSize="1001")
    assert "missing" in problem("changes", {})
    assert "mask has files.color" in problem("files", {}, fields="files(id,color)")
    assert "the answer at $.files[0].size" in problem("files", {"files": [{"size": 1}]})
    assert "unexpected" in problem("files", {"files": [{"colour": "red"}]})
    assert "has no GET" in problem("nothing", {})
