"""A study's folder: what it is about, and one line for each finished trial, so that a stopped study goes on.

study.json         what must not change from run to run
trials.jsonl       finished trials, appended and flushed one by one
scores/KEY.json    each trial's measures, question by question
runs/KEY-PART.json questions with their hits, of the base, the winner and the front
snapshot/, variants/, embeddings.sqlite    see evaluation.variant
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from configs.errors import ConfigError, SyncBusy
from evaluation.outcome import Run
from evaluation.stored import load_run, save_run
from evaluation.tune.result import Trial
from evaluation.tune.scoring import Scores
from ingest.locks import source_lock

VERSION = 1


class Storage:
    """The files of one study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._study = folder / "study.json"
        self._trials = folder / "trials.jsonl"
        self._runs = folder / "runs"
        self._scores = folder / "scores"
        self._known: dict[str, Scores] = {}

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the study alone.

        Raises:
            ConfigError: another process works on it.
        """
        for place in (self._runs, self._scores):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        # It holds the documents' texts: nothing to commit.
        (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
        try:
            with source_lock(self.folder, "tune"):
                yield
        except SyncBusy as error:
            if "'tune'" not in error.message:
                raise
            raise ConfigError(
                f"Another process works on the study in {self.folder}.",
                hint="Wait for it, stop it, or name another folder with --study.",
            ) from None

    def agree(self, identity: Mapping[str, Any]) -> None:
        """Check that the study is the one that was begun here; begin it where there is none.

        Args:
            identity: what makes results comparable, by name for people.

        Raises:
            ConfigError: something of it has changed; says what.
        """
        wanted = {"version": VERSION, **identity}
        if not self._study.exists():
            _write(self._study, json.dumps(wanted, indent=2))
            return
        known = _read_json(self._study)
        changed = [name for name, value in wanted.items() if known.get(name) != value]
        if changed:
            said = "; ".join(f"{name} was {_short(known.get(name))} and is {_short(wanted[name])}" for name in changed)
            raise ConfigError(
                f"The study in {self.folder} was begun with something else, so its results do not compare: {said}.",
                hint="Begin again with --fresh, name another folder with --study, or undo the change.",
            )

    def trials(self) -> dict[str, Trial]:
        """Finished trials by key, in the order of their numbers. A line that a kill cut off is dropped."""
        if not self._trials.exists():
            return {}
        found: dict[str, Trial] = {}
        names = {field.name for field in fields(Trial)}
        for line in self._trials.read_bytes().split(b"\n"):
            try:
                raw = json.loads(line)
                values = {name: value for name, value in raw.items() if name in names}
                trial = Trial(**values)
            except (ValueError, TypeError, AttributeError):
                continue
            # A failed one is tried again by the next run, and its later line counts.
            found[trial.key] = trial
        return found

    def add(self, trial: Trial, scores: Scores | None) -> None:
        """Keep a finished trial: first its scores, then its line, which makes it count."""
        if scores is not None:
            _write(self._scores / f"{trial.key}.json", json.dumps(scores))
            self._known[trial.key] = scores
        with self._trials.open("a", encoding="utf-8") as file:
            if file.tell() and not self._ends_with_a_line():
                file.write("\n")
            file.write(json.dumps(asdict(trial), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def scores(self, key: str) -> Scores | None:
        """A trial's measures by question; ``None`` where they are lost, so that it is measured again."""
        if key not in self._known:
            try:
                self._known[key] = json.loads((self._scores / f"{key}.json").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                return None
        return self._known[key]

    def keep_run(self, name: str, run: Run) -> None:
        """Store a run."""
        new = self._runs / f"{name}.json.new"
        save_run(new, run)
        new.replace(self._runs / f"{name}.json")

    def run(self, name: str) -> Run | None:
        """A stored run; ``None`` where there is none or it cannot be read, so that it is made again."""
        path = self._runs / f"{name}.json"
        try:
            return load_run(path) if path.exists() else None
        except ConfigError:
            return None

    def _ends_with_a_line(self) -> bool:
        with self._trials.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", hint="Begin again with --fresh.") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path} is not what a study writes.", hint="Begin again with --fresh.")
    return found


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 24 else f"{text[:14]}…"
