"""Keeps secrets out of sight: a text that hides in ``repr``, and a filter that masks log records."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

MASK = "***"
MIN_LENGTH = 6
"""Shorter values are left alone: masking ``no`` or ``8080`` everywhere would make logs unreadable."""


class Hidden(str):
    """A text that came from outside the YAML: equal to its value in use, ``'***'`` in ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{MASK}'"


class Redactor(logging.Filter):
    """Masks every secret it was told about, in texts and in log records.

    As a ``logging.Filter`` it belongs on handlers (a logger's filter is not asked about records of loggers below
    it). It lets every record through, with message, arguments, traceback and extra fields masked.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(*secrets)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._spellings)} spellings>"

    def add(self, *secrets: str) -> None:
        """Learn more secrets; those shorter than ``MIN_LENGTH`` are ignored."""
        for secret in secrets:
            if len(secret) >= MIN_LENGTH:
                # As it may appear in a URL, in JSON or in the repr of a text.
                plain = str(secret)
                escaped = (json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1], repr(plain)[1:-1])
                self._spellings.update((plain, quote(plain), quote(plain, safe=""), *escaped))
        # The longest first, so that no tail of one is left behind by a shorter one.
        ordered = sorted(self._spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def redact(self, text: str) -> str:
        """``text`` with every known secret replaced by ``***``."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask ``record`` in place; always true."""
        if self._pattern is None:
            return True
        record.msg = self.redact(record.getMessage())
        record.args = ()
        if record.exc_info:
            # Rendered here and taken away, so that no formatter renders it again unmasked.
            record.exc_text = self.redact("".join(traceback.format_exception(*record.exc_info)).rstrip())
            record.exc_info = None
        if record.stack_info:
            record.stack_info = self.redact(record.stack_info)
        for name, value in vars(record).items():
            if name not in ("msg", "args", "exc_text", "stack_info"):
                setattr(record, name, self._masked(value))
        return True

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {key: self._masked(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        text = str(value)
        masked = self.redact(text)
        return value if masked == text else masked


def secret_values(value: object) -> list[str]:
    """Every ``SecretStr`` inside ``value`` (models, mappings and lists are walked), unwrapped."""
    if isinstance(value, SecretStr):
        return [value.get_secret_value()]
    if isinstance(value, BaseModel):
        return [found for name in type(value).model_fields for found in secret_values(getattr(value, name))]
    if isinstance(value, Mapping):
        return [found for item in value.values() for found in secret_values(item)]
    if isinstance(value, list | tuple):
        return [found for item in value for found in secret_values(item)]
    return []
