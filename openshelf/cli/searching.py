"""``search`` and ``explain``: what is found, and why something is not."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import click

from openshelf.cli.filtering import filter_options, read_filters, read_settings
from openshelf.cli.printing import console, json_option, print_json, styled
from openshelf.cli.state import App
from openshelf.cli.teaching import command

TOP_K = click.IntRange(1, 100)


@command(
    "search",
    examples=[
        'openshelf search "Can I return worn shoes?"',
        "openshelf search jacket --filter 'price<100' --filter in_stock=true",
        'openshelf search "goodwill for a late parcel" --group agents --top-k 3',
        "openshelf search tent --set fusion=rrf --set per_document=1 --json",
    ],
    exits={0: "done, even where nothing was found", 1: "failed; one sentence on stderr says why"},
)
@click.argument("query")
@click.option("--top-k", "-k", type=TOP_K, help="Most hits. Default: retrieval.top_k.")
@filter_options
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Another key of `retrieval`, for this search only."
)
@click.option("--full", is_flag=True, help="Show the whole text of each hit, not its beginning.")
@json_option
@click.pass_obj
def search(
    app: App,
    query: str,
    top_k: int | None,
    filter_terms: tuple[str, ...],
    filter_json: str | None,
    groups: tuple[str, ...],
    settings: tuple[str, ...],
    full: bool,
    as_json: bool,
) -> None:
    """Find the chunks that answer QUERY, best first.

    Each hit says why it is there: its rank and score among keywords and among vectors, and what fused them.
    """
    filters, overrides = read_filters(filter_terms, filter_json), read_settings(settings)
    with app.shelf() as shelf:
        _known(overrides)
        if top_k is not None:
            overrides["top_k"] = top_k
        hits = shelf.search(
            query, top_k=overrides.pop("top_k", None), filters=filters, groups=groups or None, **overrides
        )
    if as_json:
        print_json(app, {"query": query, "hits": hits})
        return
    out = console()
    if not hits:
        out.print(styled("Nothing was found.", "yellow"))
        app.say('Why a document is missing: openshelf explain "…" --document ID')
        return
    from openshelf.cli.hits import hits_table

    out.print(hits_table(hits, full=full))


@command(
    "explain",
    examples=[
        'openshelf explain "Can I return worn shoes?" --document en/worn-shoes.md',
        "openshelf explain jacket --document LK-J301 --source products --filter 'price<50'",
    ],
    exits={0: "explained, whether the document was returned or not", 1: "failed; one sentence on stderr says why"},
)
@click.argument("query")
@click.option("--document", "document_id", required=True, metavar="ID", help="The document that was expected.")
@click.option("--source", metavar="NAME", help="Its source, where several have a document of that id.")
@filter_options
@json_option
@click.pass_obj
def explain(
    app: App,
    query: str,
    document_id: str,
    source: str | None,
    filter_terms: tuple[str, ...],
    filter_json: str | None,
    groups: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say why a document came back for QUERY, or why not.

    Not indexed, failed to parse, hidden from the reader, filtered out, or ranked too low, and how low. A tool for
    those who run the shelf: it speaks of documents that the reader may not see.
    """
    filters = read_filters(filter_terms, filter_json)
    with app.shelf() as shelf:
        if source is not None:
            shelf.source(source)
        explanation = shelf.explain(document_id, query, source=source, filters=filters, groups=groups or None)
    if as_json:
        print_json(app, explanation)
        return
    out = console()
    first, *rest = str(explanation).split("\n")
    out.print(styled(app.redact(first), "bold green" if explanation.reason == "returned" else "bold yellow"))
    for line in rest:
        out.print(styled(f"  {line}"))


def _known(overrides: Mapping[str, Any]) -> None:
    from configs.schema import Retrieval

    for key in overrides:
        if key not in Retrieval.model_fields:
            close = difflib.get_close_matches(key, Retrieval.model_fields, n=1)
            names = ", ".join(Retrieval.model_fields)
            hint = f"Did you mean {close[0]!r}?" if close else f"There are: {names}."
            raise click.UsageError(f"--set knows no {key!r}. {hint}")
