"""The command: it prints an address that opens, on this machine only, until it is stopped."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import httpx
import pytest

from openshelf.cli import inspecting
from tests.openshelf.command import CONFIG, sentence_of, spawn, write_shelf
from tests.openshelf.command import invoke as invoke_


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_shelf(tmp_path)


def test_it_prints_an_address_that_opens_and_stops_when_asked(config: Path) -> None:
    running = spawn("inspect", "--port", "0", "--json", "--config", config)
    try:
        assert running.stdout is not None
        said = json.loads(running.stdout.readline())
        assert said["url"].startswith("http://127.0.0.1:") and said["api"].endswith("/v1")
        with httpx.Client(trust_env=False, timeout=60, follow_redirects=True) as client:
            page = client.get(said["url"])
            assert page.status_code == 200 and "never synced" in page.text
            assert "token" not in str(page.url)
            assert client.get(f"{said['api']}/vector_stores").status_code == 200
    finally:
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert out == "" and said["url"].partition("token=")[2] not in err


def test_it_listens_on_this_machine_whatever_the_configuration_says(tmp_path: Path) -> None:
    config = write_shelf(tmp_path, CONFIG + "server: {host: 0.0.0.0}\n")
    running = spawn("inspect", "--port", "0", "--no-browser", "--config", config)
    try:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("http://127.0.0.1:")
    finally:
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)


def test_a_configured_port_that_is_taken_is_gone_round_and_a_given_one_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = write_shelf(tmp_path, CONFIG + f"server: {{port: {port}}}\n")
        assert f"port {port}" in sentence_of(invoke_("inspect", "--port", port, "--config", config))
        running = spawn("inspect", "--json", "--config", config)
        try:
            assert running.stdout is not None
            assert httpx.URL(json.loads(running.stdout.readline())["url"]).port != port
        finally:
            running.send_signal(signal.SIGTERM)
            _, err = running.communicate(timeout=60)
        assert f"Port {port} is taken" in err


@pytest.mark.parametrize(
    ("variables", "platform", "expected"),
    [({}, "linux", False), ({"DISPLAY": ":0"}, "linux", True), ({}, "darwin", True), ({"BROWSER": "x"}, "linux", True)],
)
def test_a_browser_is_opened_only_where_one_has_a_window(
    variables: dict[str, str], platform: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert inspecting._has_a_display() is expected
