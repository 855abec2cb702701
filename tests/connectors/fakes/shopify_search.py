"""Shopify's search syntax, as far as it is used here ("Shopify API search syntax")."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<paren>[()])|(?P<word>AND|OR)\b|(?P<field>\w+):(?P<op>>=|<=|>|<)?(?P<value>'[^']*'|[\w-]+))"
)

Match = Callable[[Mapping[str, Any]], bool]


class BadSearch(ValueError):
    """Shopify would ignore a part of the search."""


@functools.cache
def search(text: str) -> Match:
    """A function that says whether a record (values by field) is found."""
    tokens, position = [], 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if not found:
            raise BadSearch(f"not understood: {text[position:]!r}")
        tokens.append(found)
        position = found.end()
    match, rest = _either(tokens)
    if rest:
        raise BadSearch(f"left over: {rest[0][0]!r}")
    return match


def _either(tokens: list[Any]) -> tuple[Match, list[Any]]:
    parts = []
    while True:
        part, tokens = _all(tokens)
        parts.append(part)
        if not tokens or tokens[0]["word"] != "OR":
            return lambda record: any(part(record) for part in parts), tokens
        tokens = tokens[1:]


def _all(tokens: list[Any]) -> tuple[Match, list[Any]]:
    parts = []
    while True:
        part, tokens = _term(tokens)
        parts.append(part)
        if tokens and tokens[0]["word"] == "AND":
            tokens = tokens[1:]
        elif not tokens or tokens[0]["word"] == "OR" or tokens[0]["paren"] == ")":
            return lambda record: all(part(record) for part in parts), tokens


def _term(tokens: list[Any]) -> tuple[Match, list[Any]]:
    if not tokens:
        raise BadSearch("a term is missing")
    token, rest = tokens[0], tokens[1:]
    if token["paren"] == "(":
        inner, rest = _either(rest)
        if not rest or rest[0]["paren"] != ")":
            raise BadSearch("a parenthesis is not closed")
        return inner, rest[1:]
    field, compare, value = token["field"], token["op"] or "=", token["value"]
    if field is None:
        raise BadSearch(f"no term: {token[0]!r}")
    if field.endswith("_at") and not value.startswith("'"):
        raise BadSearch(f"a date stands in quotes: {value}")
    value = value.strip("'")

    def match(record: Mapping[str, Any]) -> bool:
        if field not in record:
            raise BadSearch(f"no such field: {field}")
        held = record[field]
        if held is None:
            return False
        if compare == "=":
            return str(held).casefold() == value.casefold()
        return {">=": held >= value, "<=": held <= value, ">": held > value, "<": held < value}[compare]

    return match, rest
