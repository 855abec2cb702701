"""``inspect``: the shelf in a browser."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING

import click

from openshelf.cli.state import App
from openshelf.cli.teaching import command

if TYPE_CHECKING:
    from openshelf.inspector.door import Key
    from openshelf.server.running import Listening
    from openshelf.shelf import Shelf

_HOST = "127.0.0.1"


@command(
    "inspect",
    examples=["openshelf inspect", "openshelf inspect --port 9001 --no-browser", "openshelf inspect --json"],
    exits={0: "stopped by SIGTERM or Ctrl-C", 1: "could not start"},
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Default: the configuration's, 8765; where that is taken, any that is free.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser, where there is one.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as one line of JSON, and open no browser.")
@click.pass_obj
def inspect(app: App, port: int | None, browser: bool, as_json: bool) -> None:
    """Look into the shelf in a browser.

    Draws where documents are cut and cuts them otherwise at once; shows both lists of a search, their fusion and the
    hits side by side; says why a document did not come back. It shows restricted documents too, so it is served on
    this machine only, and opens only with the address that is printed. It changes nothing.
    """
    from openshelf.inspector.door import PATH, Key
    from openshelf.server.running import run

    key = Key()
    with app.shelf(service=True) as shelf, _listening(app, shelf, port, key) as listening:
        page = f"{listening.url}{PATH}/?token="
        address = f"{page}{key.token}"
        click.echo(json.dumps({"url": address, "api": listening.base_url}) if as_json else address)
        if browser and not as_json and _has_a_display():
            # Not in this thread: some browsers only come back when they are closed.
            threading.Thread(target=_open, args=[f"{page}{key.ticket()}"], daemon=True).start()
        app.say("The address opens the inspector until it is stopped. Ctrl-C stops it.")
        run(listening)


def _listening(app: App, shelf: Shelf, port: int | None, key: Key) -> Listening:
    from configs.errors import ConfigError
    from openshelf.server.running import Listening

    settings = shelf.config.server.model_copy(update={"host": _HOST})
    if port is not None:
        return Listening(shelf, settings.model_copy(update={"port": port}), inspector=key)
    try:
        return Listening(shelf, settings, inspector=key)
    except ConfigError:
        found = Listening(shelf, settings.model_copy(update={"port": 0}), inspector=key)
        app.say(f"Port {settings.port} is taken (by openshelf serve?), so the inspector is at another.")
        return found


def _has_a_display() -> bool:
    """Whether a browser would open a window: one in the terminal would be in the way of the log."""
    named = os.environ.get("BROWSER") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(named) or sys.platform in ("darwin", "win32")


def _open(address: str) -> None:
    import webbrowser

    webbrowser.open(address)
