"""Shopify's own description of its Admin API: whether a query is valid, which access scopes it needs, what it costs."""

from __future__ import annotations

import functools
import gzip
import json
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    build_client_schema,
    get_named_type,
    parse,
    validate,
    visit,
)

from tests.connectors.fakes.openapi import SPECS

FILE = SPECS / "shopify" / "admin_2026-10.json.gz"


def here() -> bool:
    """Whether the description is there."""
    return FILE.is_file()


@functools.cache
def _read() -> Any:
    return json.loads(gzip.decompress(FILE.read_bytes()))


@functools.cache
def schema() -> GraphQLSchema:
    return build_client_schema(_read()["data"], assume_valid=True)


@functools.cache
def _scopes() -> dict[tuple[str, str | None], tuple[frozenset[str], str]]:
    items = _read()["offline_scopes"]["items"]
    return {
        (item["typeName"], item.get("fieldName")): (frozenset(item["offlineScopes"]), item["requiredAccess"])
        for item in items
        if item["offlineScopes"]
    }


@functools.cache
def parsed(query: str) -> DocumentNode:
    return parse(query)


@functools.cache
def problems(query: str) -> tuple[str, ...]:
    """What is wrong with a query, deprecated fields included."""
    from graphql import NoDeprecatedCustomRule, specified_rules

    document = parsed(query)
    return tuple(error.message for error in validate(schema(), document, [*specified_rules, NoDeprecatedCustomRule]))


class _Needed(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.path: list[str] = []
        self.found: list[tuple[tuple[str, ...], frozenset[str], str]] = []

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self.path.append(node.alias.value if node.alias else node.name.value)
        parent, kind = self.info.get_parent_type(), self.info.get_type()
        for key in (
            (parent.name if parent else "", node.name.value),
            (get_named_type(kind).name if kind else "", None),
        ):
            if key in _scopes():
                self.found.append((tuple(self.path), *_scopes()[key]))

    def leave_field(self, *_: Any) -> None:
        self.path.pop()


@functools.cache
def needed_scopes(query: str) -> tuple[tuple[tuple[str, ...], frozenset[str], str], ...]:
    """Path, access scopes of which one is enough, and Shopify's words for them, for all fields that need some."""
    info = TypeInfo(schema())
    needed = _Needed(info)
    visit(parsed(query), TypeInfoVisitor(info, needed))
    return tuple(needed.found)


def cost(query: str, variables: dict[str, Any]) -> int:
    """Points asked for ("API limits": objects 1, connections by their size)."""
    operation = next(one for one in parsed(query).definitions if isinstance(one, OperationDefinitionNode))
    return sum(_cost(field, variables) for field in operation.selection_set.selections)


def _cost(node: Any, variables: dict[str, Any]) -> int:
    if isinstance(node, InlineFragmentNode):
        return sum(_cost(field, variables) for field in node.selection_set.selections)
    if isinstance(node, FragmentSpreadNode) or node.selection_set is None:
        return 0
    inner = sum(_cost(field, variables) for field in node.selection_set.selections)
    if node.name.value in ("nodes", "edges", "node", "pageInfo"):
        ids = [argument.value for argument in node.arguments or () if argument.name.value == "ids"]
        return len(variables[ids[0].name.value]) * (1 + inner) if ids else inner
    for argument in node.arguments or ():
        if argument.name.value == "first":
            value = argument.value
            size = int(value.value) if isinstance(value, IntValueNode) else 0
            if isinstance(value, VariableNode):
                size = int(variables[value.name.value])
            return 2 + size * (1 + inner)
    return 1 + inner


def connections(query: str) -> tuple[int, int]:
    """How many connections a query has, and how deep they are nested."""

    def walk(node: Any, depth: int) -> tuple[int, int]:
        is_one = isinstance(node, FieldNode) and any(
            isinstance(field, FieldNode) and field.name.value == "edges"
            for field in (node.selection_set.selections if node.selection_set else ())
        )
        depth += is_one
        count, deepest = int(is_one), depth
        for field in node.selection_set.selections if node.selection_set else ():
            more, below = walk(field, depth)
            count, deepest = count + more, max(deepest, below)
        return count, deepest

    operation = next(one for one in parsed(query).definitions if isinstance(one, OperationDefinitionNode))
    pairs = [walk(field, 0) for field in operation.selection_set.selections]
    return sum(count for count, _ in pairs), max(depth for _, depth in pairs)
