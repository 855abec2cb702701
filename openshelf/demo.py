"""``make demo``: sync the sample knowledge base and answer a handful of questions. No key, no hub, no server.

With ``OPENAI_API_KEY`` (and ``OPENAI_BASE_URL``) set, a model's answers are streamed instead of quotes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configs.errors import OpenshelfError
from openshelf.cli.asking import show_answer
from openshelf.cli.logs import quiet_dependencies
from openshelf.cli.printing import console, styled
from openshelf.cli.runs import code_of, show_runs
from openshelf.cli.state import App
from openshelf.cli.syncing import sync_sources

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "quickstart.yaml"


@dataclass(frozen=True)
class Question:
    """A question of the demo, and what it shows."""

    text: str
    shows: str
    options: dict[str, Any] = field(default_factory=dict)


QUESTIONS = (
    Question("Can I return worn shoes?", "an article in Markdown"),
    Question("How much wind does the Summit 2 tent withstand?", "a table in a PDF"),
    Question(
        "Is there a waterproof jacket?",
        "a product list, filtered: price below 100, in stock",
        {"filters": {"category": "jackets", "price": {"lt": 100}, "in_stock": True}},
    ),
    Question("Combien de temps un colis attend-il au point relais ?", "French"),
    Question(
        "How much goodwill may support give for a late delivery?",
        "a runbook that only agents may see",
        {"groups": ["agents"]},
    ),
    Question("Do you rent out skis by the week?", "nothing in the knowledge base answers this"),
)


def main() -> int:
    """Run the demo; 0 where every source was synced and every question was answered or declined."""
    quiet_dependencies()
    app = App(config=CONFIG)
    out = console()
    try:
        with app.shelf() as shelf:
            out.print(styled(f"Syncing the sample knowledge base ({CONFIG.relative_to(CONFIG.parents[1])})", "bold"))
            finished = sync_sources(app, shelf, ())
            show_runs(app, finished, [], as_json=False)
            for question in QUESTIONS:
                out.print()
                out.print(styled(f"? {question.text}", "bold"), styled(f"({question.shows})", "dim"))
                show_answer(
                    app, shelf, shelf.answer(question.text, stream=True, **question.options), why=True, brief=True
                )
            model = not shelf.answerer.extractive
    except OpenshelfError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    out.print()
    out.print(styled("What to type next", "bold"))
    for line in _next(model=model):
        out.print(line, soft_wrap=True)
    return code_of(finished)


def _next(*, model: bool) -> list[str]:
    here = ".venv/bin/openshelf -c configs/quickstart.yaml"
    lines = [
        f'  {here} ask "My boots squeak when I walk, is that a fault?"',
        f'  {here} search "waterproof jacket" --filter "price<100"',
        f'  {here} explain "tumble dryer" --document en/payment.md',
        f"  {here} chunks configs/sample/help-centre/en/worn-shoes.md --chunker token --size 60",
        "  .venv/bin/openshelf init my-shelf.yaml      # your own documents; README.md goes on from here",
    ]
    return lines if model else [*lines, "  OPENAI_API_KEY=... make demo                # a model writes the answers"]


if __name__ == "__main__":
    sys.exit(main())
