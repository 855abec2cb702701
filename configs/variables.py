"""Fills ``${VAR}`` and ``${VAR:-default}`` in the texts of a configuration.

A variable is looked for in the environment, then in the ``.env`` file beside the YAML, then in
``/run/secrets/<name>``. ``$${`` stands for a literal ``${``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from configs.errors import ConfigError
from configs.secrets import Hidden
from configs.yaml_lines import KeyPath

MAX_BYTES = 100_000
SECRETS_FOLDER = Path("/run/secrets")

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{(?P<bad>[^}]*)\}?")


class Variables:
    """Looks names up, nearest place first. An empty value counts as missing, as in a shell's ``:-``."""

    def __init__(self, base_dir: Path, env: Mapping[str, str] | None = None) -> None:
        self._env = os.environ if env is None else env
        self._file = base_dir / ".env"
        self._file_values: Mapping[str, str | None] | None = None

    def find(self, name: str) -> str | None:
        """The value of ``name``, or ``None`` where no place has one.

        Raises:
            ConfigError: the ``.env`` file or the secret file cannot be read.
        """
        return self._env.get(name) or self._from_file(name) or self._from_secrets(name) or None

    def places(self, name: str) -> str:
        """Every place that ``find`` looks at, as a phrase for a message."""
        return f"the environment, {self._file} and {SECRETS_FOLDER / name}"

    def _from_file(self, name: str) -> str | None:
        if self._file_values is None:
            text = _read(self._file)
            self._file_values = {} if text is None else dotenv_values(stream=StringIO(text), interpolate=False)
        return self._file_values.get(name)

    def _from_secrets(self, name: str) -> str | None:
        # Container secrets usually end with the newline of the editor that wrote them.
        return (_read(SECRETS_FOLDER / name) or "").rstrip("\r\n")


def _read(path: Path) -> str | None:
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES:,} bytes.", hint="It should hold a few short values.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({type(error).__name__}).", hint="Make it a text file this user may read."
        ) from None


@dataclass
class Filled:
    """A configuration whose variables are filled.

    Attributes:
        value: the plain values; texts that a variable went into are ``Hidden`` (not at keys named ``path``).
        secrets: the values of the variables.
        missing: for each path one sentence for every variable that no place has.
        texts: every text that a variable went into, filled.
    """

    value: Any = None
    secrets: set[str] = field(default_factory=set, repr=False)
    missing: list[tuple[KeyPath, str]] = field(default_factory=list)
    texts: set[str] = field(default_factory=set, repr=False)


def fill(raw: Any, variables: Variables) -> Filled:
    """Replace the references in every text of ``raw`` (keys stay as they are).

    Raises:
        ConfigError: a place that variables come from cannot be read.
    """
    filled = Filled()
    filled.value = _walk(raw, (), variables, filled)
    return filled


def _walk(value: Any, path: KeyPath, variables: Variables, filled: Filled) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _walk(item, (*path, str(key)), variables, filled) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, (*path, position), variables, filled) for position, item in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        return _text(value, path, variables, filled)
    return value


def _text(text: str, path: KeyPath, variables: Variables, filled: Filled) -> str:
    used: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name, default = match["name"], match["default"]
        if name is None:
            filled.missing.append(
                (path, "holds a ${ that is no variable. Write ${NAME}, ${NAME:-default}, or $${ for a literal ${.")
            )
            return match[0]
        value = variables.find(name)
        if value is not None:
            used.append(value)
            return value
        if default is None:
            filled.missing.append(
                (
                    path,
                    f"needs the variable {name}, which is missing or empty in {variables.places(name)}. "
                    f"Set it in one of them, or write ${{{name}:-default}}.",
                )
            )
            return match[0]
        return default

    result = _REFERENCE.sub(replace, text)
    # A folder's name is no secret, and a message about it must be able to name it.
    if not used or "path" in path[-2:]:
        return result
    filled.secrets.update(used)
    filled.texts.add(result)
    return Hidden(result)
