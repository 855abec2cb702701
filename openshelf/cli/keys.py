"""``keys``: who may use the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from openshelf.cli.printing import console, json_option, print_json, styled, table
from openshelf.cli.state import App
from openshelf.cli.teaching import FAILED, TeachingCommand, command

if TYPE_CHECKING:
    from openshelf.shelf import Shelf


class _Keys(TeachingCommand, click.Group):
    """A group that teaches as its commands do."""


@click.group(
    "keys",
    cls=_Keys,
    no_args_is_help=True,
    examples=["openshelf keys create website --scope read", "openshelf keys list", "openshelf keys revoke website"],
    exits=FAILED,
)
def keys() -> None:
    """Make, list and revoke API keys of the server.

    A key is shown once, when it is made; the shelf keeps a hash of it.
    """


@command(
    "create",
    examples=[
        "openshelf keys create website --scope read",
        "openshelf keys create agents --scope read --store vs_kb --group agents",
        "openshelf keys create loader --scope read --scope write",
    ],
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "write"]),
    help="What it may do; repeat for both. Default: read.",
)
@click.option("--store", "stores", multiple=True, metavar="VS_ID", help="Only this vector store; may be repeated.")
@click.option(
    "--group", "groups", multiple=True, metavar="GROUP", help="Sees what this group may see; may be repeated."
)
@json_option
@click.pass_obj
def create(
    app: App,
    name: str,
    scopes: tuple[str, ...],
    stores: tuple[str, ...],
    groups: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a key and print it, this once.

    From the first key on the server asks everybody for one, on this machine too.
    """
    from configs.errors import ConfigError
    from openshelf.server import keys as kept
    from openshelf.server.stores import find
    from openshelf.server.yaml_stores import is_configured

    with _shelf(app) as shelf, shelf.ledger.writing() as connection:
        for store in stores:
            if not is_configured(store, shelf.config) and find(connection, store) is None:
                raise ConfigError(
                    f"There is no vector store {store!r}.",
                    hint="Name one that was made over HTTP, or vs_ and a source of the configuration.",
                )
        token = kept.create(connection, name, scopes=scopes or ("read",), stores=stores, groups=groups)
    if as_json:
        print_json(app, {"name": name, "key": token})
        return
    click.echo(token)
    app.say("Keep it: it is not shown again.")


@command("list", examples=["openshelf keys list", "openshelf keys list --json"])
@json_option
@click.pass_obj
def list_keys(app: App, as_json: bool) -> None:
    """List the keys, the revoked ones too."""
    from openshelf.server import keys as kept

    with _shelf(app) as shelf, shelf.ledger.reading() as connection:
        found = kept.every(connection)
    if as_json:
        print_json(app, found)
        return
    if not found:
        app.say("No keys. Make one: openshelf keys create NAME")
        return
    shown = table("Name", "Id", "Scopes", "Stores", "Groups", "Made", "Revoked", wide=("Stores", "Groups"))
    for key in found:
        shown.add_row(
            styled(key.name),
            key.id,
            ", ".join(key.scopes),
            styled("all" if key.stores is None else ", ".join(key.stores)),
            styled(", ".join(key.groups)),
            _day(key.created),
            "" if key.revoked is None else _day(key.revoked),
        )
    console().print(shown)


@command(
    "revoke",
    examples=["openshelf keys revoke website"],
    exits={0: "done; the key is refused from now on", 1: "there is no such key in force"},
)
@click.argument("name")
@click.pass_obj
def revoke(app: App, name: str) -> None:
    """Take a key out of force, by its name or id."""
    from configs.errors import ConfigError
    from openshelf.server import keys as kept

    with _shelf(app) as shelf, shelf.ledger.writing() as connection:
        done = kept.revoke(connection, name)
    if not done:
        raise ConfigError(f"There is no key {name!r} in force.", hint="openshelf keys list shows them.")
    app.say(f"Revoked {name}.")


for _one in (create, list_keys, revoke):
    keys.add_command(_one)


@contextmanager
def _shelf(app: App) -> Iterator[Shelf]:
    from openshelf.server import tables

    with app.shelf() as shelf:
        tables.ensure(shelf.ledger)
        yield shelf


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
