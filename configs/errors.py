"""The exception tree. Everything Openshelf raises on purpose is an ``OpenshelfError``.

    OpenshelfError
    ├── ConfigError            a YAML file, an option or a secret is wrong
    ├── MissingExtra           an optional package is needed; carries the install command
    ├── ConnectorError         a source cannot be read (one run, not one document)
    │   ├── AuthError          credentials or permissions
    │   └── CursorError        a cursor that does not advance
    ├── IngestError
    │   ├── ParseError         one document cannot be parsed
    │   ├── EmbedError         the embedder failed or its weights cannot be had
    │   ├── StoreError         the vector store failed
    │   │   └── StoreBroken    its data is damaged: rebuild it from the ledger
    │   ├── LedgerError        the ledger is missing, newer than this version or damaged
    │   ├── SyncBusy           another process is syncing the same source
    │   └── MassDelete         a sync would drop more than the allowed share
    └── RetrievalError
        ├── FilterError        a filter is malformed
        ├── AnswerError        the Responses call failed
        └── BudgetExceeded     a cap would be passed; nothing was spent

A message says what happened, where (file, line, source or document) and what to do next.
"""

from __future__ import annotations


class OpenshelfError(Exception):
    """Root of the tree: ``message`` in one or two sentences, ``hint`` the next step."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class ConfigError(OpenshelfError):
    """A YAML file, an option or a secret is wrong; names file, line and key."""


class MissingExtra(OpenshelfError):
    """An optional package is needed.

    Args:
        feature: what was asked for, as the user would name it.
        extra: the extra of this project that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs an optional package.",
            hint=f"Install it with: pip install 'openshelf[{extra}]'",
        )
        self.extra = extra


class ConnectorError(OpenshelfError):
    """A source cannot be read; ``status`` is that of the HTTP answer where one was the reason."""

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class AuthError(ConnectorError):
    """Credentials or permissions are missing or refused."""


class CursorError(ConnectorError):
    """A cursor does not advance, so the listing would never end."""


class IngestError(OpenshelfError):
    """Something between a fetched document and the index failed."""


class ParseError(IngestError):
    """One document cannot be parsed."""


class EmbedError(IngestError):
    """The embedder failed, or its weights cannot be had here."""


class StoreError(IngestError):
    """The vector store failed."""


class StoreBroken(StoreError):
    """The vector store's data is damaged; the ledger can write it again."""


class LedgerError(IngestError):
    """The ledger is missing, newer than this version, or damaged."""


class SyncBusy(IngestError):
    """Another process is syncing the same source; names the holder."""


class MassDelete(IngestError):
    """A sync would drop more than the allowed share of a source."""


class RetrievalError(OpenshelfError):
    """A question could not be searched or answered."""


class FilterError(RetrievalError):
    """A filter is malformed; names the part."""


class AnswerError(RetrievalError):
    """The Responses call failed."""


class BudgetExceeded(RetrievalError):
    """A cap on cost would be passed; nothing was spent."""
