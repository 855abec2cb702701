"""Source type ``csv``: CSV, TSV and XLSX tables; one document for each row, or for each group of rows.

Rows are streamed and all are yielded whenever a byte of the source changed; equal versions are skipped further
on. Nothing is yielded while it did not change. The last checkpoint comes after ``Complete``: a run that is
stopped before its deletions took place reads everything again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from configs.errors import ConfigError, ConnectorError
from connectors.addresses import configured_url
from connectors.columns import Column, Template, metadata_key
from connectors.contract import Change, Checkpoint, Complete, Connector, Cursor, Failed, Reachability, Upsert
from connectors.csv_table import CsvTable
from connectors.row_documents import Draft, RowDocuments, Rules
from connectors.table_files import OpenFile, TableFiles
from connectors.tables import TableRow
from connectors.version import digest
from connectors.xlsx_table import DAMAGED, XlsxTable, open_sheets

_CHECKPOINT = 1000
_FORMAT = 1


class CsvOptions(BaseModel):
    """The YAML keys of a ``csv`` source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | list[str] | None = Field(None, description="A file or a glob, or a list of them.")
    url: str | None = Field(None, description="An https address (http only on this machine).")
    redirect_hosts: list[str] = Field(
        default_factory=list, description="Other hosts the url may redirect to, e.g. [`*.googleusercontent.com`]."
    )
    allow_private_network: bool = Field(False, description="Let the url's host be in the own network.")
    sheet: str | int | None = Field(None, description="A workbook's sheet by name or number from 1; default: all.")
    delimiter: str | None = Field(None, description="One character; detected by default.")
    encoding: str | None = Field(None, description="A Python codec such as `cp1252`; detected by default.")
    header_row: int = Field(1, ge=1, description="The row with the columns' names; rows above are not read.")
    key: str | list[str] | None = Field(None, description="Column(s) that identify a row for good.")
    group_by: str | list[str] | None = Field(None, description="Rows with the same values here are one document.")
    title: str | None = Field(None, description="Template of the title: `{name} ({sku})`.")
    text: str | None = Field(None, description="Template of the text; default: a `Header: value` line a column.")
    url_template: str | None = Field(None, description="Template of the link; values are percent-encoded.")
    metadata: dict[str, Column] = Field(
        default_factory=dict,
        description="Filterable columns: `price: float` or `Since: {type: date, as: since, format: '%d/%m/%Y'}`.",
    )
    readers: str | None = Field(None, description="Column with the groups that may read; empty means nobody.")
    max_rows: int = Field(1_000_000, gt=0, description="More rows in all are an error, not a cut.")
    max_bytes: int = Field(200_000_000, gt=0, description="A larger file is an error.")

    @field_validator("title", "text", "url_template")
    @classmethod
    def _readable_template(cls, text: str | None) -> str | None:
        if text is not None:
            Template(text)
        return text

    @field_validator("url")
    @classmethod
    def _safe_url(cls, url: str | None) -> str | None:
        return None if url is None else configured_url(url)

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
            raise ValueError(r'delimiter is one character, for example ";" or "\t"')
        return delimiter

    @field_validator("encoding")
    @classmethod
    def _known_codec(cls, encoding: str | None) -> str | None:
        if encoding is not None:
            try:
                # Not every codec makes text of bytes (`zlib`, `rot13`).
                "a".encode(encoding).decode(encoding)
            except (LookupError, TypeError, UnicodeError, AssertionError):
                raise ValueError(f"{encoding!r} is no text encoding") from None
        return encoding

    @field_validator("metadata")
    @classmethod
    def _usable_keys(cls, metadata: dict[str, Column]) -> dict[str, Column]:
        names = Counter(column.name or metadata_key(name) for name, column in metadata.items())
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"two columns become the metadata key {twice[0]!r}")
        return metadata

    @model_validator(mode="after")
    def _combinations(self) -> CsvOptions:
        if (self.path is None) == (self.url is None):
            raise ValueError("give either path or url")
        if self.path is not None and not [part for part in _listed(self.path) if part.strip()]:
            raise ValueError("path is empty")
        if self.url is None and (self.redirect_hosts or self.allow_private_network):
            raise ValueError("redirect_hosts and allow_private_network go with url")
        if self.key is not None and self.group_by is not None:
            raise ValueError("give either key or group_by: a group is identified by its values")
        return self


