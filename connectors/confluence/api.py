"""What Confluence's two editions have in common: the things they hold, and how their lists are paged through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from configs.errors import AuthError, ConnectorError, CursorError
from connectors.confluence.options import ConfluenceOptions
from connectors.credentials import FixedHeader
from connectors.http import HttpClient
from connectors.replies import Again, Reply
from connectors.retry import RETRIED, shared_budget
from connectors.trail import Trail

PAGE = 250
"""Entries of a list in one answer; the most that Cloud's v2 gives."""

MEDIA_HOSTS = ("api.media.atlassian.com",)
"""Where Cloud sends a download on to ("Get URI to download attachment", REST v1)."""

_BROKEN = 3
"""Entries in a row that fail by themselves: then it is the server."""

GRANT = "id.atlassian.com › Security › API tokens › Create API token with scopes"


@dataclass(frozen=True, slots=True)
class Space:
    """``id`` is what pages name their space by: a number on Cloud, the key on Data Center."""

    id: str
    key: str
    name: str
    personal: bool = False
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A place in the tree: a page, a blog post, or a folder, whiteboard or database that pages hang below."""

    id: str
    kind: str
    title: str
    space: str
    number: int
    modified: datetime
    parent: str | None = None
    parent_kind: str = "page"
    current: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """A page's own text and what is said about it. ``link``: below the site."""

    node: Node
    storage: str
    labels: tuple[str, ...]
    author: str
    created: datetime
    link: str


@dataclass(frozen=True, slots=True)
class File:
    """An attachment. ``download``: a path of the API."""

    id: str
    name: str
    media_type: str
    size: int
    number: int
    author: str
    created: datetime
    link: str
    download: str


@dataclass(frozen=True, slots=True)
class Level:
    """Who may read by one page's own restriction; groups by name, with the id they are asked for. Empty: inherits."""

    users: frozenset[str] = frozenset()
    groups: dict[str, str] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether the page restricts nobody by itself."""
        return not self.users and not self.groups

    @property
    def names(self) -> frozenset[str]:
        """Everybody who is named, with what kind of name it is."""
        return self.users | {group_name(name) for name in self.groups}


def user_name(name: str) -> str:
    """A person as a reader."""
    return f"confluence-user:{name}"


def group_name(name: str) -> str:
    """A group as a reader."""
    return f"confluence-group:{name}"


class Api(Protocol):
    """What a source asks of either edition. Every method raises ``ConnectorError``."""

    def spaces(self) -> Iterator[Space]:
        """Every space that the account sees, archived ones included where the edition lists them."""
        ...

    def listing(self, kind: str, spaces: Sequence[Space]) -> Iterator[Node]:
        """All current pages or blog posts of ``spaces``, without their texts, in an order that edits do not change."""
        ...

    def newest(self, kind: str, spaces: Sequence[Space], since: datetime) -> Iterator[Node]:
        """Those that have a new version since then, or before."""
        ...

    def still_there(self, kind: str, ids: Sequence[str]) -> Iterator[Node]:
        """Those of ``ids`` that are current; for what a listing left out."""
        ...

    def node(self, name: str, kind: str) -> Node:
        """One place in the tree, whatever its status."""
        ...

    def titled(self, title: str, space: Space) -> Iterator[Node]:
        """Current pages of that title."""
        ...

    def page(self, node: Node) -> Page:
        """Text, labels and the rest of a page or blog post."""
        ...

    def rendered(self, node: Node) -> str:
        """The page's HTML as Confluence exports it."""
        ...

    def restriction(self, name: str) -> Level:
        """Who may read by the restriction of this content itself."""
        ...

    def restricted(self, spaces: Sequence[Space]) -> dict[str, Level | None]:
        """Pages and blog posts with a restriction of their own, from a search; ``None``: it has too many names."""
        ...

    def members(self, group: str) -> frozenset[str]:
        """The people in a group, by the value of ``Level.groups``."""
        ...

    def files(self, node: Node) -> Iterator[File]:
        """Current attachments of a page."""
        ...

    def content(self, file: File) -> bytes:
        """An attachment's bytes."""
        ...


