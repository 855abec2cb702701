"""Writes gold for a person to review: YAML with comments, CSV for a spreadsheet, JSONL for large sets.

Stable: the same cases give the same bytes, in the order given. What was written reads back as the same cases.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from configs.errors import ConfigError
from configs.yaml_lines import MAX_BYTES, MAX_NODES
from evaluation.case import Case, Passage, Relevant
from evaluation.gold.layout import Review, plain, relevant
from evaluation.gold.reading import JSONL, TABLE, YAML
from evaluation.gold.yaml_text import item

_COMMENT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]+")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A case for a person to look at.

    Attributes:
        comments: what helps to judge it: titles and addresses of the documents.
        suggested: places that may answer; a reader of the file ignores them.
    """

    case: Case
    comments: Sequence[str] = ()
    suggested: Sequence[Passage | Relevant] = ()
    review: Review | None = None

    def plain(self) -> dict[str, Any]:
        """As a gold file holds it."""
        values = plain(self.case)
        if self.suggested:
            values["suggested"] = [place(one) for one in self.suggested]
        if self.review is not None:
            values["review"] = self.review
        return values


def place(one: Passage | Relevant) -> dict[str, Any]:
    """A passage or document as a gold file holds it."""
    if isinstance(one, Relevant):
        return relevant(one)
    start = {"start": one.start} if one.start is not None else {}
    return {**relevant(Relevant(one.document, one.source)), "quote": one.quote, **start}


def write_gold(path: Path | str, cases: Iterable[Case | Proposal], *, heading: Sequence[str] = ()) -> None:
    """Write a gold file in the format of its name: ``.yaml``, ``.jsonl``, ``.csv`` or ``.tsv``.

    Args:
        heading: comment lines at the top (YAML only).

    Raises:
        ConfigError: another ending, a set too large for YAML, or a file that cannot be written.
    """
    path = Path(path).expanduser()
    content = text_of(path.suffix.lower(), cases, path.name, heading=heading)
    # A file that is cut off half way would pass for a smaller set.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None


def text_of(suffix: str, cases: Iterable[Case | Proposal], name: str, *, heading: Sequence[str] = ()) -> bytes:
    """What ``write_gold`` writes, for a name that ends in ``suffix``; raises as it does."""
    proposals = [one if isinstance(one, Proposal) else Proposal(one) for one in cases]
    if suffix in JSONL:
        lines = (json.dumps(_json(one.plain()), ensure_ascii=False) for one in proposals)
        return "".join(f"{line}\n" for line in lines).encode()
    if suffix in TABLE:
        from evaluation.gold.tabular import table_of

        return table_of(proposals, "\t" if suffix == ".tsv" else ",")
    if suffix in YAML - {".json"}:
        return _yaml(proposals, name, heading)
    raise ConfigError(f"Gold cannot be written to {name}.", hint="Give it a name that ends in .yaml, .jsonl or .csv.")


def _yaml(proposals: Sequence[Proposal], name: str, heading: Sequence[str]) -> bytes:
    parts = [_comment(line, "") for line in heading]
    parts.append("questions:\n" if proposals else "questions: []\n")
    values = 2
    for one in proposals:
        plain = one.plain()
        values += _count(plain)
        parts += [_comment(line, "  ") for line in one.comments]
        parts.append(item(plain, 2))
    content = "".join(parts).encode()
    if len(content) > MAX_BYTES or values > MAX_NODES:
        raise ConfigError(
            f"{name} would be too large to read as YAML ({len(content):,} bytes, {values:,} values).",
            hint="Give it a name that ends in .jsonl or .csv.",
        )
    return content


def _comment(text: str, indent: str) -> str:
    return f"{indent}# {_COMMENT.sub(' ', text).strip()}\n"


def _count(value: Any) -> int:
    if isinstance(value, Mapping):
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime | date) else value
