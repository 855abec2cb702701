"""A resolved ticket as a conversation: who asked, what was answered in public, and what is known of the ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.contract import MetaValue, Skipped, SourceDocument
from connectors.conversation import MEDIA_TYPE, encoded
from connectors.freshdesk.options import STATUSES, FreshdeskOptions
from connectors.mail_text import own_words
from connectors.personal_data import PersonalData
from connectors.times import time_of
from connectors.version import digest, version_of

_CHANNELS = {1: "email", 2: "portal", 3: "phone", 7: "chat", 9: "feedback widget", 10: "outbound email"}
_OUTBOUND = 10
"""An agent wrote the first mail ("Ticket Properties", source)."""

_PRIORITIES = {1: "low", 2: "medium", 3: "high", 4: "urgent"}
_SURVEY, _FORWARD = 6, 8
"""Sources of a conversation that is no answer: a rating, and mail to other people ("Conversations", source)."""

TIMED = 6

_STAMPED = (
    *("subject", "description_text", "status", "priority", "source", "type", "tags", "group_id", "company_id"),
    *("product_id", "created_at", "stats"),
)


def document_id(number: object) -> str:
    """``ticket:<id>``."""
    return f"ticket:{number}"


class Conversations:
    """Makes documents of tickets as the options want them.

    Raises:
        MissingExtra: ``redact`` needs a package that is not installed.
    """

    def __init__(self, options: FreshdeskOptions) -> None:
        self._options = options
        self._statuses = options.status_numbers
        self._personal = PersonalData(options.redact)
        self._tags = {tag.casefold() for tag in options.tags}
        self._without = {tag.casefold() for tag in options.without_tags}
        self._types = {kind.casefold() for kind in options.types}

    def left_out(self, ticket: Mapping[str, Any], oldest: float) -> Skipped | None:
        """Why the settings leave the ticket out, as far as it shows without its conversations.

        Args:
            oldest: seconds; what was resolved before is too old.
        """
        reason = self._reason(ticket, oldest)
        return self.skipped(ticket, reason) if reason else None

    def skipped(self, ticket: Mapping[str, Any], reason: str) -> Skipped:
        """The ticket is left out for ``reason``."""
        return Skipped(document_id(ticket["id"]), reason, self.title(ticket), self.url(ticket))

    def of(self, ticket: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> SourceDocument | Skipped:
        """The ticket as a ``SourceDocument``, or ``Skipped`` where nobody answered in public.

        Raises:
            ValueError: a conversation is not as Freshdesk describes it.
        """
        first = "agent" if ticket.get("source") == _OUTBOUND else "customer"
        turns = [(first, self._text(ticket.get("description_text")))]
        for entry in sorted(entries, key=lambda one: (str(one.get("created_at")), one["id"])):
            private, incoming = entry.get("private"), entry.get("incoming")
            if not isinstance(private, bool) or not isinstance(incoming, bool):
                raise ValueError(f"conversation {entry['id']} does not say whether it is private, and whose it is")
            if not private and entry.get("source") not in (_SURVEY, _FORWARD):
                turns.append(("customer" if incoming else "agent", self._text(entry.get("body_text"))))
        turns = [(role, text) for role, text in turns if text]
        if not any(role == "agent" for role, _ in turns):
            return self.skipped(ticket, "no public answer")
        content = encoded([{"role": role, "text": text} for role, text in turns])
        title, url, metadata = self.title(ticket), self.url(ticket), _metadata(ticket)
        version = version_of(content, title=title, url=url, metadata=metadata)
        return SourceDocument(
            document_id(ticket["id"]), content, MEDIA_TYPE, title, version, url=url, metadata=metadata
        )

    def stamp(self, ticket: Mapping[str, Any]) -> str:
        """Changes with the ticket; a conversation that changes, or is made private, changes its ``updated_at``.

        The first ``TIMED`` characters are of that time alone.
        """
        return digest(ticket.get("updated_at"))[:TIMED] + digest([ticket.get(key) for key in _STAMPED])[:6]

    def title(self, ticket: Mapping[str, Any]) -> str:
        """The subject, without personal data."""
        return self._personal.redact(str(ticket.get("subject") or "").strip()) or f"Ticket {ticket['id']}"

    def url(self, ticket: Mapping[str, Any]) -> str:
        """Where an agent opens it."""
        return f"{self._options.url}/a/tickets/{ticket['id']}"

    def _reason(self, ticket: Mapping[str, Any], oldest: float) -> str | None:
        options = self._options
        if ticket.get("status") not in self._statuses:
            return "not resolved" if self._statuses == {4, 5} else "other status"
        tags = {str(tag).casefold() for tag in ticket.get("tags") or []}
        if (self._tags and self._tags.isdisjoint(tags)) or not self._without.isdisjoint(tags):
            return "other tags"
        if self._types and str(ticket.get("type") or "").casefold() not in self._types:
            return "other type"
        if options.groups and ticket.get("group_id") not in options.groups:
            return "other group"
        resolved = _resolved(ticket) or time_of(ticket.get("updated_at"))
        if oldest and (resolved is None or resolved.timestamp() < oldest):
            return "too old"
        return None

    def _text(self, value: Any) -> str:
        text = str(value or "").replace("\xa0", " ").strip()
        if self._options.strip_quotes:
            text = own_words(text)
        return self._personal.redact(text)


def _metadata(ticket: Mapping[str, Any]) -> dict[str, MetaValue]:
    status, names = ticket.get("status"), {number: name for name, number in STATUSES.items()}
    metadata: dict[str, MetaValue] = {
        "ticket_id": str(ticket["id"]),
        "status": names.get(status, str(status)) if isinstance(status, int) else str(status),
        "tags": sorted(str(tag) for tag in ticket.get("tags") or []),
    }
    found = {
        "channel": _CHANNELS.get(ticket.get("source") or 0),
        "priority": _PRIORITIES.get(ticket.get("priority") or 0),
        "ticket_type": ticket.get("type"),
        "created_at": time_of(ticket.get("created_at")),
        "resolved_at": _resolved(ticket),
    }
    metadata.update({key: value for key, value in found.items() if value is not None})
    numbers = ("group_id", "company_id", "product_id")
    metadata.update({key: str(ticket[key]) for key in numbers if ticket.get(key) is not None})
    return metadata


def _resolved(ticket: Mapping[str, Any]) -> datetime | None:
    """When it was last resolved, or closed without that (``include=stats``)."""
    stats = ticket.get("stats")
    if not isinstance(stats, dict):
        return None
    return time_of(stats.get("resolved_at")) or time_of(stats.get("closed_at"))
