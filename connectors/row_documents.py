"""Turns a table's rows into documents: ids, text, metadata, groups; a row that does not fit is named."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from connectors.columns import Column, Template, check_columns, header_lines, split_groups
from connectors.contract import Failed, MetaValue, SourceDocument, Upsert
from connectors.guard import MAX_ID
from connectors.tables import TableRow
from connectors.version import digest, version_of

_TITLES = ("title", "name", "question", "subject", "titre", "nom", "sujet")
_LONGEST_TITLE = 300


@dataclass(frozen=True, slots=True)
class Rules:
    """What the options say about documents (see ``CsvOptions``)."""

    key: Sequence[str] = ()
    group_by: Sequence[str] = ()
    title: Template | None = None
    text: Template | None = None
    url: Template | None = None
    metadata: Mapping[str, Column] = field(default_factory=dict)
    readers: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A row and where it comes from. ``table`` names file and sheet for messages."""

    table: str
    file: str
    sheet: str | None
    columns: Sequence[str]
    row: TableRow

    @property
    def place(self) -> str:
        """File and line, for messages."""
        return f"{self.table}, {self.row.place}"

    @property
    def cells(self) -> dict[str, str]:
        """Value by column; those that a short row lacks are empty."""
        return dict(zip(self.columns, self.row.cells, strict=False))


@dataclass(slots=True)
class _Group:
    parts: list[tuple[Draft, dict[str, MetaValue], frozenset[str] | None]] = field(default_factory=list)
    rows: int = 0
    problem: str | None = None


