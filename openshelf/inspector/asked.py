"""The search form: what its parameters ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from configs.errors import FilterError
from configs.schema import Retrieval
from ingest.ledger.where import ALL_GROUPS, Groups
from openshelf.cli.filtering import read_filters

VIEWERS = {
    "public": "the public: unrestricted documents only",
    "groups": "a reader of these groups",
    "operator": "the operator: everything",
}
OVERRIDES = (
    *("top_k", "candidates", "fusion", "keyword_weight", "vector_weight", "rrf_k"),
    *("diversity", "per_document", "threshold"),
)
_NONE_IS_ZERO = "per_document"
_LONGEST = 20_000  # characters of a filter


@dataclass(frozen=True, slots=True)
class Asked:
    """A search as its address describes it; a text that is empty leaves the choice to the configuration.

    Attributes:
        filters: JSON, or lines such as ``price<100``.
        viewer: a key of ``VIEWERS``.
        values: of ``OVERRIDES`` and of ``rerank``, as they were given.
        why: a document that was expected.
        everything: show whole lists.
    """

    query: str
    filters: str
    viewer: str
    groups: str
    values: Mapping[str, str]
    why: str
    why_source: str
    everything: bool

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Asked:
        """From an address's parameters."""
        viewer = given.get("as", "public")
        return cls(
            query=given.get("q", "").strip(),
            filters=given.get("filters", "").strip()[:_LONGEST],
            viewer=viewer if viewer in VIEWERS else "public",
            groups=given.get("groups", "").strip(),
            values={name: given[name].strip() for name in (*OVERRIDES, "rerank") if given.get(name, "").strip()},
            why=given.get("why", "").strip(),
            why_source=given.get("why_source", "").strip(),
            everything=given.get("all") == "1",
        )

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters again, those that say nothing left out."""
        pairs = [("q", self.query), ("filters", self.filters), ("as", self.viewer), ("groups", self.groups)]
        pairs += [*self.values.items(), ("why", self.why), ("why_source", self.why_source)]
        pairs += [("all", "1" if self.everything else "")]
        return [(name, value) for name, value in pairs if value and (name, value) != ("as", "public")]

    def viewer_groups(self) -> Groups:
        """Who asks, as a search takes it."""
        if self.viewer == "operator":
            return ALL_GROUPS
        if self.viewer == "groups":
            return frozenset(name.strip() for name in self.groups.split(",") if name.strip())
        return None

    def parsed_filters(self) -> dict[str, Any] | None:
        """The filter, if there is one.

        Raises:
            FilterError: it is malformed.
        """
        try:
            if self.filters.startswith("{"):
                return read_filters((), self.filters)
            return read_filters([line for line in self.filters.splitlines() if line.strip()], None)
        except click.UsageError as error:
            said = error.format_message().replace("--filters", "The filter").replace("--filter", "A filter's line")
            raise FilterError(said, hint="docs/retrieval.md has the whole language.") from None

    def overrides(self, settings: Retrieval) -> dict[str, Any]:
        """What differs from the configuration, as a search takes it; values are checked there."""
        found: dict[str, Any] = {}
        for name, value in self.values.items():
            if name == "rerank":
                if value == "off" and settings.reranker is not None:
                    found["reranker"] = None
            elif name == _NONE_IS_ZERO and value == "0":
                found[name] = None
            else:
                found[name] = value
        return found
