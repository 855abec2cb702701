"""Reads code that uses Assistants, Threads, Runs and File Search, and says line by line what to change."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import get_args

from configs.errors import MissingExtra
from openshelf.migrate import python_code, script_code, text_code
from openshelf.migrate.folder import MAX_BYTES, Folder, Reader
from openshelf.migrate.rewriting import applied, diff, edits
from openshelf.migrate.rules import Rule, Severity, rule_for
from openshelf.migrate.uses import Language, Use

BASE_URL = "http://127.0.0.1:8765/v1"
"""Where ``openshelf serve`` listens unless it is told otherwise."""


@dataclass(frozen=True)
class Finding:
    """One line of code and what becomes of it.

    Attributes:
        path: as the file was named on the command line, or from the folder that was.
        line: from 1.
        code: the line.
        rule: the rule's id.
        what: what it is, and what takes its place.
        instead: working code for the Responses API; empty where a sentence says all.
        language: of ``instead``.
        rewritten: the diff changes it.
    """

    path: str
    line: int
    severity: Severity
    rule: str
    code: str
    what: str
    instead: str
    language: Language
    rewritten: bool = False


@dataclass
class Report:
    """What was found in all files.

    Attributes:
        files: how many were read.
        skipped: how many were not, by reason.
        diffs: by path, the unified diff of what can be changed with certainty.
    """

    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    diffs: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[Severity, int]:
        """How many findings there are of each severity."""
        found = Counter(finding.severity for finding in self.findings)
        return {severity: found[severity] for severity in get_args(Severity)}


@dataclass
class _File:
    path: str
    text: str
    language: Language
    matched: list[tuple[Use, Rule]]


def examine(
    paths: Sequence[Path],
    *,
    max_bytes: int = MAX_BYTES,
    base_url: str = BASE_URL,
    told: Callable[[], None] = lambda: None,
) -> Report:
    """Read all code below ``paths``.

    Args:
        base_url: the shelf's address, for the diff.
        told: called after each file.

    Raises:
        ConfigError: there is no such path.
    """
    folder = Folder(paths, max_bytes=max_bytes)
    read = []
    for path, kind in folder.files():
        if (file := _read(folder, path, kind)) is not None:
            read.append(file)
        told()
    report = Report(files=len(read), skipped=folder.skipped)
    old = any(rule.severity == "change" and not rule.gated for file in read for _, rule in file.matched)
    # A client that is used for what the shelf does not serve must not be moved.
    elsewhere = any(rule.id in ("other-endpoints", "client-azure") for file in read for _, rule in file.matched)
    for file in read:
        file.matched = [(use, rule) for use, rule in file.matched if old or not rule.gated]
        findings, after = _findings(file, None if elsewhere else base_url)
        report.findings += findings
        if after != file.text:
            report.diffs[file.path] = "".join(diff(file.path.lstrip("/"), file.text, after))
    return report


def _read(folder: Folder, path: Path, kind: Reader) -> _File | None:
    text = folder.text(path)
    if text is None:
        return None
    language: Language = "python" if kind == "python" else "shell" if kind == "text" else "typescript"
    try:
        matched = [(use, rule) for use in _uses(text, kind) if (rule := rule_for(use)) is not None]
    except MissingExtra as error:
        folder.skipped[f"JavaScript and TypeScript ({error.hint})"] += 1
        return None
    shown = os.path.relpath(path) if path.is_absolute() and _below_here(path) else str(path)
    return _File(shown, text, language, matched)


def _uses(text: str, kind: Reader) -> Iterator[Use]:
    if kind == "python":
        return python_code.uses(text)
    if kind == "text":
        return text_code.uses(text)
    return script_code.uses(text, typed=kind == "typed script")


def _findings(file: _File, base_url: str | None) -> tuple[list[Finding], str]:
    """What is found in a file, and the file with what can be changed with certainty."""
    lines = file.text.splitlines() if file.language == "shell" else file.text.split("\n")
    found: dict[tuple[int, str, str], Finding] = {}
    changes = []
    said: set[str] = set()
    for use, rule in file.matched:
        if rule.once and rule.id in said:
            continue
        said.add(rule.id)
        certain = []
        if rule.rewrite is not None and file.language != "shell":
            certain = edits(rule.rewrite, use, file.language, base_url, file.text)
            changes.append(certain)
        what = rule.says(use)
        finding = Finding(
            file.path,
            use.line,
            rule.severity,
            rule.id,
            lines[use.line - 1].strip() if use.line <= len(lines) else "",
            what,
            rule.code.get(file.language, ""),
            file.language,
            bool(certain),
        )
        key = use.line, rule.id, what
        if key in found:
            finding = replace(finding, rewritten=finding.rewritten or found[key].rewritten)
        found[key] = finding
    return sorted(found.values(), key=lambda one: one.line), applied(file.text, chain.from_iterable(changes))


def _below_here(path: Path) -> bool:
    return path.resolve().is_relative_to(Path.cwd())
