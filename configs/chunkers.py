"""Picks the chunker's model by its ``type``: a built-in one, or a plug-in's where one is installed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from pydantic import ValidationError

from configs.messages import Problem, given, problems_of, suggestion
from configs.schema import BUILT_IN_CHUNKERS, Chunker, HeadingChunker, PluginChunker, Section
from configs.yaml_lines import KeyPath

GROUP = "openshelf.chunkers"
DEFAULT = "heading"


def read_chunker(raw: Any, path: KeyPath) -> tuple[Chunker, list[Problem]]:
    """The chunker that ``raw`` describes; with problems, the default one stands in.

    Args:
        raw: the mapping below ``chunker`` in the YAML.
        path: where it stands, for the problems.
    """
    stand_in = HeadingChunker()
    if isinstance(raw, Section):
        return raw, []  # type: ignore[return-value]  # from Python: a chunker already
    if not isinstance(raw, Mapping):
        text = f"must be a mapping such as {{type: token, size: 256}}, not {given(raw, path)}."
        return stand_in, [Problem(path, text)]
    kind = raw.get("type", DEFAULT)
    model: type[Section] | None = BUILT_IN_CHUNKERS.get(kind) if isinstance(kind, str) else None
    if model is None:
        plugins = {entry.name for entry in entry_points(group=GROUP)}
        if not isinstance(kind, str) or kind not in plugins:
            known = [*BUILT_IN_CHUNKERS, *sorted(plugins)]
            hint = suggestion(str(kind), known) or f" Known: {', '.join(known)}."
            where = (*path, "type")
            return stand_in, [Problem(where, f"names no chunker: {given(kind, where)}.{hint}")]
        model = PluginChunker
    try:
        return model.model_validate({"type": kind, **raw}), []  # type: ignore[return-value]
    except ValidationError as error:
        found = problems_of(error, raw, model=model)
        return stand_in, [Problem((*path, *problem.path), problem.text) for problem in found]
