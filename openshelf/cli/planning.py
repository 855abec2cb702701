"""``plan``: what a sync would do, like a diff, with its price."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from openshelf.cli.printing import console, counted, duration, indented, json_option, money, print_json, styled
from openshelf.cli.state import App
from openshelf.cli.teaching import command

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from ingest.plan import SourcePlan

_KINDS = (
    ("add", "+", "green"),
    ("update", "~", "yellow"),
    ("delete", "-", "red"),
    ("failing", "!", "bold red"),
)
_WORDS = {
    "add": "to add",
    "update": "to update",
    "delete": "to delete",
    "failing": "failing",
    "unchanged": "unchanged",
}
_EXAMPLES = 5


@command(
    "plan",
    examples=["openshelf plan", "openshelf plan faq products --ids 20", "openshelf plan --json"],
    exits={0: "done", 1: "a source cannot be read, or the plan failed"},
)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--ids", type=click.IntRange(0, 20), default=_EXAMPLES, show_default=True, help="Documents named for each change."
)
@json_option
@click.pass_obj
def plan(app: App, sources: tuple[str, ...], ids: int, as_json: bool) -> int:
    """Show what a sync would do, like a diff, and its cost.

    Reads the sources; embeds nothing, writes nothing, spends nothing. Without SOURCE: all that are enabled.
    """
    with app.shelf() as shelf:
        plans = shelf.plan(sources or None)
        currency = shelf.config.costs.currency
    code = 1 if any(item.error for item in plans) else 0
    if as_json:
        print_json(app, {"sources": plans, "total": _total(plans, currency)})
        return code
    out = console()
    for item in plans:
        for line in _lines(app, item, ids):
            out.print(line)
    out.print(_summary(plans, currency))
    return code


def _lines(app: App, plan: SourcePlan, ids: int) -> Iterable[RenderableType]:
    counts = [f"{plan.totals[kind]:,} {word}" for kind, word in _WORDS.items() if plan.totals[kind]]
    heading = styled(plan.source, "bold")
    heading.append(f"  {', '.join(counts) or ('cannot be read' if plan.error else 'nothing to do')}")
    yield heading
    if plan.error:
        yield indented(styled(f"Error: {app.redact(plan.error)}", "red"))
    if plan.rebuild:
        rebuilt = counted(plan.totals["rebuild"], "document")
        yield indented(styled(f"rebuild of {rebuilt}: {plan.rebuild}", "magenta"))
    for kind, mark, style in _KINDS:
        named = getattr(plan, kind)[:ids]
        for document_id in named:
            yield styled(f"  {mark} {document_id}", style)
        more = plan.totals[kind] - len(named)
        if more and ids:
            yield styled(f"  {mark} … {more:,} more", style)
    if plan.skipped:
        reasons = ", ".join(f"{why} {count:,}" for why, count in plan.skipped.most_common())
        yield styled(f"  left out: {reasons}", "dim")
    if plan.texts:
        yield styled(
            f"  {counted(plan.texts, 'text')} to embed, {counted(plan.tokens, 'token')}, "
            f"about {duration(plan.seconds)}",
            "dim",
        )


def _total(plans: Sequence[SourcePlan], currency: str) -> dict[str, object]:
    known = [item.cost for item in plans if item.cost is not None]
    return {
        **{kind: sum(item.totals[kind] for item in plans) for kind in (*(kind for kind, _, _ in _KINDS), "unchanged")},
        "texts": sum(item.texts for item in plans),
        "tokens": sum(item.tokens for item in plans),
        "seconds": sum(item.seconds for item in plans),
        "cost": sum(known) if len(known) == len(plans) else None,
        "currency": currency,
    }


def _summary(plans: Sequence[SourcePlan], currency: str) -> Text:
    texts, tokens = sum(item.texts for item in plans), sum(item.tokens for item in plans)
    costs = [item.cost for item in plans]
    total = None if None in costs else sum(cost for cost in costs if cost is not None)
    changes = sum(item.totals[kind] for item in plans for kind in ("add", "update", "delete"))
    rebuilt = sum(item.totals["rebuild"] for item in plans)
    unread = sum(item.error is not None for item in plans)
    text = styled("")
    if changes or rebuilt or texts:
        text.append("\nTo do: ", style="bold")
        text.append(f"{counted(changes, 'changed document')}, ")
        if rebuilt:
            text.append(f"{counted(rebuilt, 'document')} to rebuild, ")
        text.append(
            f"{counted(texts, 'text')} to embed ({counted(tokens, 'token')}), "
            f"about {duration(sum(item.seconds for item in plans))}, cost {money(total, currency)}."
        )
    elif not unread:
        text.append("\nNothing to do.", style="bold")
    if unread:
        text.append(f"\n{counted(unread, 'source')} cannot be read.", style="bold red")
    return text
