"""``serve``: OpenAI's HTTP surface over the shelf."""

from __future__ import annotations

import click

from openshelf.cli.state import App
from openshelf.cli.teaching import command


@command(
    "serve",
    examples=["openshelf serve", "openshelf serve --port 9000", "openshelf --log json serve --host 0.0.0.0"],
    exits={0: "stopped by SIGTERM or Ctrl-C, running requests were finished", 1: "could not start"},
)
@click.option("--host", metavar="ADDRESS", help="Where to listen. Default: the configuration's, 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: the configuration's, 8765. 0: any that is free.")
@click.pass_obj
def serve(app: App, host: str | None, port: int | None) -> None:
    """Serve OpenAI's HTTP API over the shelf.

    Programs written for File Search work on this shelf once their base URL is changed. On this machine no key is
    needed until the first one is made; elsewhere it listens only with keys (openshelf keys create).
    """
    from openshelf.server.running import Listening, run

    with app.shelf(service=True) as shelf:
        settings = shelf.config.server
        changed = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        settings = settings.model_copy(update=changed)
        with Listening(shelf, settings) as listening:
            click.echo(listening.base_url)
            app.say(f"Try it: {listening.example}\nThe API's page: {listening.url}/docs")
            run(listening)
