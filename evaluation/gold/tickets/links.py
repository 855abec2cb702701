"""Which documents on the shelf a text links to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from sqlalchemy import select

from evaluation.gold.tickets.shelved import MEDIA_TYPE
from ingest.ledger import Ledger
from ingest.ledger.builds import ACTIVE
from ingest.ledger.tables import builds, documents

_URL = re.compile(r"https?://[^\s<>\"'`\]|\\^{}]+", re.IGNORECASE)
_TRAILING = ".,;:!?…"
_NUMBERED = re.compile(r"/(?:hc/(?:(?P<locale>[a-z]{2}(?:-[a-z]{2,4})?)/)?|support/solutions/)articles/(?P<id>\d+)")
"""Help-desk articles, whose title in the address and whose locale may be any (Zendesk, Freshdesk)."""


@dataclass(frozen=True, slots=True)
class Article:
    """A document that is no ticket.

    Attributes:
        public: whether everybody may see it.
    """

    source: str
    document: str
    title: str
    url: str | None
    language: str | None
    public: bool

    def __str__(self) -> str:
        return f"{self.title} — {self.url or f'{self.source}/{self.document}'}"


class Articles:
    """The articles on a shelf, by address and by id."""

    def __init__(self, ledger: Ledger) -> None:
        self._by_address: dict[str, list[Article]] = defaultdict(list)
        self._by_number: dict[str, list[Article]] = defaultdict(list)
        self._by_id: dict[str, list[Article]] = defaultdict(list)
        statement = (
            select(
                builds.c.source,
                documents.c.document_id,
                documents.c.title,
                documents.c.url,
                documents.c.language,
                documents.c.readers,
            )
            .join(builds, builds.c.id == documents.c.build)
            .where(builds.c.state == ACTIVE, documents.c.media_type != MEDIA_TYPE)
            .order_by(builds.c.source, documents.c.document_id)
        )
        with ledger.reading() as connection:
            for row in connection.execute(statement):
                self._add(Article(row.source, row.document_id, row.title, row.url, row.language, row.readers is None))

    def _add(self, article: Article) -> None:
        self._by_id[article.document].append(article)
        if article.url is not None:
            self._by_address[address(article.url)].append(article)
            if (number := _number(article.url)) is not None:
                self._by_number[number].append(article)

    def at(self, link: str, language: str | None = None) -> Article | None:
        """The article that ``link`` (a URL, or a document's id) leads to.

        Args:
            language: of several translations the one in this language.
        """
        if not _URL.match(link):
            found = self._by_id.get(link, [])
            return found[0] if len(found) == 1 else None
        found = self._by_address.get(address(link)) or []
        if not found and (number := _number(link)) is not None:
            found = self._by_number.get(number, [])
            said = _NUMBERED.search(link.lower())
            language = (said["locale"] or "")[:2] or language if said else language
        return next((one for one in found if one.language == language), found[0] if found else None)

    def named(self, source: str | None, document: str) -> Article | None:
        """The article with this id."""
        return next((one for one in self._by_id.get(document, []) if source in (None, one.source)), None)


def links_in(text: str) -> Iterator[str]:
    """The URLs in a text, plain, in Markdown or in HTML, each once."""
    seen: set[str] = set()
    for found in _URL.finditer(text):
        url = found[0].rstrip(_TRAILING)
        # A bracket at the end belongs to the text unless it was opened within the address.
        while url.endswith((")", "*", "_")) and not (url.endswith(")") and url.count("(") >= url.count(")")):
            url = url[:-1].rstrip(_TRAILING)
        if url not in seen:
            seen.add(url)
            yield url


def address(url: str) -> str:
    """``url`` without what does not change the page: scheme, ``www.``, query, fragment, a slash at the end."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return url
    host = (parts.netloc.rpartition("@")[2]).lower().removeprefix("www.")
    return f"{host}{unquote(parts.path).rstrip('/')}"


def first_of(links: Iterable[str], articles: Articles, language: str | None) -> tuple[list[Article], list[str]]:
    """The articles behind ``links``, each once, and the links that lead to none."""
    found: dict[Article, None] = {}
    unknown: list[str] = []
    for link in links:
        article = articles.at(link, language)
        if article is None:
            unknown.append(link)
        else:
            found[article] = None
    return list(found), unknown


def _number(url: str) -> str | None:
    try:
        parts = urlsplit(url.lower())
    except ValueError:
        return None
    found = _NUMBERED.search(parts.path)
    return f"{parts.netloc}#{found['id']}" if found else None
