"""A solved ticket as a conversation: who asked, what was answered in public, and what is known of the ticket."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from connectors.contract import MetaValue, Skipped, SourceDocument
from connectors.conversation import MEDIA_TYPE, encoded
from connectors.mail_text import own_words
from connectors.personal_data import PersonalData
from connectors.times import time_of
from connectors.version import digest, version_of
from connectors.zendesk.article_documents import AGENTS
from connectors.zendesk.options import ZendeskOptions

_SYSTEM = -1
"""Zendesk's own user, who writes notices."""

_STAMPED = (
    *("id", "status", "subject", "raw_subject", "tags", "brand_id", "priority", "type", "via", "satisfaction_rating"),
    *("requester_id", "created_at", "updated_at", "generated_timestamp"),
)


def document_id(number: object) -> str:
    """``ticket:<id>``."""
    return f"ticket:{number}"


class Conversations:
    """Makes documents of tickets as the options want them.

    Args:
        brands: names by id.
        chosen: ids of the brands in scope, ``None`` for all.
    """

    def __init__(self, options: ZendeskOptions, brands: Mapping[int, str], chosen: set[int] | None) -> None:
        self._options = options
        self._brands = brands
        self._chosen = chosen
        self._tags = {tag.casefold() for tag in options.tags}
        self._without = {tag.casefold() for tag in options.without_tags}

    @cached_property
    def _personal(self) -> PersonalData:
        # Only when there is a text: the recognisers take seconds to load, and most runs find nothing new.
        return PersonalData(self._options.redact)

    def left_out(self, ticket: Mapping[str, Any], oldest: float) -> Skipped | None:
        """Why the settings leave the ticket out, as far as it shows without its comments.

        Args:
            oldest: seconds; what was solved before is too old.
        """
        reason = self._reason(ticket, oldest)
        return self.skipped(ticket, reason) if reason else None

    def skipped(self, ticket: Mapping[str, Any], reason: str) -> Skipped:
        """The ticket is left out for ``reason``."""
        return Skipped(document_id(ticket["id"]), reason, self.title(ticket), self.url(ticket))

    def of(
        self, ticket: Mapping[str, Any], comments: list[dict[str, Any]], roles: Mapping[int, str]
    ) -> SourceDocument | Skipped:
        """The ticket as a ``SourceDocument``, or ``Skipped``.

        Args:
            roles: of the comments' authors, by id: ``end-user``, ``agent``, ``admin``.

        Raises:
            ValueError: a comment is not as Zendesk describes it.
        """
        turns, internal = [], False
        for comment in comments:
            public = comment.get("public")
            if not isinstance(public, bool):
                raise ValueError("one of its comments does not say whether it is public")
            if not public and not self._options.include_internal_notes:
                continue
            if comment.get("type", "Comment") != "Comment" or comment.get("author_id") == _SYSTEM:
                continue
            text = self._text(comment)
            if not text:
                continue
            internal = internal or not public
            turns.append(
                {
                    "role": _role(comment, ticket, roles),
                    "text": text if public else f"Internal note: {text}",
                    "public": public,
                }
            )
        if not any(turn["role"] == "agent" and turn["public"] for turn in turns):
            return self.skipped(ticket, "no public answer")
        content = encoded([{"role": turn["role"], "text": turn["text"]} for turn in turns])
        title, url, metadata = self.title(ticket), self.url(ticket), self._metadata(ticket)
        readers = frozenset({AGENTS}) if internal else None
        version = version_of(content, title=title, url=url, metadata=metadata, readers=readers)
        return SourceDocument(
            document_id(ticket["id"]),
            content,
            MEDIA_TYPE,
            title,
            version,
            url=url,
            metadata=metadata,
            readers=readers,
        )

    def stamp(self, ticket: Mapping[str, Any]) -> str:
        """Changes whenever the ticket or one of its comments may have changed.

        ``updated_at`` alone does not tell: what the system changes shows in ``generated_timestamp`` ("Incremental
        Exports").
        """
        about = {key: ticket.get(key) for key in _STAMPED}
        return digest([about, self._brands.get(ticket.get("brand_id") or 0), str(_solved(ticket))])[:8]

    def title(self, ticket: Mapping[str, Any]) -> str:
        """The subject, without personal data."""
        subject = str(ticket.get("subject") or ticket.get("raw_subject") or "").strip()
        return self._personal.redact(subject) or f"Ticket {ticket['id']}"

    def _reason(self, ticket: Mapping[str, Any], oldest: float) -> str | None:
        if ticket.get("status") not in self._options.statuses:
            return "not solved" if self._options.statuses == ["solved", "closed"] else "other status"
        if self._chosen is not None and ticket.get("brand_id") not in self._chosen:
            return "other brand"
        tags = {str(tag).casefold() for tag in ticket.get("tags") or []}
        if (self._tags and self._tags.isdisjoint(tags)) or not self._without.isdisjoint(tags):
            return "other tags"
        solved = _solved(ticket) or time_of(ticket.get("updated_at"))
        if oldest and (solved is None or solved.timestamp() < oldest):
            return "too old"
        return None

    def _text(self, comment: Mapping[str, Any]) -> str:
        plain = comment.get("plain_body") or comment.get("body") or ""
        text = html.unescape(str(plain)).replace("\xa0", " ").strip()
        channel = (comment.get("via") or {}).get("channel", "email")
        if self._options.strip_quotes and channel == "email":
            text = own_words(text)
        return self._personal.redact(text)

    def _metadata(self, ticket: Mapping[str, Any]) -> dict[str, MetaValue]:
        brand = ticket.get("brand_id")
        rating = ticket.get("satisfaction_rating")
        metadata: dict[str, MetaValue] = {
            "ticket_id": str(ticket["id"]),
            "status": str(ticket["status"]),
            "tags": sorted(str(tag) for tag in ticket.get("tags") or []),
        }
        found = {
            "brand": self._brands.get(brand) if isinstance(brand, int) else None,
            "channel": (ticket.get("via") or {}).get("channel"),
            "priority": ticket.get("priority"),
            "ticket_type": ticket.get("type"),
            "satisfaction": rating.get("score") if isinstance(rating, dict) else None,
            "created_at": time_of(ticket.get("created_at")),
            "solved_at": _solved(ticket),
        }
        metadata.update({key: value for key, value in found.items() if value is not None})
        return metadata

    def url(self, ticket: Mapping[str, Any]) -> str:
        """Where an agent opens it."""
        return f"{self._options.url}/agent/tickets/{ticket['id']}"


def _role(comment: Mapping[str, Any], ticket: Mapping[str, Any], roles: Mapping[int, str]) -> str:
    """``customer`` for who asked and for other people from outside (in copy), ``agent`` for the rest."""
    author = comment.get("author_id")
    asked = author is not None and author == ticket.get("requester_id")
    outside = isinstance(author, int) and roles.get(author) == "end-user"
    return "customer" if asked or outside else "agent"


def _solved(ticket: Mapping[str, Any]) -> datetime | None:
    """When it was last solved: the side-loaded metrics tell ("Ticket Metrics")."""
    metrics = ticket.get("metric_set")
    return time_of(metrics.get("solved_at")) if isinstance(metrics, dict) else None
