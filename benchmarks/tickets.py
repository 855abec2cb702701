"""Writes time-stamped articles and solved tickets of a company that exists nowhere, with the truth about each ticket.

    python -m benchmarks.tickets FOLDER --tickets 600 --seed 1
    python -m benchmarks.tickets FOLDER --tickets 600 --seed 1 --rehearse

FOLDER gets ``articles.jsonl`` and ``tickets.jsonl`` (what ``openshelf simulate`` reads) and ``truth.jsonl``: for each
ticket its case, and the fact that a right answer states. With ``--rehearse`` the tickets are replayed, and what the
rehearsal measured is set beside the truth.

The case of a ticket is drawn first, with the shares of ``CASES``, then a subject and a moment that fit it. The same
seed gives the same files.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from evaluation.simulate.result import Replayed

CASES: Final[dict[str, float]] = {"answerable": 0.58, "unanswerable": 0.18, "outdated": 0.14, "not yet": 0.10}
"""``answerable``: an article says it. ``unanswerable``: none ever does. ``outdated``: the rule has changed and the
article has not. ``not yet``: the article was written later."""

UNREADABLE, EXTRA = 0.04, 0.15
"""Agents who answered by phone, so that the ticket does not say what; and those who name another amount beside."""

START: Final = datetime(2025, 7, 1, tzinfo=UTC)
DAYS: Final = 365
_BANK = Path(__file__).with_suffix(".yaml")
_MONTHS = ("January", "March", "April", "May", "September", "October")
_BRANDS = (("Larkfield", 0.7), ("Larkfield Outlet", 0.3))


@dataclass(frozen=True)
class Truth:
    """What is known about a ticket because it was made up.

    Attributes:
        facts: what a right answer states, as it is written in either language.
        articles: the ids of the articles on its subject, whether they exist at that moment or not.
    """

    id: str
    case: str
    topic: str
    facts: tuple[str, ...]
    articles: tuple[str, ...]


@dataclass(frozen=True)
class Life:
    """What happens to a subject: moments as days from ``START``.

    Attributes:
        written: when its article appears; ``None``: never.
        changed: when the rule changes.
        corrected: when the article says so.
    """

    written: float | None = -30.0
    changed: float | None = None
    corrected: float | None = None

    def windows(self) -> dict[str, list[tuple[float, float]]]:
        """When a ticket on this subject is which case."""
        if self.written is None:
            return {"unanswerable": [(0, DAYS)]}
        start = max(0.0, self.written)
        found: dict[str, list[tuple[float, float]]] = {"answerable": [(start, DAYS)]}
        if self.written > 0:
            found["not yet"] = [(0, self.written)]
        if self.changed is not None and self.corrected is not None and self.corrected > self.changed:
            found["answerable"] = [(start, self.changed), (self.corrected, DAYS)]
            found["outdated"] = [(self.changed, self.corrected)]
        return found

    def step(self, day: float) -> int:
        """How often the rule has changed by ``day``."""
        return int(self.changed is not None and day >= self.changed)


@dataclass(frozen=True)
class World:
    """All that is written."""

    articles: list[dict[str, Any]]
    tickets: list[dict[str, Any]]
    truths: list[Truth]


def make(tickets: int = 600, seed: int = 1, *, topics: int | None = None, gaps: int | None = None) -> World:
    """A world of so many tickets.

    Args:
        topics, gaps: only so many subjects with an article, and without one; default: all.
    """
    from ruamel.yaml import YAML

    bank = YAML(typ="safe").load(_BANK.read_text(encoding="utf-8"))
    draw = random.Random(seed)
    subjects = {one["id"]: one for one in [*bank["topics"][:topics], *bank["gaps"][:gaps]]}
    lives = _lives([one["id"] for one in bank["topics"][:topics]], draw)
    lives |= {one["id"]: Life(written=None) for one in bank["gaps"][:gaps]}
    articles = [
        row for name, life in lives.items() if life.written is not None for row in _versions(subjects[name], life, draw)
    ]
    plots = _plots(lives)
    rows, truths = [], []
    for case in draw.choices(list(CASES), weights=list(CASES.values()), k=tickets):
        name, day = _moment(plots[case], draw)
        row, facts = _ticket(bank, subjects[name], lives[name], case, day, draw)
        rows.append(row)
        ids = tuple(f"{name}.{language}" for language in ("en", "fr") if language in subjects[name])
        truths.append(Truth("", case, name, facts, ids))
    order = sorted(range(tickets), key=lambda place: rows[place]["asked"])
    named = [({"id": f"T{number:04d}", **rows[place]}, truths[place]) for number, place in enumerate(order, start=1)]
    truths = [Truth(row["id"], one.case, one.topic, one.facts, one.articles) for row, one in named]
    return World(sorted(articles, key=lambda row: (row["valid_from"], row["id"])), [row for row, _ in named], truths)


def true_outcome(truth: Truth, ticket: Replayed) -> str:
    """What really became of ``ticket``: an answer is right when a passage on the subject states the fact."""
    if ticket.outcome == "handed over":
        return "handed over"
    return "right" if states_the_fact(truth, ticket) else "wrong"


def states_the_fact(truth: Truth, ticket: Replayed) -> bool:
    """Whether one of the quoted passages is on the subject and states what is right at that moment."""
    return any(
        _plain(fact) in _plain(one.quote) and (one.document in truth.articles or one.document.startswith("T"))
        for one in ticket.citations
        for fact in truth.facts
    )


def write(world: World, folder: Path) -> None:
    """``articles.jsonl``, ``tickets.jsonl`` and ``truth.jsonl``."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "articles.jsonl", world.articles)
    _write(folder / "tickets.jsonl", world.tickets)
    _write(folder / "truth.jsonl", [asdict(truth) for truth in world.truths])


