"""Lays each source of the YAML over the defaults and puts the connector's own keys aside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from configs.chunkers import DEFAULT, read_chunker
from configs.messages import Problem, given
from configs.schema import Defaults, Source
from configs.yaml_lines import KeyPath

_NAME = re.compile(r"\w[\w.-]{0,63}")
OVER_HTTP = "vs_"
"""How the names of vector stores start that are made over HTTP; no source of the YAML may take such a name."""
_EITHER = {"cron": "every", "every": "cron"}


def lay_over_defaults(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """``raw`` with every source complete, ready for ``Config``, and what is wrong with its shape.

    A broken part is left out of the result, or a default stands in, so that it is reported once.
    """
    problems: list[Problem] = []
    whole = dict(raw)
    defaults = raw.get("defaults")
    if defaults is None:
        whole["defaults"] = defaults = {}
    default_chunker = None
    if isinstance(defaults, Mapping) and "chunker" in defaults:
        default_chunker, problems = read_chunker(defaults["chunker"], ("defaults", "chunker"))
        whole["defaults"] = {**defaults, "chunker": default_chunker}
    below = defaults if isinstance(defaults, Mapping) else {}

    sources = raw.get("sources")
    whole["sources"] = {}
    if sources is not None and not isinstance(sources, Mapping):
        text = f"must be a mapping from a name to its settings, not {given(sources, ('sources',))}."
        return whole, [*problems, Problem(("sources",), text)]
    for name, own in (sources or {}).items():
        path: KeyPath = ("sources", name)
        if not _NAME.fullmatch(name):
            problems.append(Problem(path, "is no name: use letters, digits, dot, dash and underscore, at most 64."))
        elif name.startswith(OVER_HTTP):
            problems.append(Problem(path, f"cannot start with {OVER_HTTP}: vector stores made over HTTP are named so."))
        elif not isinstance(own, Mapping):
            problems.append(
                Problem(path, f"must be a mapping such as {{type: files, path: docs}}, not {given(own, path)}.")
            )
        else:
            merged, found = _source(name, own, below)
            if "chunker" not in own and default_chunker is not None:
                merged["chunker"] = default_chunker
            whole["sources"][name] = merged
            problems += found
    return whole, problems


def origin(raw: Any, path: KeyPath) -> KeyPath:
    """Where the value at ``path`` is written: there, or below ``defaults`` when a source took it from there."""
    if len(path) > 2 and path[0] == "sources":
        default: KeyPath = ("defaults", *path[2:])
        if not written(raw, path) and written(raw, default):
            return default
    return path


def written(raw: Any, path: KeyPath) -> bool:
    """Whether ``raw`` has a value at ``path``."""
    for part in path:
        in_list = isinstance(raw, list) and isinstance(part, int) and part < len(raw)
        if not in_list and not (isinstance(raw, Mapping) and part in raw):
            return False
        raw = raw[part]
    return True


def _source(name: str, own: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    path: KeyPath = ("sources", name)
    problems: list[Problem] = []
    merged: dict[str, Any] = {"name": name}
    if "name" in own:
        problems.append(Problem((*path, "name"), "cannot be set: a source's name is its key. Remove this line."))
    for key in Defaults.model_fields:
        if key == "chunker" and "chunker" in own:
            chunker, found = read_chunker(_chunker(defaults.get(key), own[key]), (*path, key))
            merged[key] = chunker
            problems += found
        elif key in own:
            merged[key] = _section(key, defaults.get(key), own[key])
        elif key in defaults and key != "chunker":
            merged[key] = defaults[key]
    own_keys = set(Source.model_fields) - {"name", "options"} - set(Defaults.model_fields)
    merged.update({key: own[key] for key in own_keys if key in own})

    options = {key: value for key, value in own.items() if key not in Source.model_fields}
    nested = own.get("options", {})
    if not isinstance(nested, Mapping):
        where = (*path, "options")
        problems.append(Problem(where, f"must be a mapping of the connector's own keys, not {given(nested, where)}."))
        nested = {}
    for key in options.keys() & nested.keys():
        problems.append(Problem((*path, "options", key), f"is given twice: here and as {key} of the source."))
    merged["options"] = {**options, **nested}
    return merged, problems


def _section(key: str, default: Any, own: Any) -> Any:
    """A source's section over the default one; values that are no mappings are replaced."""
    if not (isinstance(default, Mapping) and isinstance(own, Mapping)):
        return own
    if key == "schedule":
        # cron and every exclude each other, so choosing one drops an inherited other one.
        default = {name: value for name, value in default.items() if _EITHER.get(name) not in own}
    both = {name: _section("", default[name], own[name]) for name in default.keys() & own.keys()}
    return {**default, **own, **both}


def _chunker(default: Any, own: Any) -> Any:
    """Keys merge while the type stays the same; another type starts afresh."""
    if not (isinstance(default, Mapping) and isinstance(own, Mapping)):
        return own
    kept = default.get("type", DEFAULT)
    return {**default, **own} if own.get("type", kept) == kept else own
