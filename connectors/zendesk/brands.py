"""The brands of a Zendesk account: their names, and where the help centre of each is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from configs.errors import ConnectorError
from connectors.zendesk.api import Api
from connectors.zendesk.options import Named

_ZENDESK = ".zendesk.com"
_SUBDOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand.

    Attributes:
        url: its help centre's address; ``None`` where it has none, or one that is switched off.
        restricted: the help centre is not open to customers, whatever its articles say.
    """

    id: int
    name: str
    url: str | None
    restricted: bool = False


def read_brands(api: Api, wanted: Sequence[Named]) -> list[Brand]:
    """The brands that ``wanted`` names; all of them where it names none.

    Raises:
        ConnectorError: a name fits no brand, or the list cannot be read.
    """
    raw = [one for one in api.all("/api/v2/brands", "brands") if not one.get("is_deleted")]
    chosen = chosen_ids(wanted, {brand["id"]: str(brand.get("name") or "") for brand in raw}, "brand")
    return [_brand(one, api.base) for one in sorted(raw, key=lambda one: one["id"]) if one["id"] in chosen]


def chosen_ids(wanted: Sequence[Named], names: Mapping[int, str], kind: str) -> set[int]:
    """The ids that ``wanted`` means, by id or by name in any case; all where it is empty.

    Raises:
        ConnectorError: one of them is not there. A misspelt name must not empty the shelf.
    """
    if not wanted:
        return set(names)
    chosen: set[int] = set()
    for one in wanted:
        text = str(one).strip().casefold()
        found = {number for number, name in names.items() if text in (str(number), name.strip().casefold())}
        if not found:
            raise ConnectorError(f"Zendesk has no {kind} {one!r}.", hint=f"There are: {shown(names.values())}.")
        chosen |= found
    return chosen


def shown(names: Iterable[str]) -> str:
    """The first names of a list, for a message."""
    listed = sorted({name for name in names if name})
    return (", ".join(listed[:12]) + (", …" if len(listed) > 12 else "")) or "none"


def _brand(raw: Mapping[str, Any], account: str) -> Brand:
    state = raw.get("help_center_state")
    running = raw.get("has_help_center") and state != "disabled" and raw.get("active", True)
    url = _address(raw, account) if running else None
    return Brand(raw["id"], str(raw.get("name") or raw["id"]), url, state == "restricted")


def _address(raw: Mapping[str, Any], account: str) -> str:
    """Where to ask for a brand's articles: its own subdomain ("Help Center API: Introduction", multiple brands).

    Only below zendesk.com, or on the configured host: our credentials go nowhere else, whatever the list says.
    """
    own = urlsplit(account)
    if (own.hostname or "").endswith(_ZENDESK):
        subdomain = str(raw.get("subdomain") or "")
        if _SUBDOMAIN.fullmatch(subdomain):
            return f"https://{subdomain.lower()}{_ZENDESK}"
    else:
        theirs = str(raw.get("brand_url") or "").rstrip("/")
        if urlsplit(theirs)[:2] == own[:2]:
            return theirs
        if raw.get("default"):
            return account
    raise ConnectorError(
        f"The brand {raw.get('name')!r} has its help centre at an address that this source may not ask.",
        hint="Leave it out: name the other ones in `brands`.",
    )
