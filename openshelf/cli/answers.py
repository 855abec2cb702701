"""How an answer ends on a terminal: its sources with their reasons, then what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openshelf.cli.hits import where
from openshelf.cli.printing import counted, jsonable, money, styled

if TYPE_CHECKING:
    from rich.console import Console

    from retrieval.events import Answer, Event

_REFUSED = {
    "threshold": "No passage comes near the question, so no model was asked.",
    "no-answer": "The model found no answer in the sources.",
    "declined": "The model declined to answer.",
    "content-filter": "The provider's content filter stopped the answer.",
}


def show_sources(out: Console, answer: Answer, *, why: bool, only_cited: bool) -> None:
    """The numbered sources that were sent; those that the answer does not cite are dimmed, or left out."""
    cited = {citation.number for citation in answer.citations}
    sources = [source for context in answer.contexts for source in context.sources]
    if only_cited:
        sources = [source for source in sources if source.number in cited]
    for source in sources:
        best, faded = source.best, "" if source.number in cited else "dim"
        line = styled(f"[{source.number}] ", faded or "bold")
        line.append_text(styled(best.title or best.document_id, faded or "bold"))
        line.append_text(styled(f"  {best.url or f'{best.source} / {best.document_id}'}", faded or "blue"))
        if faded:
            line.append_text(styled("  not cited", faded))
        out.print(line, soft_wrap=True)
        if why:
            out.print(styled(f"    {where(best)}", "dim"))
            out.print(styled(f"    {best.why}", "dim" if faded else "cyan"))


def show_footer(out: Console, answer: Answer, currency: str) -> None:
    """How the answer was made, and its tokens and money."""
    if answer.reason:
        out.print(styled(_REFUSED[answer.reason], "yellow"))
    if answer.incomplete and answer.reason != "content-filter":
        out.print(styled(f"The answer ends early: {answer.incomplete.replace('_', ' ')}.", "yellow"))
    if answer.mode == "extractive":
        if not answer.refused:
            out.print(styled("It cost nothing. With OPENAI_API_KEY set a model writes the answer.", "dim"))
        return
    if answer.usage.input or answer.usage.output:
        usage = answer.usage
        cached = f" ({usage.cached:,} cached)" if usage.cached else ""
        parts = [f"{counted(usage.input, 'token')} in{cached}", f"{usage.output:,} out"]
        parts.append(f"{answer.context_tokens:,} of context")
        out.print(styled(f"{answer.model} · {', '.join(parts)} · cost {money(answer.cost, currency)}", "dim"))


def event_line(event: Event) -> dict[str, Any]:
    """An event as one JSON object: ``event`` names it, the rest are its fields."""
    name = type(event).__name__.lower()
    fields = jsonable(event)
    return {"event": name, **(fields if isinstance(fields, dict) else {})}
