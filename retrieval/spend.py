"""The ledger of money: what calls cost, and caps that stop before it is spent.

A call is paid for in two steps. ``check`` works out the worst case (all input uncached, all output tokens used),
compares it with the caps and *reserves* it in the same transaction, so that calls running side by side cannot pass
a cap together. ``settle`` replaces the reservation by what was really used. The reservation of a process that died
expires.

The caps' day is the UTC day. Prices come from the YAML, for a million tokens.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Engine, Integer, cast, func, select

from configs.costs import Costs, Price
from configs.errors import BudgetExceeded, ConfigError
from ingest.ledger.tables import spend
from retrieval.events import Usage

Kind = Literal["answer", "summary", "embedding", "judge"]
By = Literal["day", "source", "conversation", "model"]
_RESERVED = "reserved:"
_DAY = 86_400
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one call, to be settled or released."""

    id: int
    kind: Kind
    model: str
    cost: float
    conversation: str | None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class SpendLine:
    """One line of a report.

    Attributes:
        key: the day (``2026-11-24``), source, conversation or model; empty where a call had none.
        unpriced: calls in this line whose model has no price, so that ``cost`` does not count them.
    """

    key: str
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost: float
    currency: str
    unpriced: int = 0


class Spend:
    """Records, caps and reports. Safe from many threads and processes.

    Args:
        reservation_seconds: how long a reservation holds when nobody settles it; longer than any call.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Costs,
        *,
        reservation_seconds: float = 900.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine, self.settings = engine, settings
        self._ttl, self._clock = reservation_seconds, clock

    def price(self, model: str, usage: Usage) -> float | None:
        """Money for ``usage``; ``None`` when the model has no price. Cached tokens without a price of their own
        cost as much as others."""
        price = self._price_of(model)
        if price is None:
            return None
        cached_price = price.input if price.cached_input is None else price.cached_input
        fresh = max(0, usage.input - usage.cached)
        return (fresh * price.input + usage.cached * cached_price + usage.output * price.output) / 1e6

    def record(
        self,
        kind: Kind,
        model: str,
        usage: Usage,
        *,
        source: str | None = None,
        conversation: str | None = None,
    ) -> float | None:
        """Write down a call that was made without a reservation; returns its cost as ``price`` does."""
        cost = self.price(model, usage)
        with self._writing() as connection:
            self._insert(connection, kind, model, usage, cost or 0.0, source, conversation)
        return cost

    def check(
        self,
        kind: Kind,
        model: str,
        estimate_input_tokens: int,
        max_output_tokens: int = 0,
        *,
        source: str | None = None,
        conversation: str | None = None,
    ) -> Reservation:
        """Set the worst case of a call aside.

        Raises:
            BudgetExceeded: a cap could be passed; nothing was spent and nothing stays reserved.
            ConfigError: a cap is set and the model has no price.
        """
        caps = self.settings.caps
        worst = self.price(model, Usage(input=estimate_input_tokens, output=max_output_tokens))
        capped = any(cap is not None for cap in (caps.per_call, caps.per_conversation, caps.per_day))
        if worst is None and capped:
            raise ConfigError(
                f"costs.caps is set, but the model {model} has no price, so the cap could not hold.",
                hint=f"Set costs.prices.{model} (input, cached_input and output for a million tokens).",
            )
        cost = worst or 0.0
        if caps.per_call is not None and cost > caps.per_call:
            raise self._exceeded("costs.caps.per_call", caps.per_call, 0.0, cost)
        with self._writing() as connection:
            if caps.per_conversation is not None and conversation is not None:
                spent = self._sum(connection, spend.c.conversation == conversation)
                if spent + cost > caps.per_conversation:
                    raise self._exceeded("costs.caps.per_conversation", caps.per_conversation, spent, cost)
            if caps.per_day is not None:
                midnight = self._clock() // _DAY * _DAY
                spent = self._sum(connection, spend.c.at >= midnight)
                if spent + cost > caps.per_day:
                    raise self._exceeded("costs.caps.per_day", caps.per_day, spent, cost)
            usage = Usage(input=estimate_input_tokens, output=max_output_tokens)
            key = self._insert(connection, _RESERVED + kind, model, usage, cost, source, conversation)
        return Reservation(key, kind, model, cost, conversation, source)

    def settle(self, reservation: Reservation, usage: Usage) -> float | None:
        """Put what was used in the reservation's place; returns its cost as ``price`` does."""
        cost = self.price(reservation.model, usage)
        with self._writing() as connection:
            connection.execute(spend.delete().where(spend.c.id == reservation.id, spend.c.kind.startswith(_RESERVED)))
            paid = (reservation.source, reservation.conversation)
            self._insert(connection, reservation.kind, reservation.model, usage, cost or 0.0, *paid)
        return cost

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back: the call cost nothing."""
        with self._writing() as connection:
            connection.execute(spend.delete().where(spend.c.id == reservation.id, spend.c.kind.startswith(_RESERVED)))

    def report(self, by: By = "day") -> list[SpendLine]:
        """Money and tokens by UTC day, source, conversation or model, in order of the key. Reservations that are
        not settled are left out."""
        amounts = (spend.c.input_tokens, spend.c.cached_tokens, spend.c.output_tokens, spend.c.cost)
        # The day is grouped in SQL too (whole days since the epoch), so a long ledger is not read row by row.
        group = cast(spend.c.at, Integer) // _DAY if by == "day" else spend.c[by]
        query = (
            select(
                group.label("key"),
                spend.c.model,
                spend.c.currency,
                func.count().label("calls"),
                *[func.sum(amount).label(amount.name) for amount in amounts],
            )
            .where(~spend.c.kind.startswith(_RESERVED))
            .group_by(group, spend.c.model, spend.c.currency)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        lines: dict[tuple[str, str], SpendLine] = {}
        for row in rows:
            key = _day(row.key) if by == "day" else row.key or ""
            line = lines.get((key, row.currency), SpendLine(key, 0, 0, 0, 0, 0.0, row.currency))
            lines[key, row.currency] = SpendLine(
                key,
                line.calls + row.calls,
                line.input_tokens + row.input_tokens,
                line.cached_tokens + row.cached_tokens,
                line.output_tokens + row.output_tokens,
                line.cost + row.cost,
                row.currency,
                line.unpriced + (row.calls if self._price_of(row.model) is None else 0),
            )
        return [lines[key] for key in sorted(lines)]

    def _price_of(self, model: str) -> Price | None:
        # A provider answers with a dated snapshot (gpt-5-mini-2025-08-07) of the model that was asked for.
        prices = self.settings.prices
        return prices.get(model) or prices.get(_SNAPSHOT.sub("", model))

    def _exceeded(self, cap: str, limit: float, spent: float, cost: float) -> BudgetExceeded:
        currency = self.settings.currency
        return BudgetExceeded(
            f"The call could cost {cost:.4f} {currency}; with {spent:.4f} spent or reserved it could pass "
            f"{cap} ({limit:.4f} {currency}). Nothing was sent.",
            hint=f"Raise {cap}, or lower context.budget or answer.max_output_tokens.",
        )

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        # ``immediate`` takes the ledger's write lock at once; the DELETE does so on a plain SQLite engine. Either way
        # the sums below are read with the lock held.
        with self._engine.connect().execution_options(immediate=True) as connection, connection.begin():
            expired = spend.c.at < self._clock() - self._ttl
            connection.execute(spend.delete().where(spend.c.kind.startswith(_RESERVED), expired))
            yield connection

    def _insert(
        self,
        connection: Connection,
        kind: str,
        model: str,
        usage: Usage,
        cost: float,
        source: str | None,
        conversation: str | None,
    ) -> int:
        result = connection.execute(
            spend.insert().values(
                at=self._clock(),
                kind=kind,
                model=model,
                source=source,
                conversation=conversation,
                input_tokens=usage.input,
                cached_tokens=usage.cached,
                output_tokens=usage.output,
                cost=cost,
                currency=self.settings.currency,
            )
        )
        key = result.inserted_primary_key
        if key is None:  # every dialect that SQLAlchemy ships reports it
            raise RuntimeError("the database did not report the new row's key")
        return int(key[0])

    def _sum(self, connection: Connection, where: ColumnElement[bool]) -> float:
        total = select(func.coalesce(func.sum(spend.c.cost), 0.0)).where(
            where, spend.c.currency == self.settings.currency
        )
        return float(connection.execute(total).scalar_one())


def _day(number: float) -> str:
    return datetime.fromtimestamp(number * _DAY, UTC).date().isoformat()