def client_of(options: ConfluenceOptions) -> HttpClient:
    """The client for a run. Cloud's tokens go with the account's mail (basic), other ones alone (bearer)."""
    if options.token is not None:
        credentials = FixedHeader.bearer(options.token)
    elif options.email and options.api_token:
        credentials = FixedHeader.basic(options.email, options.api_token)
    else:
        raise AuthError("Confluence needs credentials.", hint="Set email and api_token, or token.")
    return HttpClient(
        options.root + "/",
        allowed_hosts=MEDIA_HOSTS if options.edition == "cloud" else (),
        credentials=credentials,
        judge=judge,
        timeout=options.timeout,
        max_bytes=options.max_bytes,
        budget=shared_budget(f"confluence {options.root}", options.requests_per_minute),
        allow_private=options.allow_private_network,
    )


def judge(reply: Reply) -> Again | ConnectorError | None:
    """A 401 for a scope that the token lacks is about permission: the token itself holds."""
    said = reply.body.get("message") if isinstance(reply.body, dict) else None
    if reply.status in (401, 403) and isinstance(said, str) and "scope" in said.lower():
        return AuthError(
            f"{reply.url} refused access: the token lacks a scope.", hint=f"Make a new one: {GRANT}.", status=403
        )
    return None


def passing(error: ConnectorError) -> bool:
    """Whether the server and not the request was the reason: busy, broken, too slow."""
    if isinstance(error, AuthError | CursorError):
        return False
    return error.status is None or error.status in RETRIED


class Lists:
    """Reads lists page by page.

    Where an answer fails for good, a smaller page is asked for: large pages make Confluence time out.

    Args:
        root: what links that start with a slash are below, without a slash at its end.
    """

    def __init__(self, client: HttpClient, root: str) -> None:
        self.client = client
        self.root = root

    def entries(
        self, what: str, path: str, params: dict[str, str], *, size: int | None = None, holes: list[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """All entries of a list, along its ``_links.next``; see ``pages``."""
        for page in self.pages(what, path, params, size=size, holes=holes):
            yield from page["results"]

    def pages(
        self, what: str, path: str, params: dict[str, str], *, size: int | None = None, holes: list[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """The answers of a list.

        Args:
            size: entries to ask for at once.
            holes: gets a line for each entry that fails all by itself; the list goes on behind it. Only for lists
                that are paged by ``start``: behind a broken page of the other kind nobody knows what comes next.

        Raises:
            ConnectorError: an answer fails even with one entry, or is no list.
        """
        full = limit = size or PAGE
        trail = Trail(what)
        url: str | None = f"{self.root}{path}?{urlencode(params)}"
        broken = 0
        while url:
            trail.step(url)
            answer, limit = self._page(url, limit, give_up=holes is None or broken == _BROKEN)
            if limit == 0 and holes is not None:
                url, start = _behind(url)
                holes.append(f"{what}, entry {start}")
                broken, limit = broken + 1, 1
                continue
            if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
                raise ConnectorError(f"{what} came without a list of results.", hint="Check url and edition.")
            yield answer
            broken = 0
            limit = min(full, limit * 2)
            url = self.next_url(answer)

    def _page(self, url: str, limit: int, *, give_up: bool) -> tuple[Any, int]:
        """An answer and the limit that it took; 0: none, not even with one entry, unless that is to be raised."""
        while limit:
            try:
                return self.client.get_json(with_limit(url, limit)), limit
            except ConnectorError as error:
                if not passing(error) or (limit == 1 and give_up):
                    raise
                limit //= 2
        return None, 0

    def next_url(self, answer: dict[str, Any]) -> str | None:
        """Where the list goes on.

        Cloud's v2 gives a path from the site's root, v1 one below ``_links.context``; a token with scopes needs
        the gateway's prefix before both. An address of another host is refused by the client.
        """
        links = answer.get("_links")
        if not isinstance(links, dict) or not isinstance(link := links.get("next"), str) or not link:
            return None
        if "://" in link or link.startswith("//"):
            return link
        context = links.get("context") or ""
        if context and not link.startswith(context + "/") and not self.root.endswith(context):
            link = context + link
        elif context and link.startswith(context + "/") and self.root.endswith(context):
            link = link.removeprefix(context)
        return f"{self.root}/{link.lstrip('/')}"


def with_limit(url: str, limit: int) -> str:
    """``url`` asking for ``limit`` entries; the rest of its query stays as it was given."""
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != "limit"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("limit", str(limit))])))


def moment(value: Any) -> datetime:
    """A time of Confluence's as UTC.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str):
        raise ValueError("a time is missing")
    found = datetime.fromisoformat(value)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _behind(url: str) -> tuple[str, int]:
    """``url`` starting one entry later, and the entry that it started with."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    start = int(query.get("start", "0"))
    return urlunsplit(parts._replace(query=urlencode({**query, "start": str(start + 1)}))), start