def read_truth(path: Path) -> dict[str, Truth]:
    """The truths of a file, by ticket."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {
        row["id"]: Truth(**{**row, "articles": tuple(row["articles"]), "facts": tuple(row["facts"])}) for row in rows
    }


# --- drawing --------------------------------------------------------------------------------------


def _lives(names: Sequence[str], draw: random.Random) -> dict[str, Life]:
    """A third goes stale for a while, a fifth is written late, a sixth changes on the day, the rest stays."""
    shuffled = draw.sample(list(names), len(names))
    lives = {}
    for place, name in enumerate(shuffled):
        share = place / len(names)
        written = -draw.uniform(30, 400)
        if share < 0.33:
            changed = DAYS * draw.uniform(0.15, 0.5)
            lives[name] = Life(written, changed, changed + DAYS * draw.uniform(0.2, 0.4))
        elif share < 0.53:
            lives[name] = Life(DAYS * draw.uniform(0.45, 0.85))
        elif share < 0.7:
            changed = DAYS * draw.uniform(0.25, 0.75)
            lives[name] = Life(written, changed, changed)
        else:
            lives[name] = Life(written)
    return {name: lives[name] for name in names}


def _plots(lives: Mapping[str, Life]) -> dict[str, list[tuple[str, list[tuple[float, float]]]]]:
    plots: dict[str, list[tuple[str, list[tuple[float, float]]]]] = {case: [] for case in CASES}
    for name, life in lives.items():
        for case, windows in life.windows().items():
            plots[case].append((name, windows))
    return plots


def _moment(plots: Sequence[tuple[str, list[tuple[float, float]]]], draw: random.Random) -> tuple[str, float]:
    # Some subjects are asked about more than others.
    name, windows = draw.choices(plots, weights=[1 / (1 + 0.15 * place) for place in range(len(plots))])[0]
    first, last = draw.choices(windows, weights=[last - first for first, last in windows])[0]
    return name, draw.uniform(first, last)


def _versions(subject: Mapping[str, Any], life: Life, draw: random.Random) -> Iterable[dict[str, Any]]:
    moments = [life.written, life.corrected] if life.corrected is not None else [life.written]
    for language in ("en", "fr"):
        if language not in subject:
            continue
        for step, day in enumerate(moments):
            wording = subject[language]
            code = "".join(draw.choices("BCDFGHJKLMNPQRSTVWXZ", k=6))  # unlike any word: a leak is plain to see
            text = wording["article"].replace("{fact}", subject["facts"][language][step])
            yield {
                "id": f"{subject['id']}.{language}",
                "valid_from": _stamp(day or 0.0),
                "title": wording["title"],
                "text": f"# {wording['title']}\n\n{text}\n\nRevision {code}.",
                "url": f"https://help.larkfield.example/{language}/{subject['id']}",
                "language": language,
                "tags": [subject["tag"]],
            }


def _ticket(
    bank: Mapping[str, Any], subject: Mapping[str, Any], life: Life, case: str, day: float, draw: random.Random
) -> tuple[dict[str, Any], tuple[str, ...]]:
    language = "fr" if "fr" in subject and draw.random() < 0.4 else "en"
    wording = subject[language]
    step = life.step(day) if case != "unanswerable" else int(day > DAYS / 2)
    fact = subject["facts"][language][step]
    pieces = [draw.choice(bank["openers"][language]), draw.choice(wording["questions"])]
    aside = draw.choice(bank["asides"][language])
    pieces.insert(draw.choice([1, 2]), aside)
    pieces.append(draw.choice(bank["closers"][language]))
    question = " ".join(piece for piece in pieces if piece)
    question = question.replace("{order}", str(draw.randrange(20_000, 99_999))).replace(
        "{small}", str(draw.randrange(11, 29))
    )
    question = _typos(question.replace("{month}", draw.choice(_MONTHS)), draw)
    said = draw.choice(wording["answers"]).replace("{fact}", fact)
    dice = draw.random()
    if dice < UNREADABLE:
        said = draw.choice(bank["elsewhere"][language])
    elif dice < UNREADABLE + EXTRA:
        said = f"{said} {draw.choice(bank['extras'][language])}"
    answer = " ".join([draw.choice(bank["greetings"][language]), said, draw.choice(bank["partings"][language])]).strip()
    asked = _stamp(day)
    row: dict[str, Any] = {
        "asked": asked,
        "solved": _stamp(day + draw.uniform(0.02, 3.0)),
        "question": question,
        "answer": answer,
        "language": language,
        "brand": draw.choices([name for name, _ in _BRANDS], weights=[share for _, share in _BRANDS])[0],
        "topic": subject["id"],
        "tags": sorted({subject["tag"], *(["urgent"] if draw.random() < 0.1 else [])}),
    }
    if case == "answerable" and draw.random() < 0.4:
        row["links"] = [f"https://help.larkfield.example/{language}/{subject['id']}"]
    return row, tuple(facts[step] for facts in subject["facts"].values())


def _typos(text: str, draw: random.Random) -> str:
    """One word of twenty, longer than four letters, with two neighbouring letters exchanged."""
    words = text.split(" ")
    for place, word in enumerate(words):
        if len(word) > 4 and word.isalpha() and draw.random() < 0.05:
            at = draw.randrange(1, len(word) - 2)
            words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def _stamp(day: float) -> str:
    return (START + timedelta(days=day)).isoformat(timespec="seconds")


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("\xa0", " ").split())


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tickets", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--topics", type=int, help="subjects with an article; default: all")
    parser.add_argument("--gaps", type=int, help="subjects without one; default: all")
    parser.add_argument("--rehearse", action="store_true", help="replay them, and compare with the truth")
    parser.add_argument("--with-tickets", action="store_true", help="solved tickets are knowledge too")
    given = parser.parse_args()
    write(make(given.tickets, given.seed, topics=given.topics, gaps=given.gaps), given.folder)
    if given.rehearse:
        from benchmarks.rehearsal import rehearse

        rehearse(given.folder, with_tickets=given.with_tickets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
