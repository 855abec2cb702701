"""Runs as JSON files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from configs.errors import ConfigError
from evaluation.outcome import Run

VERSION = 1
MAX_BYTES = 1_000_000_000
_KIND = "openshelf-eval-run"


def save_run(path: Path, run: Run) -> None:
    """Write ``run`` to ``path``; a file that is there is replaced at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        new.write_text(dumped(run), encoding="utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def dumped(run: Run) -> str:
    """``run`` as JSON."""
    return json.dumps({"kind": _KIND, "version": VERSION, **asdict(run)}, ensure_ascii=False, allow_nan=False) + "\n"


def load_run(path: Path) -> Run:
    """The run in ``path``.

    Raises:
        ConfigError: there is none, or it is not what ``save_run`` writes.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES:,} bytes.", hint="Is it the right file?")
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"There is no run at {path}.", hint="`openshelf eval run GOLD --out FOLDER` writes FOLDER/run.json."
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no run: it is not JSON ({error}).", hint=_HINT) from None
    return _run(raw, path)


_HINT = "A run is the run.json that `openshelf eval run GOLD --out FOLDER` writes."


def _run(raw: Any, path: Path) -> Run:
    if not isinstance(raw, Mapping) or raw.get("kind") != _KIND:
        raise ConfigError(f"{path} is no run of `openshelf eval`.", hint=_HINT)
    if raw.get("version") != VERSION:
        raise ConfigError(
            f"{path} was written by another version of Openshelf (layout {raw.get('version')!r}, here {VERSION}).",
            hint="Run the evaluation again.",
        )
    try:
        return TypeAdapter(Run).validate_python({key: raw.get(key) for key in ("name", "manifest", "outcomes")})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path} is damaged at {where}: {first['msg']}.", hint="Run the evaluation again.") from None