class Tables:
    """Reads one ``csv`` source.

    Its cursor holds digests of the options and of all bytes, how many documents of those were yielded, whether
    that was all, and what tells early that nothing changed (file times, or ``ETag`` and ``Last-Modified``).
    """

    def __init__(self, name: str, options: CsvOptions, *, base_dir: Path) -> None:
        self.name = name
        self.options = options
        paths = [str(base_dir.absolute() / Path(path).expanduser()) for path in _listed(options.path)]
        self._files = TableFiles(
            paths,
            options.url,
            redirect_hosts=options.redirect_hosts,
            allow_private=options.allow_private_network,
            max_bytes=options.max_bytes,
        )
        self._rules = Rules(
            key=_listed(options.key),
            group_by=_listed(options.group_by),
            title=Template(options.title) if options.title is not None else None,
            text=Template(options.text) if options.text is not None else None,
            url=Template(options.url_template) if options.url_template is not None else None,
            metadata=options.metadata,
            readers=options.readers,
        )
        self._options = digest([_FORMAT, options.model_dump(), paths])

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield all rows if anything changed, and then the complete listing.

        A row that cannot be read is a ``Failed`` that names its file and line. Where a lost quote swallows
        the rows behind it, there is no ``Complete``, so that they are not taken for deleted.

        Raises:
            ConnectorError: a file or the url cannot be read, or is larger than allowed.
            ConfigError: an option names a column or sheet that is not there.
        """
        cursor = cursor if cursor and cursor.get("options") == self._options else {}
        done = bool(cursor.get("done"))
        with ExitStack() as stack:
            fetched = self._files.open(stack, cursor if done else {})
            if fetched is None or (done and fetched.digest == cursor["digest"]):
                state = dict(cursor)
                if fetched is not None:
                    state |= fetched.state
                yield Checkpoint(state)
                return
            # An interrupted run of the same bytes goes on behind its last checkpoint.
            finished = cursor.get("documents", 0) if fetched.digest == cursor.get("digest") else 0
            state = {"options": self._options, "digest": fetched.digest, "done": False}
            documents = RowDocuments(self._rules, many_files=len(fetched.files) > 1)
            count = 0
            for change in self._documents(fetched.files, documents):
                count += 1
                if count <= finished:
                    continue
                yield change
                if count % _CHECKPOINT == 0:
                    yield Checkpoint({**state, "documents": count})
            if documents.whole:
                yield Complete(frozenset(documents.ids))
            yield Checkpoint({**state, **fetched.state, "documents": count, "done": documents.whole})

    def check(self) -> Reachability:
        """Open the source and look whether the columns that the options name are there."""
        try:
            with ExitStack() as stack:
                fetched = self._files.open(stack, {})
                if fetched is None:
                    return Reachability(False, "The server says that nothing changed though nothing was asked before.")
                documents = RowDocuments(self._rules, many_files=len(fetched.files) > 1)
                tables = [table for file in fetched.files for table in self._tables(file)]
                for table in tables:
                    documents.check(table.name, table.columns)
        except (ConnectorError, ConfigError) as error:
            return Reachability(False, error.message, error.hint)
        if not tables:
            return Reachability(False, f"No table to read in {self._files.shown}.", "Check `path`.")
        columns = ", ".join(tables[0].columns)
        return Reachability(
            True,
            f"{len(tables)} {'table' if len(tables) == 1 else 'tables'} in {self._files.shown}; columns: {columns}.",
        )

    def _documents(self, files: list[OpenFile], documents: RowDocuments) -> Iterator[Upsert | Failed]:
        if self._rules.group_by:
            # First count each group's rows, so that a group can be let go as soon as its last row is read.
            for draft in self._drafts(files, documents):
                documents.count(draft)
        for draft in self._drafts(files, documents):
            yield from documents.add(draft)

    def _drafts(self, files: list[OpenFile], documents: RowDocuments) -> Iterator[Draft]:
        rows = 0
        for file in files:
            for table in self._tables(file):
                documents.check(table.name, table.columns)
                for row in self._rows(table):
                    rows += 1
                    if rows > self.options.max_rows:
                        raise ConnectorError(
                            f"Source {self.name!r} has more than {self.options.max_rows:,} rows.",
                            hint="Raise max_rows.",
                        )
                    yield Draft(table.name, file.name, table.sheet, table.columns, row)

    @staticmethod
    def _rows(table: CsvTable | XlsxTable) -> Iterator[TableRow]:
        try:
            yield from table.rows()
        except (*DAMAGED, OSError) as error:
            raise ConnectorError(f"{table.name} cannot be read to its end ({type(error).__name__}).") from error

    def _tables(self, file: OpenFile) -> list[CsvTable] | list[XlsxTable]:
        options = self.options
        file.content.seek(0)
        if file.content.read(4) == b"PK\x03\x04":
            return open_sheets(
                file.content,
                file.name,
                sheet=options.sheet,
                header_row=options.header_row,
                max_bytes=options.max_bytes,
            )
        if options.sheet is not None:
            raise ConfigError(f"{file.name} is no XLSX workbook, so it has no sheets.", hint="Leave out `sheet`.")
        tab = "\t" if file.name.lower().endswith((".tsv", ".tab")) else None
        return [
            CsvTable(
                file.content,
                file.name,
                header_row=options.header_row,
                delimiter=options.delimiter or tab,
                encoding=options.encoding,
            )
        ]


class _CsvType:
    options = CsvOptions

    def build(self, name: str, options: CsvOptions, *, base_dir: Path) -> Connector:
        return Tables(name, options, base_dir=base_dir)


connector = _CsvType()


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
