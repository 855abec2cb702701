"""An article of a help centre as documents: one for each of its translations, or the reason to leave it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from connectors.contract import MetaValue, Skipped, SourceDocument
from connectors.front_matter import two_letters
from connectors.personal_data import PersonalData
from connectors.times import time_of
from connectors.version import version_of
from connectors.zendesk.centre import HelpCentre
from connectors.zendesk.options import ZendeskOptions

AGENTS = "zendesk-agents"
"""The group for what Zendesk shows to its agents alone: drafts, internal notes, help centres that are not open."""


def document_id(number: object, locale: object) -> str:
    """``article:<id>:<locale>``."""
    return f"article:{number}:{str(locale).lower()}"


class ArticleDocuments:
    """Makes documents of articles as the options want them."""

    def __init__(self, options: ZendeskOptions) -> None:
        self._options = options

    @cached_property
    def _personal(self) -> PersonalData:
        # Only when there is a text: the recognisers take seconds to load, and most runs find nothing new.
        return PersonalData(self._options.redact)

    def of(self, article: Mapping[str, Any], centre: HelpCentre) -> Iterator[SourceDocument | Skipped]:
        """One for each translation.

        Raises:
            ValueError: the article is not as Zendesk describes it; says where.
            ConnectorError: its translations cannot be read.
        """
        if type(article.get("id")) is not int:
            raise ValueError("its id is no number")
        whole = self._left_out(article, centre)
        for translation in centre.translations(article):
            locale = translation.get("locale")
            if not isinstance(locale, str) or not locale:
                raise ValueError("one of its translations has no locale")
            name = document_id(article["id"], locale)
            title = self.title(translation) or self.title(article)
            url = translation.get("html_url")
            reason = whole or self._translation_left_out(translation, locale)
            if reason:
                yield Skipped(name, reason, title or None, url)
            else:
                yield self._document(name, title or f"Article {article['id']}", article, translation, centre)

    def title(self, about: Mapping[str, Any]) -> str:
        """The title of an article or translation, without personal data."""
        return self._personal.redact(str(about.get("title") or "").strip())

    def _left_out(self, article: Mapping[str, Any], centre: HelpCentre) -> str | None:
        section = article.get("section_id")
        known = centre.knows(section)
        if not centre.takes(section):
            return "other section" if known else "hidden section"
        labels = {str(label).casefold() for label in _listed(article.get("label_names"))}
        if self._options.labels and labels.isdisjoint(label.casefold() for label in self._options.labels):
            return "other labels"
        return None

    def _translation_left_out(self, translation: Mapping[str, Any], locale: str) -> str | None:
        options = self._options
        if options.locales and locale.lower() not in options.locales:
            return "other locale"
        if translation.get("draft") and not options.include_drafts:
            return "draft"
        if translation.get("hidden"):
            return "hidden"
        if translation.get("outdated") and not options.include_outdated:
            return "outdated translation"
        if not str(translation.get("body") or "").strip():
            return "no text"
        return None

    def _document(
        self,
        name: str,
        title: str,
        article: Mapping[str, Any],
        translation: Mapping[str, Any],
        centre: HelpCentre,
    ) -> SourceDocument:
        content = self._redacted(str(translation["body"])).encode("utf-8", "surrogatepass")
        locale = str(translation["locale"]).lower()
        url = translation.get("html_url") or None
        language = two_letters(locale)
        readers = readers_of(article)
        if translation.get("draft") or centre.brand.restricted:
            readers = frozenset({AGENTS})
        metadata: dict[str, MetaValue] = {
            "article_id": str(article["id"]),
            "locale": locale,
            "brand": centre.brand.name,
            "draft": bool(translation.get("draft")),
            "outdated": bool(translation.get("outdated")),
            "promoted": bool(article.get("promoted")),
            "labels": _listed(article.get("label_names")),
        }
        place = centre.place(article.get("section_id"))
        found = {
            "section_id": article.get("section_id"),
            "section": place.section if place else None,
            "category_id": place.category_id if place else None,
            "category": place.category if place else None,
            "author_id": article.get("author_id"),
            "created_at": time_of(translation.get("created_at") or article.get("created_at")),
            "updated_at": time_of(translation.get("updated_at") or article.get("updated_at")),
        }
        for key, value in found.items():
            if value is not None:
                metadata[key] = str(value) if key.endswith("_id") else value
        version = version_of(content, title=title, url=url, metadata=metadata, readers=readers, language=language)
        return SourceDocument(
            name,
            content,
            "text/html",
            title,
            version,
            url=url,
            metadata=metadata,
            readers=readers,
            language=language,
        )

    def _redacted(self, html: str) -> str:
        """``html`` without personal data in its text and its attributes."""
        if not self._options.redact:
            return html
        from lxml import etree
        from lxml.html import fragment_fromstring, tostring

        try:
            root = fragment_fromstring(html, create_parent="div")
        except (etree.LxmlError, ValueError):
            raise ValueError("its HTML cannot be read to take personal data out of it") from None
        for element in [one for one in root.iter() if not isinstance(one.tag, str)]:
            element.drop_tree()  # comments and processing instructions are not shown to anybody
        for element in root.iter():
            element.text = self._personal.redact(element.text) if element.text else element.text
            element.tail = self._personal.redact(element.tail) if element.tail else element.tail
            for key, value in element.attrib.items():
                element.set(key, self._personal.redact(value))
        return str(tostring(root, encoding="unicode"))


def readers_of(article: Mapping[str, Any]) -> frozenset[str] | None:
    """Who may read an article: everybody (no user segment), or members of any of its segments.

    Where Zendesk does not say it, or not in a way that is known here, nobody ("Articles: user_segment_id,
    user_segment_ids"; null means everyone).
    """
    if "user_segment_id" not in article and "user_segment_ids" not in article:
        return frozenset()
    several, one = article.get("user_segment_ids"), article.get("user_segment_id")
    segments = several if several else [] if one is None else [one]
    if not isinstance(segments, list) or not all(type(segment) is int for segment in segments):
        return frozenset()
    return frozenset(f"zendesk-segment:{segment}" for segment in segments) or None


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
