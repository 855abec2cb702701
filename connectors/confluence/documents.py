"""A page or an attachment of Confluence as a document of the shelf."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from configs.errors import ConnectorError
from connectors.confluence.api import Api, File, Node, Page, Space, passing
from connectors.confluence.includes import Includes
from connectors.confluence.options import ConfluenceOptions
from connectors.confluence.storage import INCLUDES, StorageError, rendered_html, storage_html
from connectors.contract import MetaValue, SourceDocument
from connectors.version import version_of

_OFFICE = "application/vnd.openxmlformats-officedocument."
FILE_TYPES = {
    ".pdf": "application/pdf",
    ".docx": f"{_OFFICE}wordprocessingml.document",
    ".pptx": f"{_OFFICE}presentationml.presentation",
    ".xlsx": f"{_OFFICE}spreadsheetml.sheet",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".html": "text/html",
    ".md": "text/markdown",
    ".txt": "text/plain",
}
"""Attachments that the shelf can read, by the end of their name."""


class Documents:
    """Makes documents.

    Args:
        includes: says whether a page may be shown with what it includes.
    """

    def __init__(self, options: ConfluenceOptions, api: Api, includes: Includes) -> None:
        self._options = options
        self._api = api
        self._includes = includes

    def page(self, page: Page, above: Sequence[Node], space: Space, readers: frozenset[str] | None) -> SourceDocument:
        """The document of a page or blog post.

        Raises:
            ConnectorError: its dynamic macros could not be rendered this time.
            StorageError: its text cannot be read.
        """
        content = self._html(page, space, readers).encode()
        title = page.node.title.strip() or "Untitled"
        url = self._options.site + page.link
        metadata = _about(space, page.node.kind, above, page.author)
        metadata |= {
            "created": page.created,
            "updated": page.node.modified,
            "version": page.node.number,
            "labels": list(page.labels),
        }
        version = version_of(content, title=title, url=url, metadata=metadata, readers=readers)
        return SourceDocument(
            page.node.id, content, "text/html", title, version, url=url, metadata=metadata, readers=readers
        )

    def file(
        self, file: File, page: Page, above: Sequence[Node], space: Space, readers: frozenset[str] | None
    ) -> SourceDocument:
        """The document of an attachment, with its bytes.

        Raises:
            ConnectorError: they cannot be fetched, or are not as many as the list said.
        """
        url = self._options.site + file.link if file.link else None
        metadata = _about(space, "attachment", [*above, page.node], file.author)
        metadata |= {"created": file.created, "version": file.number, "labels": list(page.labels)}
        content = self._api.content(file)
        if file.size and len(content) != file.size:
            # A proxy's sign-in page comes with status 200 as well.
            raise ConnectorError(f"{file.name} came with {len(content):,} bytes where {file.size:,} were announced.")
        return SourceDocument(
            file.id,
            content,
            media_type_of(file) or "application/octet-stream",
            file.name,
            version_of(content, title=file.name, url=url, metadata=metadata, readers=readers),
            url=url,
            metadata=metadata,
            readers=readers,
            filename=file.name,
        )

    def _html(self, page: Page, space: Space, readers: frozenset[str] | None) -> str:
        try:
            converted = storage_html(page.storage, base=self._options.site, space=space.key)
        except StorageError:
            # Confluence itself may still be able to show it. What it would include cannot be told from a broken text.
            if any(f'"{name}"' in page.storage for name in INCLUDES):
                raise
            return rendered_html(self._api.rendered(page.node))
        if not converted.dynamic or self._options.dynamic_macros == "leave-out":
            return converted.html
        if converted.dynamic & INCLUDES and not self._includes.may_show(page.node, converted.included, readers):
            return converted.html
        try:
            return rendered_html(self._api.rendered(page.node))
        except ConnectorError as error:
            if passing(error) or error.status == 401:
                raise
            return converted.html


def media_type_of(file: File) -> str | None:
    """What kind of attachment the shelf can read it as; ``None``: none. The name wins over what a browser said."""
    by_name = FILE_TYPES.get(PurePosixPath(file.name.lower()).suffix)
    said = file.media_type.split(";")[0].strip().lower()
    return by_name or (said if said in FILE_TYPES.values() else None)


def _about(space: Space, kind: str, above: Sequence[Node], author: str) -> dict[str, MetaValue]:
    about: dict[str, MetaValue] = {
        "space": space.key,
        "space_name": space.name,
        "type": kind,
        "breadcrumb": [one.title for one in above],
    }
    if author:
        about["author"] = author
    return about
