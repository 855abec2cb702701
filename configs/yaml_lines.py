"""Reads YAML text into plain values and remembers on which line every key stands.

YAML 1.2 without surprises: no custom tags, no duplicate keys, no alias that multiplies, limits on size and depth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from configs.errors import ConfigError

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands, for example ``("sources", "faq", "path")``; list positions are numbers."""

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
MAX_DEPTH = 40

_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp"))
_COLLECTIONS = frozenset(_TAG + name for name in ("map", "seq"))


def read_yaml_file(path: Path, *, missing: str) -> tuple[Any, dict[KeyPath, int]]:
    """``read_yaml`` of a file in UTF-8.

    Args:
        missing: what to do where there is no such file.

    Raises:
        ConfigError: it is not there, too large, no UTF-8, cannot be read, or is no YAML.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES:,} bytes.", hint="Is it the right file?")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}.", hint=missing) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text.", hint="Save it as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    return read_yaml(text, path.name)


def read_yaml(text: str, name: str) -> tuple[Any, dict[KeyPath, int]]:
    """The value that ``text`` holds, and the 1-based line of every key and list item.

    Args:
        text: at most ``MAX_BYTES`` of YAML.
        name: the file's name for messages.

    Raises:
        ConfigError: no YAML, or one of the refused features; names the line.
    """
    if len(text.encode()) > MAX_BYTES:
        raise ConfigError(f"{name} is larger than {MAX_BYTES:,} bytes.", hint="A configuration is a few pages of text.")
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        if node is None:
            return None, {}
        reader = _Reader(yaml, name)
        return reader.value(node, ()), reader.lines
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = error.problem or error.context or "it cannot be read"
        raise ConfigError(
            f"{name}:{line}: this is not YAML: {problem}.", hint="Check the indentation, colons and quotes there."
        ) from None
    except YAMLError as error:
        first = str(error).strip().splitlines()[0]
        raise ConfigError(f"{name} is not YAML: {first}.") from None
    except RecursionError:
        raise ConfigError(f"{name} is nested deeper than {MAX_DEPTH} levels.") from None


class _Reader:
    """Walks the composed nodes once, expanding aliases under a budget."""

    def __init__(self, yaml: YAML, name: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._yaml = yaml
        self._name = name
        self._left = MAX_NODES

    def value(self, node: Node, path: KeyPath) -> Any:
        self._left -= 1
        if self._left < 0:
            raise self._error(node, f"more than {MAX_NODES:,} values once its aliases are expanded")
        # An alias to a node around itself has no end; the depth limit stops it.
        if len(path) > MAX_DEPTH:
            raise self._error(node, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if str(node.tag) not in _COLLECTIONS:
            raise self._error(node, f"the tag {node.tag} is not allowed")
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            for position, item in enumerate(node.value):
                self.lines[(*path, position)] = _line(item)
            return [self.value(item, (*path, position)) for position, item in enumerate(node.value)]
        raise self._error(node, "neither a mapping, a list nor a value")

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self._error(key_node, "a key must be plain text")
            if str(key_node.tag) == _TAG + "merge":
                self._merge(value_node, path, result, own)
                continue
            key = str(key_node.value)
            if key in own:
                raise self._error(key_node, f"the key {key} is given twice; the first is on line {own[key]}")
            own[key] = _line(key_node)
            self.lines[(*path, key)] = own[key]
            result[key] = self.value(value_node, (*path, key))
        return result

    def _merge(self, node: Node, path: KeyPath, result: dict[str, Any], own: dict[str, int]) -> None:
        """``<<: *other``: keys of another mapping, behind this one's own."""
        if not isinstance(node, MappingNode):
            raise self._error(node, "<< takes one mapping, such as <<: *name")
        before = dict(self.lines)
        merged = self.value(node, path)
        for key, value in merged.items():
            if key not in own:
                result[key] = value
        if own:
            self.lines.update(before)

    def _scalar(self, node: ScalarNode) -> Any:
        if str(node.tag) not in _SCALARS:
            raise self._error(node, f"the tag {node.tag} is not allowed")
        try:
            return self._yaml.constructor.construct_object(node)
        except ValueError as error:
            raise self._error(node, f"this value cannot be read ({error})") from None

    def _error(self, node: Node, what: str) -> ConfigError:
        return ConfigError(f"{self._name}:{_line(node)}: {what}.")


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
