"""Reads ``--filter price<100`` and ``--set fusion=rrf``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import click

# The longest operators first: `<=` is not `<` and a value that starts with `=`.
_OPERATORS = {"!=": "ne", ">=": "gte", "<=": "lte", "=": "eq", ">": "gt", "<": "lt"}
_TERM = re.compile(r"\s*([^\s!<>=][^!<>=]*?)\s*(!=|>=|<=|=|>|<)(.*)", re.DOTALL)


def filter_options(function: Any) -> Any:
    """``--filter``, ``--filters`` and ``--group``: who asks, and about which documents."""
    for option in (
        click.option(
            "--group",
            "groups",
            multiple=True,
            metavar="NAME",
            help="A group the reader belongs to, for restricted documents; repeatable. Without it: public ones only.",
        ),
        click.option(
            "--filters",
            "filter_json",
            metavar="JSON",
            help='A whole filter, e.g. \'{"or": [{"source": "faq"}, {"price": {"lt": 100}}]}\'.',
        ),
        click.option(
            "--filter",
            "filter_terms",
            multiple=True,
            metavar="KEY=VALUE",
            help="Also KEY!=, KEY<, KEY<=, KEY>, KEY>=. Repeatable; all must hold. "
            "Numbers, true/false and dates compare as such; quote what is text: 'sku=\"100\"'. "
            "A JSON list means any of its values.",
        ),
    ):
        function = option(function)
    return function


def read_filters(terms: Iterable[str], whole: str | None) -> dict[str, Any] | None:
    """One filter of all that was given, or ``None``.

    Raises:
        click.UsageError: a term or the JSON is malformed.
    """
    parts: list[dict[str, Any]] = [_term(text) for text in terms]
    if whole is not None:
        try:
            parsed = json.loads(whole)
        except ValueError as error:
            raise click.UsageError(f"--filters is not JSON: {error}.") from None
        if not isinstance(parsed, dict):
            raise click.UsageError('--filters must be a JSON object, such as \'{"source": "faq"}\'.')
        parts += [parsed] if parsed else []
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else {"and": parts}


def read_settings(assignments: Iterable[str], option: str = "--set") -> dict[str, Any]:
    """``key=value`` pairs as a mapping; ``a.b=1`` nests. Values are JSON where they can be, else text.

    Raises:
        click.UsageError: a pair has no ``=`` or no key.
    """
    result: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        keys = [part.strip().replace("-", "_") for part in name.split(".")]
        if not equals or not all(keys):
            raise click.UsageError(f"{option} takes KEY=VALUE, not {text!r}.")
        place = result
        for key in keys[:-1]:
            below = place.setdefault(key, {})
            if not isinstance(below, dict):
                raise click.UsageError(f"{option} sets {key!r} twice.")
            place = below
        place[keys[-1]] = _value(value)
    return result


def _term(text: str) -> dict[str, Any]:
    match = _TERM.fullmatch(text)
    if match is None:
        raise click.UsageError(f"--filter takes KEY=VALUE (or !=, <, <=, >, >=), not {text!r}.")
    key, operator, value = match.groups()
    chosen, wanted = _OPERATORS[operator], _value(value)
    if isinstance(wanted, list):
        chosen = {"eq": "in", "ne": "nin"}.get(chosen, chosen)
    if key in ("and", "or"):  # a column may be called so; as a plain key it would join filters
        return {"type": chosen, "key": key, "value": wanted}
    return {key: {chosen: wanted}}


def _value(text: str) -> Any:
    text = text.strip()
    try:
        value = json.loads(text, parse_constant=str)
    except ValueError:
        return text
    return text if value is None else value
