"""``ask``: one question, one answer with its sources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import click

from openshelf.cli.filtering import filter_options, read_filters
from openshelf.cli.printing import console, json_option, plain, print_json
from openshelf.cli.searching import TOP_K
from openshelf.cli.state import App
from openshelf.cli.teaching import command

if TYPE_CHECKING:
    from openshelf.shelf import Shelf
    from retrieval.events import Answer, Event

MODES = click.Choice(["inject", "tool", "extractive"])
MODE_HELP = "Search first (inject), let the model search (tool), or only quote (extractive). Default: answer.mode."


@command(
    "ask",
    examples=[
        'openshelf ask "Can I return worn shoes?"',
        'openshelf ask "And if I lost the receipt?" --conversation conv_1234',
        "openshelf ask \"Which jackets are below 100 pounds?\" --filter 'price<100' --json",
        'openshelf ask "Can I return worn shoes?" --json --stream      # JSON lines, as they come',
    ],
    exits={
        0: "answered, or said that the knowledge base has no answer",
        1: "failed; one sentence on stderr says why",
    },
)
@click.argument("question")
@click.option("--conversation", metavar="ID", help="Go on with a conversation; `openshelf chat --list` shows them.")
@click.option("--mode", type=MODES, help=MODE_HELP)
@click.option("--top-k", "-k", type=TOP_K, help="Most hits to choose from. Default: retrieval.top_k.")
@filter_options
@click.option("--why/--no-why", default=True, help="Say of each source why it was found. Default: --why.")
@click.option("--stream", is_flag=True, help="With --json: one JSON object a line for each event, as it comes.")
@json_option
@click.pass_obj
def ask(
    app: App,
    question: str,
    conversation: str | None,
    mode: str | None,
    top_k: int | None,
    filter_terms: tuple[str, ...],
    filter_json: str | None,
    groups: tuple[str, ...],
    why: bool,
    stream: bool,
    as_json: bool,
) -> None:
    """Answer QUESTION from the shelf, with citations.

    With OPENAI_API_KEY set (or answer.api_key) a model answers; without a key the best passages are quoted. Below the
    answer stand its sources, why each was found, tokens and cost.
    """
    from openshelf.cli.answers import event_line

    if stream and not as_json:
        raise click.UsageError("--stream goes with --json; without it answers are always shown as they come.")
    options: dict[str, Any] = {
        "conversation": conversation,
        "mode": mode,
        "top_k": top_k,
        "filters": read_filters(filter_terms, filter_json),
        "groups": groups or None,
    }
    with app.shelf() as shelf:
        if as_json and not stream:
            print_json(app, shelf.answer(question, **options))
            return
        events = shelf.answer(question, stream=True, **options)
        if as_json:
            for event in events:
                print_json(app, event_line(event), indent=None)
        else:
            show_answer(app, shelf, events, why=why)


def show_answer(app: App, shelf: Shelf, events: Iterable[Event], *, why: bool, brief: bool = False) -> Answer:
    """Print an answer's text as it comes, then its sources and its cost.

    Args:
        brief: only the sources that are cited, and no cost where there is none.
    """
    from openshelf.cli.answers import show_footer, show_sources
    from retrieval.events import Delta, Done

    last: Any = None
    for event in events:
        if isinstance(event, Delta):
            click.echo(app.redact(plain(event.text)), nl=False)
        elif isinstance(event, Done):
            last = event.answer
    click.echo()
    out = console()
    answer = cast("Answer", last)
    if answer.citations or (answer.contexts and not brief):
        out.print()
        show_sources(out, answer, why=why, only_cited=brief)
    if answer.reason or answer.mode != "extractive" or not brief:
        out.print()
        show_footer(out, answer, shelf.config.costs.currency)
    return answer
