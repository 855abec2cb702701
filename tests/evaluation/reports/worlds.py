"""Small results that reports are made of, with whatever a document may hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from evaluation.case import Case, Gold, Passage, Relevant
from evaluation.outcome import Found, Outcome, Run
from evaluation.simulate import rates
from evaluation.simulate.result import (
    Agreement,
    CitedPassage,
    Costs,
    Example,
    Gap,
    Latency,
    Nearest,
    Replayed,
    Simulation,
)

HOSTILE = (
    "Before <script>window.broken = 1</script> and </script> and --> and ]]> and {{ 7*7 }} {% raw %} "
    '<img src=x onerror="window.broken = 2"> '
    "' onmouseover='window.broken = 3' \u202eright to left\u202c \u2066x\u0000"
)
TEXT = (
    f"# Returns\n\n{HOSTILE}\n\nWorn shoes can be exchanged within 30 days. Unworn shoes have 60 days.\n\n"
    + "More. " * 400
)
QUOTE = "Worn shoes can be exchanged within 30 days."
DOCUMENT = "returns <b>&amp;.md"
WHY: dict[str, Any] = {
    "keyword_rank": 2,
    "keyword_score": 7.31,
    "vector_rank": None,
    "vector_score": None,
    "fused": 0.512,
    "reranked": 0.25,
    "fingerprint": "f",
    "chunker": "token",
    "matched": ["worn", "shoe<s>"],
    "notes": ["diversity: was 3rd"],
}


def found(start: int, end: int, *, document: str = DOCUMENT, text: str | None = None, **why: Any) -> Found:
    """A hit of ``TEXT``."""
    shown = TEXT[start:end] if text is None else text
    return Found(f"c{start}", "kb", document, f"Returns {HOSTILE}", start, end, 0.5, 40, shown, {**WHY, **why})


def gold_and_run(extra: int = 0) -> tuple[Gold, Run]:
    """Five questions of every kind, and ``extra`` more that were found."""
    start = TEXT.index(QUOTE)
    passage = Passage(DOCUMENT, QUOTE, "kb", start, start + len(QUOTE))
    near = found(start - 20, start + 25)
    perfect = {"context_recall": 1.0, "recall@5": 1.0, "ndcg@10": 0.9, "refusal_correct": 1.0}
    cases = [
        Case("found", "Can I return worn shoes?", (passage,), tags=("returns", "<i>"), language="en"),
        Case("missed", f"What about {HOSTILE}", (passage,), language="fr", answer="As it says."),
        Case("none", "Do you rent out skis?", answerable=False, tags=("returns",)),
        Case("failed", "Who fails?", (passage,)),
        Case("document", "Which article is it?", documents=(Relevant(DOCUMENT, "kb"),), groups=frozenset({"agents"})),
    ]
    outcomes = [
        Outcome("found", (found(0, 30), near), 0.8, (("kb", DOCUMENT, start, start + 25),), 120, 0.02, 0.0,
                {**perfect, "context_recall": 0.6}),
        Outcome("missed", (found(len(TEXT) - 400, len(TEXT)),), 0.5, (), 90, 0.03, 0.0,
                {"context_recall": 0.0, "recall@5": 1.0, "ndcg@10": 0.1, "refusal_correct": 1.0}),
        Outcome("none", (near,), 0.7, (), 80, 0.01, 0.0, {"refusal_correct": 0.0}),
        Outcome("failed", error=f"The model is down. {HOSTILE}"),
        Outcome("document", (near,), 0.2, (), 70, 0.04, 0.0, {"recall@5": 1.0, "ndcg@10": 1.0, "refusal_correct": 0.0}),
    ]  # fmt: skip
    for number in range(extra):
        cases.append(Case(f"more-{number}", f"Question {number} about shoes?", (passage,), language="en"))
        outcomes.append(Outcome(f"more-{number}", (near,), 0.9, (), 60 + number, 0.02, 0.0, dict(perfect)))
    manifest = {"threshold": 0.4, "currency": "USD", "made": "2026-01-01", "config": {"file": f"{HOSTILE}.yaml"}}
    return Gold("gold", tuple(cases), "sha"), Run("after", manifest, tuple(outcomes))


def simulation(count: int = 40) -> Simulation:
    """A rehearsal in which answers with more evidence are right more often."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    tickets = []
    for number in range(count):
        evidence = (number * 7 % count) / count
        right = evidence > 0.5 or number % 3 == 0
        answered = evidence >= 0.4
        tickets.append(
            Replayed(
                id=f"T{number}",
                asked=start + timedelta(days=number),
                question=f"Question {number}? {HOSTILE}",
                agent=f"The agent says {HOSTILE}",
                language=("en", "fr")[number % 2],
                brand="Shop & Sons",
                topic="shipping" if number % 4 else "returns",
                tags=("a", "b")[: number % 3],
                evidence=evidence,
                outcome="handed over" if not answered else "right" if right else "wrong",
                reason="agrees" if right else "contradicts",
                would_be="right" if right else "wrong",
                answer=f"We answer {HOSTILE}",
                citations=(CitedPassage("kb", DOCUMENT, "Returns", None, f"Quoted {HOSTILE}", 0, 20, start),),
                groundedness=1.0,
                agreement=Agreement(0.5, 0.4, 0.7, None, ("14 days, not 30 days",), 0.4, "contradicts"),
                judged=None,
                hits=(("kb", DOCUMENT, "Returns", 0.9),),
                known=12,
                context_tokens=300,
                seconds=0.05,
                cost=0.0,
                in_context=True,
                closed=False,
            )
        )
    gap = Gap(
        "shoes <b>", ("shoes",), "missing", 3, 3 / count, 1.5, 1, start, start, ("en",),
        (Example("T1", f"Question {HOSTILE}", "The agent."),), Nearest("kb", DOCUMENT, "Returns", 0.5, "evidence 0.2"),
        ("T1", "T2", "gone"),
    )  # fmt: skip
    return Simulation(
        "rehearsal", {"made": "2026-01-01", "config": {"file": HOSTILE}}, tuple(tickets), rates.rates(tickets),
        rates.quality(tickets), rates.breakdowns(tickets), rates.curve(tickets, 0.4), (gap,),
        Costs("USD", 0.0, 0.0, "gpt", 0.002, 1.2, None, 40.0, 300.0), Latency(count, 0.05, 0.09), 0.4, ("A note.",),
    )  # fmt: skip
