"""The tickets that are done, on disk, so that a rehearsal goes on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from configs.errors import ConfigError
from connectors.version import digest
from evaluation.simulate.result import Replayed

_ADAPTER: TypeAdapter[Replayed] = TypeAdapter(Replayed)


class Journal:
    """Appends one line a ticket; its first line says what the rehearsal is of.

    Args:
        path: the file; made if it is not there.
        about: what the results depend on. A file about something else is put aside, not mixed in.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path = path
        self._key = digest(about)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds what customers wrote
        self.done: dict[str, Replayed] = self._read()
        fresh = not path.exists()
        self._file = path.open("a", encoding="utf-8")
        if fresh:
            self._write({"journal": self._key})

    def add(self, ticket: Replayed) -> None:
        """Keep ``ticket``; on disk when this returns."""
        self.done[ticket.id] = ticket
        self._write(_ADAPTER.dump_python(ticket, mode="json"))

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _write(self, value: Any) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")
        self._file.flush()

    def _read(self) -> dict[str, Replayed]:
        if not self.path.exists():
            return {}
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path} cannot be read: {error}.", hint="Delete it to start again.") from None
        whole = [line for line in lines if line.endswith("\n")]
        if not whole or _key_of(whole[0]) != self._key:
            self.path.replace(self.path.with_suffix(".old"))
            return {}
        done: dict[str, Replayed] = {}
        for number, line in enumerate(whole[1:], start=2):
            try:
                ticket = _ADAPTER.validate_json(line)
            except ValidationError:
                raise ConfigError(
                    f"{self.path.name}:{number}: this is no ticket of a rehearsal.", hint=f"Delete {self.path}."
                ) from None
            done[ticket.id] = ticket
        if len(whole) < len(lines):  # cut off in the middle of a line
            self.path.write_text("".join(whole), encoding="utf-8")
        return done


def _key_of(line: str) -> str | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value.get("journal") if isinstance(value, dict) else None


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a journal")
