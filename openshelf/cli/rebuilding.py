"""``rebuild`` and ``rollback``: index again beside the live index, and swap the former one back."""

from __future__ import annotations

import click

from configs.errors import IngestError
from openshelf.cli.printing import counted, json_option, print_json
from openshelf.cli.runs import code_of, show_runs
from openshelf.cli.state import App
from openshelf.cli.syncing import SYNC_EXITS, sync_sources
from openshelf.cli.teaching import command


@command(
    "rebuild",
    examples=[
        "openshelf rebuild faq",
        "openshelf rebuild                # every enabled source",
        "openshelf rebuild --store",
    ],
    exits=SYNC_EXITS,
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--store", is_flag=True, help="Only write the vector store again from the ledger; no embedder is called.")
@json_option
@click.pass_obj
def rebuild(app: App, sources: tuple[str, ...], store: bool, as_json: bool) -> int:
    """Index sources again, beside the live index.

    Searches go on with the old index until the new one is complete; `openshelf rollback` swaps it back. A changed
    chunker or embedder does not need this: the next sync sees it. Texts that were embedded before are not paid for
    again.
    """
    if store and sources:
        raise click.UsageError("--store writes the whole store again; it takes no SOURCE.")
    with app.shelf() as shelf:
        if not store:
            finished = sync_sources(app, shelf, sources, rebuild=True)
            show_runs(app, finished, as_json=as_json)
            return code_of(finished)
        from ingest.repair import rebuild_store

        written = rebuild_store(shelf.ledger, shelf.store)
    if as_json:
        print_json(app, {"vectors": written})
    else:
        click.echo(f"Wrote {counted(written, 'vector')} again from the ledger.")
    return 0


@command(
    "rollback",
    examples=["openshelf rollback faq"],
    exits={0: "the former index is live again", 1: "there is none, or it failed"},
)
@click.argument("source")
@json_option
@click.pass_obj
def rollback(app: App, source: str, as_json: bool) -> None:
    """Swap a source's former index back in.

    For the case that a rebuild made things worse. The index that was live until now is kept, so a second rollback
    undoes the first.
    """
    with app.shelf() as shelf:
        shelf.source(source)
        done = shelf.rollback(source)
    if not done:
        raise IngestError(
            f"Source {source!r} has no former index to go back to.", hint="One is kept from each rebuild."
        )
    if as_json:
        print_json(app, {"source": source, "rolled_back": True})
    else:
        click.echo(f"{source}: the former index is live again.")
