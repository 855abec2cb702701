"""Money of a variant: written down on the user's own shelf, and held by the same caps."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from configs.costs import Caps, Costs
from configs.schema import Config

_DAY = 86_400
_BUSY_SECONDS = 60.0
_COLUMNS = "at, kind, model, source, conversation, input_tokens, cached_tokens, output_tokens, cost, currency"
_SETTLED = "kind NOT LIKE 'reserved:%'"


@contextmanager
def carried_spend(
    variant: Path, shelf: Path, config: Config, money_left: float | None
) -> Iterator[tuple[Costs, Callable[[], float]]]:
    """Open a variant's ledger of money as a continuation of the shelf's.

    Args:
        variant, shelf: the two ledgers' files.
        money_left: a further cap for what is spent inside; ``None``: only the configured ones.

    Yields:
        The configuration's ``costs`` with that cap, and what was spent inside so far.
    """
    if config.embedder.provider == "local":
        yield config.costs, lambda: 0.0
        return
    _carry_back(variant, shelf)  # of a run that was killed
    with closing(_attached(variant, shelf)) as connection, connection:
        connection.execute("DELETE FROM spend")
        connection.execute(f"INSERT INTO spend ({_COLUMNS}) SELECT {_COLUMNS} FROM shelf.spend")
        last = connection.execute("SELECT coalesce(max(id), 0) FROM spend").fetchone()[0]
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('spend-carried', ?)", (str(last),))
        today = connection.execute(
            "SELECT coalesce(sum(cost), 0) FROM spend WHERE at >= ?", (time.time() // _DAY * _DAY,)
        ).fetchone()[0]
    costs = config.costs
    if money_left is not None:
        # The day's cap is the one that every call of every source counts against.
        cap = float(today) + max(0.0, money_left)
        cap = cap if costs.caps.per_day is None else min(cap, costs.caps.per_day)
        caps = Caps.model_validate({**costs.caps.model_dump(), "per_day": cap})
        costs = costs.model_copy(update={"caps": caps})

    def spent() -> float:
        with closing(sqlite3.connect(variant, timeout=_BUSY_SECONDS)) as connection:
            query = f"SELECT coalesce(sum(cost), 0) FROM spend WHERE id > ? AND {_SETTLED}"
            return float(connection.execute(query, (last,)).fetchone()[0])

    try:
        yield costs, spent
    finally:
        _carry_back(variant, shelf)


def _carry_back(variant: Path, shelf: Path) -> None:
    """Write what was spent on the variant down on the shelf, once."""
    with closing(_attached(variant, shelf)) as connection, connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'spend-carried'").fetchone()
        if row is None:
            return
        connection.execute(
            f"INSERT INTO shelf.spend ({_COLUMNS}) SELECT {_COLUMNS} FROM spend WHERE id > ? AND {_SETTLED}",
            (int(row[0]),),
        )
        last = connection.execute("SELECT coalesce(max(id), 0) FROM spend").fetchone()[0]
        connection.execute("UPDATE meta SET value = ? WHERE key = 'spend-carried'", (str(last),))


def _attached(variant: Path, shelf: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(variant, timeout=_BUSY_SECONDS)
    connection.execute("ATTACH ? AS shelf", (str(shelf),))
    return connection
