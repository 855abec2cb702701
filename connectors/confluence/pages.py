"""Reads one page with its attachments and says what becomes of it on the shelf."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from configs.errors import AuthError, ConnectorError
from connectors.confluence.api import Api, File, Node, Page, Space, passing
from connectors.confluence.documents import Documents, media_type_of
from connectors.confluence.includes import Includes
from connectors.confluence.known import LEFT_OUT, Known, short
from connectors.confluence.options import ConfluenceOptions
from connectors.confluence.restrictions import Restrictions
from connectors.confluence.storage import StorageError
from connectors.confluence.tree import Tree, place_of
from connectors.contract import Change, Delete, Failed, Skipped, Upsert

_BROKEN = 5
"""Pages in a row that the server fails for: then it is the server, and the run ends."""


class Pages:
    """See the module.

    Args:
        spaces: by id, those in scope; filled before the first page is read.
    """

    def __init__(
        self,
        options: ConfluenceOptions,
        api: Api,
        known: Known,
        tree: Tree,
        restrictions: Restrictions,
        spaces: Mapping[str, Space],
        includes: Includes,
    ) -> None:
        self._options = options
        self._api = api
        self._known = known
        self._tree = tree
        self._restrictions = restrictions
        self._spaces = spaces
        self._documents = Documents(options, api, includes)
        self._broken = 0

    def read(self, node: Node) -> Iterator[Change]:
        """The page as it is now, if it differs from what was delivered.

        Raises:
            AuthError: the credentials do not hold, or lack a scope.
            ConnectorError: the server fails again and again.
        """
        try:
            page = self._api.page(node)
        except ConnectorError as error:
            if error.status == 404:
                # Gone since it was listed, or not for this account any more.
                yield from self.gone(node.id)
                return
            yield from self._failed(node, error)
            return
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            yield from self._unreadable(node, f"Confluence described the page in a way that cannot be read ({error}).")
            return
        node = page.node
        if not node.current or node.space not in self._spaces:
            yield from self.gone(node.id)
            return
        self._tree.add(node)
        yield from self._delivered(page)

    def gone(self, name: str) -> Iterator[Change]:
        """The page is not there any more, and neither are its attachments."""
        for file in sorted(self._known.files(name)):
            self._known.drop_file(file)
            yield Delete(file)
        if self._known.readers(name) is not None:
            yield Delete(name)
        self._known.drop(name)

    def _delivered(self, page: Page) -> Iterator[Change]:
        node = page.node
        try:
            above = self._tree.above(node)
            reason = self._left_out(page, above)
            readers = self._readers([*above, node]) if reason is None else None
        except ConnectorError as error:
            # Without the ancestors it is not known who may read the page, or whether it is wanted.
            options = self._options
            yield from self._failed(node, error, hidden=options.restrictions == "enforce" or bool(options.ancestors))
            return
        self._broken = 0
        self._known.includes.pop(node.id, None)
        space, place = self._spaces[node.space], place_of(node, above)
        if reason is not None:
            yield from self._left(node, place, reason)
            return
        may_read = short(None if readers is None else sorted(readers))
        tighter = self._known.readers(node.id) not in (None, may_read)
        try:
            document = self._documents.page(page, above, space, readers)
        except ConnectorError as error:
            yield from self._failed(node, error, hidden=tighter)
            return
        except StorageError as error:
            yield from self._unreadable(node, f"The page cannot be read: {error}.", hidden=tighter)
            return
        stamp = short(document.version)
        if self._known.stamp(node.id) != stamp:
            yield Upsert(document)
        self._known.note(node.id, node.kind, node.number, place, may_read, stamp)
        if self._options.attachments:
            yield from self._files(page, above, space, readers)

    def _left_out(self, page: Page, above: list[Node]) -> str | None:
        options, labels = self._options, set(page.labels)
        if options.ancestors and not set(options.ancestors) & {page.node.id, *(one.id for one in above)}:
            return "not below the ancestors"
        if options.labels and not labels & set(options.labels):
            return "without the labels"
        if labels & set(options.exclude_labels):
            return "excluded label"
        return None

    def _left(self, node: Node, place: str, reason: str) -> Iterator[Change]:
        for file in sorted(self._known.files(node.id)):
            self._known.drop_file(file)
            yield Delete(file)
        self._known.note(node.id, node.kind, node.number, place, "", LEFT_OUT)
        yield Skipped(node.id, reason, node.title or None)

    def _readers(self, chain: list[Node]) -> frozenset[str] | None:
        if self._options.restrictions == "ignore":
            return None
        return self._restrictions.readers(one.id for one in chain)

    def _files(self, page: Page, above: list[Node], space: Space, readers: frozenset[str] | None) -> Iterator[Change]:
        node, known = page.node, self._known
        gone = set(known.files(node.id))
        try:
            files = list(self._api.files(node))
        except ConnectorError as error:
            self._raise_if_whole(error)
            # Their readers are the page's, which may have changed.
            for name in sorted(gone):
                known.drop_file(name)
                yield Delete(name)
            yield Failed(node.id, f"Its attachments cannot be listed: {error.message}", title=node.title)
            known.failed(node.id, node.kind, gone=False)
            return
        for file in files:
            if (reason := self._file_left_out(file)) is not None:
                yield Skipped(file.id, reason, file.name)
                continue
            gone.discard(file.id)
            yield from self._file(file, page, above, space, readers)
        for name in sorted(gone):
            known.drop_file(name)
            yield Delete(name)

    def _file(
        self, file: File, page: Page, above: list[Node], space: Space, readers: frozenset[str] | None
    ) -> Iterator[Change]:
        # An attachment's own version tells whether its bytes changed, so they are not fetched to find out.
        may_read = None if readers is None else sorted(readers)
        about = [file.number, file.size, file.name, file.link, file.media_type, may_read, list(page.labels)]
        stamp = short([*about, space.key, space.name, [one.title for one in above], page.node.title])
        old = self._known.file(file.id)
        if stamp == old:
            return
        try:
            document = self._documents.file(file, page, above, space, readers)
        except ConnectorError as error:
            self._raise_if_whole(error)
            if old:
                yield Delete(file.id)  # it was readable under other rules, perhaps
            self._known.note_file(file.id, page.node.id, "")
            self._known.due(page.node.id)
            yield Failed(file.id, error.message, title=file.name)
            return
        yield Upsert(document)
        self._known.note_file(file.id, page.node.id, stamp)

    def _file_left_out(self, file: File) -> str | None:
        if media_type_of(file) is None:
            return "attachment of another type"
        if file.size > min(self._options.max_attachment_bytes, self._options.max_bytes):
            return "attachment too large"
        return None

    def _failed(self, node: Node, error: ConnectorError, *, hidden: bool = False) -> Iterator[Change]:
        """One page failed. ``hidden``: nobody knows who may read it, so what is on the shelf leaves."""
        self._raise_if_whole(error)
        if passing(error):
            self._broken += 1
            if self._broken >= _BROKEN:
                raise error
        # A refusal (403) can mean that it was taken from this account.
        yield from self._unreadable(node, error.message, step="fetch", hidden=hidden or error.status == 403)

    def _unreadable(self, node: Node, why: str, *, step: str = "decode", hidden: bool = False) -> Iterator[Change]:
        if hidden:
            yield from self.gone(node.id)
        self._known.failed(node.id, node.kind, gone=hidden)
        yield Failed(node.id, why, step=step, title=node.title or None, url=self._url(node))

    def _url(self, node: Node) -> str:
        return f"{self._options.site}/pages/viewpage.action?pageId={node.id}"

    @staticmethod
    def _raise_if_whole(error: ConnectorError) -> None:
        """Bad credentials and a missing scope are no matter of one page."""
        if isinstance(error, AuthError) and (error.status == 401 or "scope" in error.message):
            raise error
