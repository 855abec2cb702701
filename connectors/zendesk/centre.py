"""One help centre: its sections and categories, what the scope takes of them, and its articles page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from configs.errors import ConnectorError
from connectors.times import time_of
from connectors.version import digest
from connectors.zendesk.api import Api, Page, items_of
from connectors.zendesk.brands import Brand, chosen_ids
from connectors.zendesk.options import ZendeskOptions

EXPORT_PAGE = 1000
"""Articles of one page of the incremental export ("Understanding incremental article exports")."""

_ROOT = "/api/v2/help_center"
_SIDELOAD = {"include": "translations"}


@dataclass(frozen=True, slots=True)
class Place:
    """A section and the category above it."""

    section: str
    category_id: int | None
    category: str | None


class HelpCentre:
    """The help centre of one brand.

    Args:
        api: of the brand's own host.
    """

    def __init__(self, api: Api, brand: Brand) -> None:
        self.brand = brand
        self._api = api
        self._sections: dict[int, Mapping[str, Any]] = {}
        self._categories: dict[int, str] = {}
        self._wanted: set[int] | None = None
        self._unknown: set[int] = set()

    def read_structure(self) -> None:
        """Read sections and categories; before anything else.

        Raises:
            ConnectorError: they cannot be read.
        """
        self._categories = {
            one["id"]: str(one.get("name") or "") for one in self._api.all(f"{_ROOT}/categories", "categories")
        }
        self._sections = {one["id"]: one for one in self._api.all(f"{_ROOT}/sections", "sections")}

    @property
    def sections(self) -> dict[int, str]:
        """Names by id."""
        return {number: str(one.get("name") or "") for number, one in self._sections.items()}

    @property
    def categories(self) -> dict[int, str]:
        """Names by id."""
        return dict(self._categories)

    @property
    def shape(self) -> str:
        """A digest of the structure: when a section is moved, renamed or gone, its articles do not say so."""
        parts = [[n, one.get("name"), one.get("category_id"), self._parent(n)] for n, one in self._sections.items()]
        return digest(
            [self.brand.name, self.brand.restricted, sorted(parts, key=str), sorted(self._categories.items())]
        )

    def choose(self, sections: set[int] | None, categories: set[int] | None) -> None:
        """Take only articles of these sections, of sections in them, and of these categories (``None``: any)."""
        if sections is None and categories is None:
            return
        self._wanted = {
            number
            for number in self._sections
            if (sections is None or not sections.isdisjoint(self._line(number)))
            and (categories is None or self._sections[number].get("category_id") in categories)
        }

    def takes(self, section: int | None) -> bool:
        """Whether the scope has ``section``; one that the list does not know is not in a chosen scope."""
        return self._wanted is None or section in self._wanted

    def place(self, section: int | None) -> Place | None:
        """Where ``section`` is; ``None`` where the list does not know it."""
        one = self._sections.get(section) if section is not None else None
        if one is None:
            return None
        category = one.get("category_id")
        return Place(str(one.get("name") or ""), category, self._categories.get(category) if category else None)

    def newest(self) -> tuple[int, int]:
        """When the last change of an article was (seconds), and how many articles there are.

        Raises:
            ConnectorError: the listing cannot be read.
        """
        path = f"{_ROOT}/articles"
        answer = self._api.get(path, {"sort_by": "updated_at", "sort_order": "desc", "per_page": 1})
        items = items_of(answer, "articles", path)
        count = answer.get("count")
        return max((moment(one.get("updated_at")) for one in items), default=0), count if isinstance(count, int) else 0

    def listing(self, after: str | None) -> Iterator[Page]:
        """All articles with their translations, from the page behind ``after``.

        Raises:
            ConnectorError: the listing broke off.
        """
        return self._api.pages(f"{_ROOT}/articles", "articles", _SIDELOAD, after=after)

    def changed(self, start: int) -> tuple[list[dict[str, Any]], int, bool]:
        """Articles that changed since ``start``, where the next page starts, and whether there is one.

        The link to a next page is there on the last one, too, and an empty page says ``end_time: 1``, which is
        never taken ("Understanding incremental article exports").

        Raises:
            ConnectorError: the export cannot be read.
        """
        path = f"{_ROOT}/incremental/articles"
        answer = self._api.incremental(path, {"start_time": start, **_SIDELOAD})
        items = items_of(answer, "articles", path)
        end = answer.get("end_time")
        newer = end if items and isinstance(end, int) and end > start else start
        count = answer.get("count")
        rest = len(items) >= EXPORT_PAGE or (isinstance(count, int) and count > len(items))
        return items, newer, rest and bool(answer.get("next_page"))

    def article(self, number: str) -> dict[str, Any]:
        """One article.

        Raises:
            ConnectorError: ``status`` 404 where it is gone or hidden.
        """
        answer = self._api.get(f"{_ROOT}/articles/{number}", _SIDELOAD).get("article")
        if not isinstance(answer, dict):
            raise ConnectorError(f"Zendesk's answer about article {number} holds none.")
        return answer

    def translations(self, article: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Its translations: side-loaded with it, or asked for where the answer came without.

        Raises:
            ConnectorError: they cannot be read.
        """
        loaded = article.get("translations")
        if isinstance(loaded, list) and loaded and all(isinstance(one, dict) for one in loaded):
            return loaded
        return list(self._api.all(f"{_ROOT}/articles/{article['id']}/translations", "translations"))

    def knows(self, section: Any) -> bool:
        """Whether the list has ``section``; read again once for one that was made meanwhile."""
        if section in self._sections or not isinstance(section, int):
            return True
        if section in self._unknown:
            return False
        self._unknown.add(section)
        self.read_structure()
        return section in self._sections

    def _line(self, number: int) -> list[int]:
        """A section and the ones it is in."""
        line = [number]
        while (parent := self._parent(line[-1])) is not None and parent not in line:
            line.append(parent)
        return line

    def _parent(self, number: int) -> int | None:
        one = self._sections.get(number)
        return one.get("parent_section_id") if one else None


def choose_everywhere(centres: list[HelpCentre], options: ZendeskOptions) -> None:
    """Let ``sections`` and ``categories`` of the options narrow all help centres.

    Raises:
        ConnectorError: one of them is in none of the help centres.
    """
    sections = {n: name for centre in centres for n, name in centre.sections.items()}
    categories = {n: name for centre in centres for n, name in centre.categories.items()}
    chosen = chosen_ids(options.sections, sections, "section") if options.sections else None
    above = chosen_ids(options.categories, categories, "category") if options.categories else None
    for centre in centres:
        centre.choose(chosen, above)


def moment(text: Any) -> int:
    """Seconds of one of Zendesk's times; 0 where it is none."""
    found = time_of(text)
    return 0 if found is None else int(found.timestamp())
