"""Connectors by name: the built-in ones, and those that packages register as entry points.

A plug-in adds to its own ``pyproject.toml``::

    [project.entry-points."openshelf.connectors"]
    helpdesk = "my_package.helpdesk:connector"

where ``connector`` is a ``ConnectorType``. The built-in ones are known without package metadata, so a
checkout that was never installed works as well.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from pydantic import BaseModel

from configs.errors import ConfigError
from configs.schema import Source
from connectors.contract import Connector

GROUP = "openshelf.connectors"
BUILT_IN = {
    "files": "connectors.files:connector",
    "csv": "connectors.csv:connector",
    "zendesk": "connectors.zendesk.connector:connector",
    "confluence": "connectors.confluence.connector:connector",
    "google-drive": "connectors.google_drive.connector:connector",
    "shopify": "connectors.shopify.connector:connector",
    "freshdesk": "connectors.freshdesk.connector:connector",
    "openai-vector-stores": "connectors.openai_vector_stores.connector:connector",
}
LOCAL = frozenset({"files"})
"""Types that never need a network."""


@runtime_checkable
class ConnectorType(Protocol):
    """What an entry point of ``openshelf.connectors`` is."""

    @property
    def options(self) -> type[BaseModel]:
        """The model of the source's own YAML keys; it forbids unknown ones."""
        ...

    def build(self, name: str, options: Any, *, base_dir: Path) -> Connector:
        """Make the connector of source ``name``; reads nothing yet.

        Args:
            options: an instance of ``self.options``.
            base_dir: the YAML file's folder; relative paths start there.
        """
        ...


def connector_names() -> list[str]:
    """Every type that a source can have here, sorted."""
    return sorted(BUILT_IN.keys() | _plug_ins().keys())


def connector_type(name: str) -> ConnectorType:
    """The connector that ``type: name`` asks for; a built-in one cannot be replaced by a plug-in.

    Raises:
        ConfigError: no such connector (says which there are), or the plug-in cannot be loaded.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return cast(ConnectorType, getattr(importlib.import_module(module), attribute))
    point = _plug_ins().get(name)
    if point is None:
        names = connector_names()
        close = difflib.get_close_matches(name, names, n=1)
        guess = f"Did you mean {close[0]!r}? " if close else ""
        raise ConfigError(f"There is no connector {name!r}.", hint=f"{guess}Known: {', '.join(names)}.")
    try:
        found = point.load()
    except Exception as error:  # a plug-in's import can fail in any way
        raise ConfigError(
            f"The connector {name!r} ({point.value}) cannot be loaded: {type(error).__name__}: {error}.",
            hint="Reinstall or remove the package that brings it.",
        ) from error
    if not isinstance(found, ConnectorType):
        raise ConfigError(
            f"The connector {name!r} ({point.value}) has no `options` and `build`.",
            hint="See connectors/registry.py for what a plug-in provides.",
        )
    return found


def needs_network(source: Source) -> bool:
    """Whether reading ``source`` asks a server; of a plug-in nobody knows, so it is taken to."""
    if source.type == "csv":
        return source.options.get("url") is not None
    return source.type not in LOCAL


def validate_options(type_name: str, raw: dict[str, Any], base_dir: Path) -> BaseModel:
    """Check a source's own keys without touching the source.

    Args:
        base_dir: the YAML file's folder, given to validators as ``info.context["base_dir"]``. Paths stay
            as they were written; the connector resolves them from this folder.

    Raises:
        ConfigError: unknown connector.
        pydantic.ValidationError: a key is unknown, missing or wrong; its location is relative to ``raw``.
    """
    return connector_type(type_name).options.model_validate(raw, context={"base_dir": base_dir})


def open_connector(source: Source, base_dir: Path) -> Connector:
    """The connector of a configured source.

    Raises:
        ConfigError: unknown connector.
        pydantic.ValidationError: see ``validate_options``.
    """
    options = validate_options(source.type, source.options, base_dir)
    return connector_type(source.type).build(source.name, options, base_dir=base_dir)


def _plug_ins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in BUILT_IN}
