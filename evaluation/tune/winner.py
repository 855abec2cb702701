"""``winner.yaml``: the user's own configuration with the changed keys changed, everything else as it was written."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from configs.errors import ConfigError
from configs.loader import Loaded, load
from configs.secrets import secret_values
from configs.yaml_lines import KeyPath

MARK = "# Written by `openshelf tune`"


def check_target(target: Path, config: Path) -> None:
    """Refuse a place for the winner before the study runs, not after it.

    Raises:
        ConfigError: it is the configuration itself, another folder, or a file that somebody else wrote.
    """
    if target.resolve() == config.resolve():
        raise ConfigError(f"{target} is the configuration itself.", hint="Write the winner beside it.")
    if target.resolve().parent != config.resolve().parent:
        raise ConfigError(
            f"The winner must stand beside {config}: the paths in it start at its folder.",
            hint=f"--write {config.parent / target.name}",
        )
    if target.exists() and not target.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        raise ConfigError(
            f"{target} is there and was not written by `openshelf tune`.", hint="Name another file with --write."
        )


def winner_text(config: Path, changes: Mapping[KeyPath, Any], header: str) -> str:
    """The configuration's text with ``changes`` applied, comments and order kept.

    Args:
        header: lines of a comment at the top, without the ``#``.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    text = config.read_text(encoding="utf-8-sig")
    yaml.indent(mapping=2, sequence=4, offset=2)
    whole = yaml.load(text)
    for path, value in changes.items():
        place = whole
        for part in path[:-1]:
            if not isinstance(place.get(part), dict):
                place[part] = CommentedMap()
            place = place[part]
        if path[-1] in place:
            place[path[-1]] = _in_flow(value)
        else:  # first, because the blank lines and comments after a section hang on its last key
            place.insert(0, path[-1], _in_flow(value))
    stream = io.StringIO()
    yaml.dump(whole, stream)
    lines = [short for line in header.splitlines() for short in textwrap.wrap(line, 110, break_long_words=False)]
    comment = "".join(f"# {line}\n" for line in lines)
    return f"{MARK}\n{comment}\n{stream.getvalue()}"


def write_winner(target: Path, config: Path, base: Loaded, changes: Mapping[KeyPath, Any], header: str) -> Loaded:
    """Write the winner and read it back.

    A configuration that holds a secret as plain text gives a file that only its owner can read.

    Raises:
        ConfigError: what was written is not the configuration that won.
    """
    check_target(target, config)
    text = winner_text(config, changes, header)
    private = any(secret and secret in text for secret in secret_values(base.config))
    new = target.with_name(f".{target.name}.new")
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.chmod(0o600 if private else config.stat().st_mode & 0o777)
    new.replace(target)
    return load(target)


def _in_flow(value: Any) -> Any:
    """Mappings on one line, as people write a chunker."""
    if isinstance(value, Mapping):
        made = CommentedMap({key: _in_flow(item) for key, item in value.items()})
        made.fa.set_flow_style()
        return made
    return value
