"""Writes ``docs/connectors/options.md``: the options of every built-in connector, from their models."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from configs.reference import table_of
from connectors.api_options import ApiOptions
from connectors.registry import BUILT_IN, connector_type

_INTRODUCTION = """\
# Options of the connectors

Written from the code by `python -m openshelf.reference`. They stand beside the keys that every source has
([configuration](../configuration.md)), or below `options` where a name is taken. Each connector's own page says what
they are for.
"""


def render() -> str:
    """The whole page as Markdown."""
    lines = [_INTRODUCTION]
    for name in BUILT_IN:
        model = connector_type(name).options
        shared = set(ApiOptions.model_fields) if issubclass(model, ApiOptions) else set()
        # An option whose default a connector changes is listed with the connector.
        same = {key for key in shared if repr(model.model_fields[key]) == repr(ApiOptions.model_fields[key])}
        lines += [f"## `{name}`", "", *table_of(model, without=same), ""]
        if same:
            lines += ["And those of [every API](#every-api).", ""]
        for key, inner in _sections(model):
            lines += [f"### `{key}` of `{name}`", "", inspect.cleandoc(inner.__doc__ or "").replace("``", "`"), ""]
            lines += [*table_of(inner), ""]
    return "\n".join([*lines, "## Every API", "", *table_of(ApiOptions), ""])


def _sections(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The options that are sections of their own."""
    for name, field in model.model_fields.items():
        for part in _models(field.annotation):
            yield name, part


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, dict, list):
        return [model for part in get_args(annotation) for model in _models(part)]
    return []
