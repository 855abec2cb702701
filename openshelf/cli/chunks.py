"""``chunks``: how a document is cut, before anything is indexed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from configs.errors import ConfigError
from openshelf.cli.filtering import read_settings
from openshelf.cli.printing import console, json_option, print_json
from openshelf.cli.state import App
from openshelf.cli.teaching import command

if TYPE_CHECKING:
    from openshelf.preview import Preview
    from openshelf.shelf import Shelf


@command(
    "chunks",
    examples=[
        "openshelf chunks docs/returns.html",
        "openshelf chunks docs/returns.html --chunker heading --size 200 --overlap 20",
        "openshelf chunks guide.pdf --compare token --compare sentence --size 200",
        "openshelf chunks docs/guide.pdf --chunker parent-child --set parent_size=600",
        "openshelf chunks en/worn-shoes.md --source help-centre     # a document on the shelf",
    ],
)
@click.argument("document", metavar="FILE|DOC")
@click.option("--source", metavar="NAME", help="Cut as this source would; for a DOC, the source that has it.")
@click.option("--chunker", metavar="NAME", help="Another chunker than the configured one, e.g. heading, token, rows.")
@click.option("--size", type=click.IntRange(1), help="Most tokens in a chunk.")
@click.option("--overlap", type=click.IntRange(0), help="Tokens shared with the chunk before.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Another key of the chunker.")
@click.option(
    "--compare", "others", multiple=True, metavar="NAME", help="Show sizes beside this chunker's instead; repeatable."
)
@json_option
@click.pass_obj
def chunks(
    app: App,
    document: str,
    source: str | None,
    chunker: str | None,
    size: int | None,
    overlap: int | None,
    settings: tuple[str, ...],
    others: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show where a document is cut: boundaries, sizes, overlaps.

    FILE is any file that can be parsed, DOC the id of a document on the shelf. Nothing is indexed or embedded, and a
    FILE needs no configuration.
    """
    given = {"size": size, "overlap": overlap, **read_settings(settings)}
    options = {key: value for key, value in given.items() if value is not None}
    # Without a configuration there is no shelf to look a DOC up in, and none must be made.
    with app.shelf(needed=not Path(document).is_file()) as shelf:
        previews = [_preview(shelf, document, source, chunker, options)]
        previews += [_preview(shelf, document, source, name, _shared(name, options)) for name in others]
    if as_json:
        shown = [_plain(preview) for preview in previews]
        print_json(app, {"document": _about(previews[0]), "cuts": shown} if others else shown[0])
        return
    from openshelf.cli.chunk_view import comparison, drawn

    out = console()
    if others:
        out.print(comparison(previews))
        return
    for part in drawn(previews[0], out.width, colours=out.is_terminal):
        out.print(part)


def _preview(shelf: Shelf, document: str, source: str | None, chunker: str | None, options: dict[str, Any]) -> Preview:
    if chunker is None and not options:
        return shelf.preview(document, source=source)
    if chunker is None:
        # The configured one with other numbers.
        options = {**shelf.preview(document, source=source).chunker.model_dump(), **options}
    else:
        options = {"type": chunker, **options}
    from configs.chunkers import read_chunker
    from configs.messages import dotted

    _, problems = read_chunker(options, ("chunker",))
    if problems:
        raise ConfigError("\n".join(f"{dotted(problem.path)} {problem.text}" for problem in problems))
    return shelf.preview(document, chunker=options, source=source)


def _shared(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Of the given options those that the other chunker has too."""
    from configs.schema import BUILT_IN_CHUNKERS

    model = BUILT_IN_CHUNKERS.get(name)
    return options if model is None else {key: value for key, value in options.items() if key in model.model_fields}


def _about(preview: Preview) -> dict[str, Any]:
    document = preview.document
    return {
        "id": document.id,
        "source": document.source,
        "title": document.title,
        "url": document.url,
        "language": document.language,
        "media_type": document.media_type,
        "characters": len(document.text),
    }


def _plain(preview: Preview) -> dict[str, Any]:
    from openshelf.cli.chunk_view import overlaps

    found = []
    for chunk, overlap in zip(preview.chunks, overlaps(preview.chunks), strict=True):
        found.append(
            {
                "ordinal": chunk.ordinal,
                "start": chunk.start,
                "end": chunk.end,
                "tokens": chunk.tokens,
                "overlap": overlap,
                "heading_path": chunk.heading_path,
                "page": chunk.page,
                "prefix": chunk.prefix,
                "header": chunk.header,
                "parent": chunk.parent,
                "text": chunk.text,
            }
        )
    return {"document": _about(preview), "note": preview.note, "chunker": preview.chunker, "chunks": found}
