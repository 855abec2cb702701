"""Gold as a table, for people who review in a spreadsheet: a row for each place, the rows of a case share its id.

Columns that are not known are left alone, so that reviewers can add their own.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from configs.errors import ConfigError, ConnectorError
from connectors.csv_table import CsvTable
from connectors.tables import TableRow
from evaluation.gold.reading import Malformed, Read, all_of, question_of

if TYPE_CHECKING:
    from evaluation.gold.writing import Proposal

COLUMNS = (
    "id",
    "review",
    "question",
    "answerable",
    "place",
    "source",
    "document",
    "quote",
    "start",
    "grade",
    "language",
    "tags",
    "groups",
    "filters",
    "asked",
    "answer",
    "comment",
)
PLACES = ("expect", "suggested")
_ONE_PLACE = ("source", "document", "quote", "start", "grade")
_DELIMITERS = (",", ";", "\t", "|")
# A spreadsheet would run a cell that begins like a formula, and ticket texts are written by strangers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TRUE, _FALSE = (
    frozenset({"yes", "true", "1", "oui", "ja", "vrai"}),
    frozenset({"no", "false", "0", "non", "nein", "faux"}),
)


@dataclass
class _Rows:
    """The rows of one case so far."""

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def table_of(proposals: Iterable[Proposal], delimiter: str = ",") -> bytes:
    """The cases as CSV in UTF-8 with a byte-order mark, without which spreadsheets garble accents."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in proposals:
        for row in _rows(one):
            writer.writerow([_guarded(row.get(column, "")) for column in COLUMNS])
    return out.getvalue().encode("utf-8-sig")


def read_table(content: bytes, name: str) -> list[Read]:
    """The questions of a table, in the order of their first rows.

    Raises:
        ConfigError: everything that is wrong, each with its line.
    """
    try:
        table = CsvTable(io.BytesIO(content), name, delimiter=_delimiter(content), encoding=_encoding(content))
        if "question" not in table.columns:
            raise ConfigError(
                f"{name} has no column question; it has {', '.join(table.columns[:12])}.",
                hint="A table of another layout is taken in with `openshelf eval import`.",
            )
        wrong: list[tuple[int, str]] = []
        cases = _cases(table, wrong)
    except ConnectorError as error:
        raise ConfigError(error.message, hint=error.hint) from None
    read: list[Read] = []
    for case in cases:
        said = case.problems
        if not said:
            try:
                read.append(Read(question_of(case.values), case.line))
                continue
            except Malformed as error:
                said = error.problems
        wrong += [(case.line, text) for text in said]
    if wrong:
        raise all_of([f"{name}:{line}: {text}" for line, text in sorted(wrong)])
    return read


def _cases(table: CsvTable, wrong: list[tuple[int, str]]) -> list[_Rows]:
    cases: list[_Rows] = []
    by_id: dict[str, _Rows] = {}
    for row in table.rows():
        if row.problem is not None:
            wrong.append((row.number, f"{row.problem}."))
            continue
        cells = {name: _unguarded(cell) for name, cell in zip(table.columns, row.cells, strict=True)}
        id, question = cells.get("id", "").strip(), cells.get("question", "")
        known = by_id.get(id)
        if known is not None and question.strip() in ("", known.values.get("question", question).strip()):
            case = known
        elif not id and not question.strip() and cases:
            case = cases[-1]
        else:
            case = _Rows(row.number)
            cases.append(case)
            if id:
                by_id.setdefault(id, case)
        _add(case, cells, row)
    return cases


