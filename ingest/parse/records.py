"""Two formats of connectors' own: one row of a table, and a conversation."""

from __future__ import annotations

import json

from configs.errors import ParseError
from ingest.document import Kind
from ingest.parse.blocks import Block, Parsed
from ingest.parse.text import decode

_ASKERS = frozenset({"customer", "user", "end-user", "requester", "visitor", "client", "question"})
_LABELS = {"end-user": "Customer", "requester": "Customer", "assistant": "Agent"}


def parse_row(content: bytes) -> Parsed:
    """Parse ``text/x-row``: "Column: value" lines become one element, as they are."""
    return Parsed([Block(Kind.ROW, decode(content))])


def parse_conversation(content: bytes) -> Parsed:
    """Parse ``application/x-conversation+json``: ``{"turns": [{"role": ..., "text": ...}]}`` (or the bare list).

    Turns of the one who asks become questions, all others answers; each starts with a short label.

    Raises:
        ParseError: it is no JSON, or not of that shape.
    """
    try:
        loaded = json.loads(decode(content))
    except (ValueError, RecursionError) as error:
        raise ParseError(f"the conversation is not valid JSON ({error}).") from error
    turns = loaded.get("turns") if isinstance(loaded, dict) else loaded
    if not isinstance(turns, list):
        raise ParseError("the conversation has no list of turns.", hint='Give {"turns": [{"role": ..., "text": ...}]}.')
    blocks = []
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, dict) or not isinstance(turn.get("text"), str):
            raise ParseError(f"turn {number} has no text.", hint='Each turn is {"role": ..., "text": ...}.')
        role = str(turn.get("role") or "agent").strip()
        text = turn["text"].strip()
        if text:
            kind = Kind.QUESTION if role.casefold() in _ASKERS else Kind.ANSWER
            label = _LABELS.get(role.casefold(), role[:1].upper() + role[1:])
            blocks.append(Block(kind, f"{label}: {text}"))
    return Parsed(blocks)