class RowDocuments:
    """Makes the documents of one run.

    Attributes:
        ids: of all documents so far, failed ones included.
        whole: no row was lost, so the listing is complete.
    """

    def __init__(self, rules: Rules, *, many_files: bool = False) -> None:
        self.ids: set[str] = set()
        self.whole = True
        self._rules = rules
        self._many_files = many_files
        self._first: dict[str, str] = {}
        self._occurrences: Counter[str] = Counter()
        self._expected: Counter[str] = Counter()
        self._open: dict[str, _Group] = {}

    def check(self, table: str, columns: Sequence[str]) -> None:
        """See that the columns that the options name are there.

        Raises:
            ConfigError: one is not.
        """
        rules = self._rules
        check_columns(rules.key, columns, "key", table)
        check_columns(rules.group_by, columns, "group_by", table)
        check_columns(rules.metadata, columns, "metadata", table)
        check_columns([rules.readers] if rules.readers else [], columns, "readers", table)
        for option, template in (("title", rules.title), ("text", rules.text), ("url_template", rules.url)):
            check_columns(template.columns if template else [], columns, option, table)

    def count(self, draft: Draft) -> None:
        """Note that the group of this row has one row more (first pass of ``group_by``)."""
        name = self._identity(draft, self._rules.group_by)
        if name is not None:
            self._expected[name] += 1

    def add(self, draft: Draft) -> Iterator[Upsert | Failed]:
        """What a row yields: one change, or none while its group is not whole."""
        self.whole = self.whole and not draft.row.lost
        if self._rules.group_by:
            yield from self._add_to_group(draft)
        else:
            yield self._single(draft)

    def _single(self, draft: Draft) -> Upsert | Failed:
        problem = draft.row.problem
        if self._rules.key:
            name = self._identity(draft, self._rules.key)
            if name is None:
                return self._failed(self._place_id(draft), draft, problem or "its key column is empty")
            if name in self._first:
                return self._failed(
                    self._place_id(draft), draft, f"its key {name!r} was already used at {self._first[name]}"
                )
            self._first[name] = draft.place
        else:
            name = self._content_id(draft)
        if problem:
            return self._failed(name, draft, problem)
        try:
            metadata, readers = self._metadata(draft)
        except ValueError as error:
            return self._failed(name, draft, str(error))
        return self._upsert(name, [draft], metadata, readers)

    def _add_to_group(self, draft: Draft) -> Iterator[Upsert | Failed]:
        name = self._identity(draft, self._rules.group_by)
        if name is None:
            yield self._failed(self._place_id(draft), draft, draft.row.problem or "its group_by column is empty")
            return
        group = self._open.setdefault(name, _Group())
        group.rows += 1
        problem = draft.row.problem
        if problem is None:
            try:
                group.parts.append((draft, *self._metadata(draft)))
            except ValueError as error:
                problem = str(error)
        if problem and group.problem is None:
            # A group without one of its rows would be cut in silence, so it fails as a whole.
            group.problem = f"{draft.place}: {problem}"
        if group.rows == self._expected[name]:
            del self._open[name]
            if group.problem:
                self.ids.add(name)
                yield Failed(name, f"{group.problem}.", step="row", title=name)
            else:
                metadata, readers = _merged(group)
                yield self._upsert(name, [part[0] for part in group.parts], metadata, readers)

    def _metadata(self, draft: Draft) -> tuple[dict[str, MetaValue], frozenset[str] | None]:
        cells, metadata = draft.cells, dict[str, MetaValue]()
        if draft.sheet is not None:
            metadata["sheet"] = draft.sheet
        if self._many_files:
            metadata["file"] = draft.file
        for name, column in self._rules.metadata.items():
            if cells[name].strip():
                try:
                    metadata[column.name or name] = column.value(cells[name])
                except ValueError as error:
                    raise ValueError(f"column {name!r}: {error}") from None
        return metadata, split_groups(cells[self._rules.readers]) if self._rules.readers else None

    def _upsert(
        self,
        name: str,
        drafts: list[Draft],
        metadata: dict[str, MetaValue],
        readers: frozenset[str] | None,
    ) -> Upsert:
        rules, first = self._rules, drafts[0].cells
        texts = [rules.text.fill(draft.cells) if rules.text else header_lines(draft.cells) for draft in drafts]
        content = "\n\n".join(texts).encode("utf-8", "replace")
        title = " ".join((rules.title.fill(first) if rules.title else self._default_title(first)).split())
        title = title[:_LONGEST_TITLE] or name
        url = rules.url.fill(first, lambda cell: quote(cell.strip(), safe="")) if rules.url else None
        version = version_of(content, title=title, url=url, metadata=metadata, readers=readers)
        self.ids.add(name)
        return Upsert(
            SourceDocument(name, content, "text/x-row", title, version, url=url, metadata=metadata, readers=readers)
        )

    def _default_title(self, cells: Mapping[str, str]) -> str:
        if self._rules.group_by:
            return ", ".join(cells[name].strip() for name in self._rules.group_by)
        for name, cell in cells.items():
            if name.casefold() in _TITLES and cell.strip():
                return cell
        return next((cell for cell in cells.values() if cell.strip()), "")

    def _failed(self, name: str, draft: Draft, problem: str) -> Failed:
        self.ids.add(name)
        return Failed(name, f"{draft.place}: {problem}.", step="row", title=draft.place)

    def _identity(self, draft: Draft, columns: Sequence[str]) -> str | None:
        """The values of ``columns`` joined, also of a ragged row as long as it reaches that far."""
        cells = draft.cells
        values = [cells.get(name, "").strip() for name in columns]
        if not any(values):
            return None
        text = values[0] if len(values) == 1 else " | ".join(value.replace("|", "||") for value in values)
        text = text.encode("utf-8", "backslashreplace").decode()
        return text if len(text) <= MAX_ID else text[: MAX_ID - 30] + "…" + digest(text)

    def _content_id(self, draft: Draft) -> str:
        # Equal rows are told apart by their number among equals: the order of the rows does not matter.
        raw = "\x1f".join(f"{name}\x1e{cell}" for name, cell in draft.cells.items())
        content = hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        self._occurrences[content] += 1
        return f"row-{content}-{self._occurrences[content]}"

    def _place_id(self, draft: Draft) -> str:
        name = f"{draft.table}, {draft.row.place}".encode("utf-8", "backslashreplace").decode()[-MAX_ID + 50 :]
        copy = 1
        while (unique := name if copy == 1 else f"{name} ({copy})") in self.ids:
            copy += 1
        return unique


def _merged(group: _Group) -> tuple[dict[str, MetaValue], frozenset[str] | None]:
    """The first value of each key, lists joined; readers that may read every row."""
    merged: dict[str, MetaValue] = {}
    readers: frozenset[str] | None = None
    for _, metadata, groups in group.parts:
        if groups is not None:
            readers = groups if readers is None else readers & groups
        for name, value in metadata.items():
            old = merged.setdefault(name, value)
            if isinstance(old, list) and isinstance(value, list):
                merged[name] = list(dict.fromkeys([*old, *value]))
    return merged, readers