def _add(case: _Rows, cells: Mapping[str, str], row: TableRow) -> None:
    for column in ("id", "review", "language", "asked"):
        if cell := cells.get(column, "").strip():
            case.values.setdefault(column, cell.lower() if column == "review" else cell)
    for column in ("question", "answer"):
        if cells.get(column, "").strip():
            if column not in case.values and column == "question":
                case.line = row.number
            case.values.setdefault(column, cells[column])
    try:
        for column in ("tags", "groups"):
            if cell := cells.get(column, "").strip():
                case.values.setdefault(column, _listed(cell, column))
        if cell := cells.get("filters", "").strip():
            case.values.setdefault("filters", _filters(cell))
        if cell := cells.get("answerable", "").strip():
            case.values.setdefault("answerable", truth(cell, "answerable"))
        if any(cells.get(column, "").strip() for column in _ONE_PLACE):
            case.values.setdefault(_kind(cells.get("place", "")), []).append(_place(cells))
    except ValueError as error:
        case.problems.append(f"{error} ({row.place}).")


def truth(cell: str, column: str) -> bool:
    """yes or no.

    Raises:
        ValueError: something else; the rest of a sentence.
    """
    word = cell.strip().casefold()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{column} must be yes or no, not {cell[:40]!r}")
    return word in _TRUE


def _place(cells: Mapping[str, str]) -> dict[str, Any]:
    one: dict[str, Any] = {}
    for column in ("source", "document", "quote"):
        if cells.get(column, "").strip():
            one[column] = cells[column] if column == "quote" else cells[column].strip()
    for column in ("start", "grade"):
        if cell := cells.get(column, "").strip():
            if not cell.isdecimal() or len(cell) > 12:
                raise ValueError(f"{column} must be a whole number, not {cell[:40]!r}")
            one[column] = int(cell)
    return one


def _kind(cell: str) -> str:
    word = cell.strip().lower() or "expect"
    if word not in PLACES:
        raise ValueError(f"place must be expect or suggested, not {cell[:40]!r}")
    return word


def _filters(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        raise ValueError(f'filters must be JSON such as {{"topic": "returns"}}, not {cell[:40]!r}') from None


def _listed(cell: str, column: str) -> list[str]:
    if not cell.startswith("["):
        return [part.strip() for part in cell.split(";") if part.strip()]
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{column} must be words between semicolons, or a JSON list of them, not {cell[:40]!r}")
    return value


def _rows(proposal: Proposal) -> Iterable[Mapping[str, str]]:
    values = proposal.plain()
    places = [(kind, one) for kind in PLACES for one in values.get(kind, ())]
    first = {
        "id": values["id"],
        "review": values.get("review", ""),
        "question": values["question"],
        "answerable": "" if values.get("answerable", True) else "no",
        "language": values.get("language", ""),
        "tags": _list_cell(values.get("tags")),
        "groups": _list_cell(values.get("groups")),
        "filters": "" if "filters" not in values else json.dumps(values["filters"], ensure_ascii=False, default=_iso),
        "asked": values["asked"].isoformat() if "asked" in values else "",
        "answer": values.get("answer", ""),
        "comment": " · ".join(proposal.comments),
    }
    for number, (kind, one) in enumerate(places or [("", {})]):
        cells = {name: str(value) for name, value in one.items()}
        yield {**(first if number == 0 else {"id": values["id"]}), **cells, "place": kind}


def _list_cell(items: Sequence[str] | None) -> str:
    if items is None:
        return ""
    awkward = not items or any(";" in item or item != item.strip() or item.startswith("[") for item in items)
    return json.dumps(items, ensure_ascii=False) if awkward else "; ".join(items)


def _iso(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{value!r} is no JSON")


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith((*_FORMULA, "'")) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*_FORMULA, "'")) else cell


def _encoding(content: bytes) -> str | None:
    """UTF-8 where it is; otherwise it is found out."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text[:1000] else "utf-8-sig"


def _delimiter(content: bytes) -> str | None:
    """The one that splits the header into known names; a spreadsheet saves with the one of its country."""
    header = content[:10_000].decode("utf-8-sig", "replace").split("\n", 1)[0]
    for delimiter in _DELIMITERS:
        names = {cell.strip().strip('"') for cell in header.split(delimiter)}
        if len(names & set(COLUMNS)) > 1:
            return delimiter
    return None
