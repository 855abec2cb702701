"""Items that a request only names (``item_reference``), found in what was kept for its key."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import String, exists, func, literal, select, type_coerce

from ingest.ledger import Ledger
from ingest.ledger.where import among
from openshelf.server.contract import Caller
from openshelf.server.errors import not_found
from openshelf.server.responses.items import reference
from openshelf.server.responses.storage import mine
from openshelf.server.responses.tables import conversations, items, responses


def resolved(ledger: Ledger, caller: Caller, raw: Any) -> Any:
    """The input of a request with items in the place of references to them. Blocks.

    Raises:
        ApiError: 404, nothing that was kept for ``caller`` has the item.
    """
    if not isinstance(raw, list):
        return raw
    wanted = {key for item in raw if (key := reference(item)) is not None}
    if not wanted:
        return raw
    found = {item["id"]: item for item in _kept(ledger, caller, wanted) if item.get("id") in wanted}
    made = []
    for n, item in enumerate(raw):
        key = reference(item)
        if key is not None and key not in found:
            raise not_found("item", key, param=f"input[{n}].id")
        made.append(item if key is None else found[key])
    return made


def _kept(ledger: Ledger, caller: Caller, wanted: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """Items among which those with ``wanted`` ids are, the newest last."""
    named = func.json_each(literal(json.dumps([f'"{key}"' for key in wanted]), String)).table_valued("value")
    with ledger.reading() as connection:
        # Items of responses have no row of their own: the text of each is looked through, which is fast enough for
        # what is asked seldom.
        holds = [
            exists().select_from(named).where(func.instr(type_coerce(column, String), named.c.value) > 0)
            for column in (responses.c.body, responses.c.input)
        ]
        rows = connection.execute(
            select(responses.c.body, responses.c.input)
            .where(mine(responses, caller), holds[0] | holds[1])
            .order_by(responses.c.created)
        )
        for row in rows:
            yield from (*row.input, *row.body["output"])
        found = connection.execute(
            select(items.c.body)
            .join(conversations, conversations.c.id == items.c.conversation)
            .where(mine(conversations, caller), among(items.c.id, wanted))
            .order_by(items.c.place)
        )
        yield from (dict(row.body) for row in found)
