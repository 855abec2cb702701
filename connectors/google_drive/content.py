"""Reads the content of one file of Drive and makes its documents."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from configs.errors import ConnectorError
from connectors.contract import Failed, MetaValue, SourceDocument, Upsert
from connectors.conversation import MEDIA_TYPE as CONVERSATION
from connectors.conversation import read_conversation
from connectors.csv_table import CsvTable
from connectors.front_matter import About, split_front_matter
from connectors.google_drive.api import GoogleApi
from connectors.google_drive.docs import markdown_of, tabs_of, without_images
from connectors.google_drive.errors import Refused
from connectors.google_drive.kinds import POWERPOINT, Format
from connectors.google_drive.sheets import Rows, grid_tabs, html_table, tab_rows
from connectors.google_drive.state import document_id
from connectors.tables import TableRow
from connectors.version import version_of

Made = tuple[str, Upsert | Failed]
"""The end of a document's id (``""``: the file's own) and the change."""


@dataclass(frozen=True, slots=True)
class Described:
    """What Drive says about a file."""

    id: str
    title: str
    url: str | None
    readers: frozenset[str] | None
    metadata: Mapping[str, MetaValue] = field(default_factory=dict)


class LeftOut(Exception):
    """The content is not for the shelf; the message is the reason to skip it."""


class Outdated(ConnectorError):
    """What came is not what was listed: the file changed meanwhile, or the answer was cut."""


@dataclass(frozen=True, slots=True)
class SheetRules:
    """The options for spreadsheets and CSV files (see ``GoogleDriveOptions``)."""

    sheets: Literal["rows", "table"]
    key: str | None
    header_row: int
    hidden: bool
    max_rows: int
    max_bytes: int


class Content:
    """Fetches files of one run."""

    def __init__(self, api: GoogleApi, rules: SheetRules) -> None:
        self._api = api
        self._rules = rules

    def documents(self, item: Mapping[str, Any], found: Format, about: Described) -> Iterator[Made]:
        """What a file becomes.

        Raises:
            LeftOut: there is nothing in it that is wanted.
            Outdated: ask for the item again and then for its content.
            ConnectorError: it cannot be fetched.
            ValueError: it cannot be read; the rest of a sentence.
        """
        if found.kind == "sheets":
            yield from self._tables(self._spreadsheet(about), about)
        elif found.kind == "csv":
            content = self._bytes(item)
            table = CsvTable(io.BytesIO(content), about.title, header_row=self._rules.header_row)
            rows = ((table.columns, row) for row in table.rows())
            yield from self._tables(iter([("csv", None, rows)]), about)
        else:
            content, media_type, said = self._single(item, found)
            if not content.strip():
                raise LeftOut("empty")
            yield "", Upsert(self._document(content, media_type, about, said))

    def _single(self, item: Mapping[str, Any], found: Format) -> tuple[bytes, str, About]:
        name = str(item["id"])
        if found.kind == "docs":
            return self._doc(name).encode("utf-8", "replace"), "text/markdown", About()
        if found.kind == "slides":
            return *self._slides(name), About()
        content = self._bytes(item)
        if found.media_type == "text/markdown":
            said, content = split_front_matter(content)
            return content, found.media_type, said
        if found.media_type == CONVERSATION:
            conversation = read_conversation(content)
            if conversation is None:
                raise LeftOut("no conversation")
            return conversation[1], found.media_type, conversation[0]
        return content, found.media_type, About()

    def _doc(self, name: str) -> str:
        # The export has no titles of tabs, so what has several comes from the Docs API.
        if tabs_of(self._api.document(name, outline=True)) <= 1:
            try:
                return without_images(self._export(name, "text/markdown").decode("utf-8-sig", "replace"))
            except Refused as error:
                if error.reason != "exportSizeLimitExceeded":
                    raise
        return markdown_of(self._api.document(name))

    def _slides(self, name: str) -> tuple[bytes, str]:
        try:
            return self._export(name, POWERPOINT), POWERPOINT
        except Refused as error:
            # Pictures make presentations large; their text is small.
            if error.reason != "exportSizeLimitExceeded":
                raise
            return self._export(name, "text/plain"), "text/plain"

    def _export(self, name: str, media_type: str) -> bytes:
        fetched = self._api.export(name, media_type)
        if fetched.media_type == "text/html":
            raise Outdated("Google answered an export with a web page.")
        return fetched.content

    def _bytes(self, item: Mapping[str, Any]) -> bytes:
        content = self._api.download(str(item["id"]))
        expected = item.get("md5Checksum")
        if expected and hashlib.md5(content, usedforsecurity=False).hexdigest() != expected:
            raise Outdated("The content is not the one that was listed: it changed meanwhile or was cut.")
        return content

    def _spreadsheet(self, about: Described) -> Iterator[tuple[str, str | None, Iterator[tuple[list[str], TableRow]]]]:
        for tab in grid_tabs(self._api, about.id, hidden=self._rules.hidden):
            yield tab.name, tab.title, tab_rows(self._api, about.id, tab, self._rules.header_row)

    def _tables(
        self, tables: Iterator[tuple[str, str | None, Iterator[tuple[list[str], TableRow]]]], about: Described
    ) -> Iterator[Made]:
        count = 0
        for sheet, title, found in tables:
            if self._rules.sheets == "table":
                content = html_table(title or about.title, found, self._rules.max_bytes)
                if content:
                    count += 1
                    yield sheet, Upsert(self._tab(content, sheet, title, about))
                continue
            rows = Rows(self._rules.key, sheet, title, about.title)
            for columns, row in found:
                count += 1
                if count > self._rules.max_rows:
                    raise LeftOut("too many rows")
                suffix, change = rows.of(columns, row)
                yield suffix, self._row(suffix, change, rows.link(about.url, row), about)
            if not rows.whole:
                raise ValueError("rows are missing behind a quote that is never closed")
        if not count:
            raise LeftOut("empty")

    def _row(self, suffix: str, change: Upsert | Failed, url: str | None, about: Described) -> Upsert | Failed:
        name = document_id(about.id, suffix)
        if isinstance(change, Failed):
            return dataclasses.replace(change, id=name, url=url)
        made = change.document
        metadata = {**about.metadata, "file": about.title, **made.metadata}
        # The spreadsheet's own time of change would make every row new at each edit of one.
        metadata.pop("modified", None)
        version = version_of(made.content, title=made.title, url=url, metadata=metadata, readers=about.readers)
        return Upsert(
            dataclasses.replace(
                made, id=name, version=version, url=url, metadata=metadata, readers=about.readers, filename=None
            )
        )

    def _tab(self, content: bytes, sheet: str, title: str | None, about: Described) -> SourceDocument:
        own = dataclasses.replace(
            about,
            id=document_id(about.id, sheet),
            title=f"{about.title}: {title}" if title else about.title,
            url=f"{about.url}#gid={sheet}" if about.url and title else about.url,
            metadata={**about.metadata, "file": about.title, **({"sheet": title} if title else {})},
        )
        return self._document(content, "text/html", own, About())

    @staticmethod
    def _document(content: bytes, media_type: str, about: Described, said: About) -> SourceDocument:
        readers = about.readers
        if said.readers is not None:
            # A file may narrow who reads it, not widen it.
            readers = said.readers if readers is None else readers & said.readers
        title, url = said.title or about.title, said.url or about.url
        metadata = {**said.metadata, **about.metadata}
        version = version_of(content, title=title, url=url, metadata=metadata, readers=readers, language=said.language)
        suffix = {"text/markdown": ".md", "text/html": ".html", POWERPOINT: ".pptx", "text/plain": ".txt"}
        name = about.title
        if PurePosixPath(name).suffix.lower() not in (suffix.get(media_type), ".markdown", ".htm"):
            name += suffix.get(media_type, "")
        return SourceDocument(
            about.id,
            content,
            media_type,
            title,
            version,
            url=url,
            metadata=metadata,
            readers=readers,
            language=said.language,
            filename=name,
        )
