"""The table of rules (``rules.yaml``): what a use of the old API becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from openshelf.migrate.uses import Kind, Language, Use

Severity = Literal["change", "review", "keep"]
_TABLE = Path(__file__).with_name("rules.yaml")
_FITS: Mapping[str, str] = {
    # A call fits by its end, an attribute between two dots, everything else as a whole.
    "call": r"(?:.*\.)?(?:{})",
    "attribute": r"(?:.*\.)?(?:{})(?:[.\[(].*)?",
}


@dataclass(frozen=True)
class Rewrite:
    """What can be changed with certainty.

    Attributes:
        sources: endings or middles of a function's name, in Python's spelling, one of which is replaced by ``to``.
        only: keyword arguments a call may have for it; ``None``: any.
        positional: most other arguments it may have; ``None``: any.
        rename: keyword arguments that get another name.
        base_url: put the shelf's address into the call.
    """

    sources: tuple[tuple[str, ...], ...] = ()
    to: tuple[str, ...] = ()
    only: frozenset[str] | None = None
    positional: int | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    base_url: bool = False


@dataclass(frozen=True)
class Rule:
    """One rule; ``rules.yaml`` says what its fields mean."""

    id: str
    severity: Severity
    on: Mapping[Kind, re.Pattern[str]]
    what: str
    inside: re.Pattern[str] | None
    outside: re.Pattern[str] | None
    near: frozenset[str]
    without: frozenset[str]
    looped: bool
    gated: bool
    once: bool
    names: Mapping[str, str]
    code: Mapping[Language, str]
    rewrite: Rewrite | None

    def fits(self, use: Use) -> bool:
        """Whether this rule is about ``use``."""
        pattern = self.on.get(use.kind)
        return (
            pattern is not None
            and pattern.fullmatch(use.name) is not None
            and (not self.names or use.name in self.names)
            and (self.inside is None or self.inside.search(use.inside) is not None)
            and (self.outside is None or self.outside.search(use.inside) is None)
            and self.near <= use.near
            and not self.without & use.near
            and (use.looped or not self.looped)
        )

    def says(self, use: Use) -> str:
        """What is to be said about ``use``."""
        return self.what.replace("{old}", use.name).replace("{new}", self.names.get(use.name, ""))


@cache
def rules() -> tuple[Rule, ...]:
    """The table, in its order: the first rule that fits counts."""
    from ruamel.yaml import YAML

    return tuple(_rule(raw) for raw in YAML(typ="safe").load(_TABLE.read_text(encoding="utf-8")))


def rule_for(use: Use) -> Rule | None:
    """The first rule that fits."""
    return next((rule for rule in _about(use.kind) if rule.fits(use)), None)


@cache
def _about(kind: Kind) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules() if kind in rule.on)


def _rule(raw: Mapping[str, Any]) -> Rule:
    patterns = {kind: re.compile(_FITS.get(kind, "{}").replace("{}", text, 1)) for kind, text in raw["on"].items()}
    return Rule(
        raw["id"],
        raw["severity"],
        patterns,
        raw["what"].strip(),
        _pattern(raw.get("inside")),
        _pattern(raw.get("outside")),
        frozenset([raw["near"]] if "near" in raw else []),
        frozenset(raw.get("without", ())),
        raw.get("looped", False),
        raw.get("gated", False),
        raw.get("once", False),
        raw.get("names", {}),
        {language: raw[language].rstrip() for language in ("python", "typescript", "shell") if language in raw},
        _rewrite(raw.get("rewrite")),
    )


def _rewrite(raw: Mapping[str, Any] | None) -> Rewrite | None:
    if raw is None:
        return None
    sources = raw.get("from", [])
    return Rewrite(
        tuple(tuple(one.split(".")) for one in ([sources] if isinstance(sources, str) else sources)),
        tuple(raw["to"].split(".")) if "to" in raw else (),
        frozenset(raw["only"]) if "only" in raw else None,
        raw.get("positional"),
        raw.get("rename", {}),
        raw.get("base_url", False),
    )


def _pattern(text: str | None) -> re.Pattern[str] | None:
    return None if text is None else re.compile(text)
