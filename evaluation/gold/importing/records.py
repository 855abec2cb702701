"""Tables and JSONL of any columns: which column is the question, the passage, the document."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from configs.errors import ConfigError, ConnectorError
from configs.messages import suggestion
from connectors.csv_table import CsvTable
from evaluation.gold.importing.collecting import Collector, Imported, Importing, content_of
from evaluation.gold.tabular import truth

FIELDS: dict[str, tuple[str, ...]] = {
    "question": ("question", "query", "text", "prompt", "user_input", "frage", "subject"),
    "answer": ("answer", "ground_truth", "reference_answer", "expected_answer", "response", "reponse", "antwort"),
    "document": ("document", "document_id", "doc_id", "doc", "corpus_id", "article", "article_id", "file", "url"),
    "quote": ("quote", "passage", "context", "contexts", "evidence", "excerpt", "reference", "references"),
    "source": ("source", "collection"),
    "tags": ("tags", "tag", "category", "topic", "labels"),
    "language": ("language", "lang", "locale"),
    "id": ("id", "_id", "question_id", "query_id"),
    "answerable": ("answerable", "is_answerable"),
    "filters": ("filters", "filter"),
    "groups": ("groups",),
    "grade": ("grade", "score", "relevance"),
    "asked": ("asked", "asked_at", "created_at", "date"),
}
"""Ours, and the names that are taken for it (letters and digits only, in lower case)."""

_OWN = ("expect", "suggested", "review")


def read_csv(path: Path, options: Importing) -> Imported:
    """A table with a header; rows with the same question are one case with several places.

    Raises:
        ConfigError: no table, or no column with the question.
    """
    collector = Collector("csv", options)
    content = content_of(path)
    try:
        table = CsvTable(
            io.BytesIO(content),
            path.name,
            delimiter=options.delimiter or ("\t" if path.suffix.lower() in (".tsv", ".tab") else None),
            encoding=options.encoding,
        )
        chosen = _chosen(table.columns, options.columns, path.name)
        if not options.columns:
            collector.notes.append(_said(chosen))
        for row in table.rows():
            where = f"{path.name}:{row.number}"
            if row.problem is not None:
                collector.refuse(where, f"{row.problem}.")
                continue
            cells = dict(zip(table.columns, row.cells, strict=True))
            _take(collector, where, {ours: cells[column] for ours, column in chosen.items()}, options)
    except (LookupError, UnicodeError) as error:
        raise ConfigError(f"{path.name} cannot be read as {options.encoding}: {error}.") from None
    except ConnectorError as error:
        raise ConfigError(error.message, hint=error.hint) from None
    return collector.finish()


def read_jsonl(path: Path, options: Importing) -> Imported:
    """One JSON object a line (or one list of them); records of the gold layout are taken as they are.

    Raises:
        ConfigError: it is no text in UTF-8.
    """
    collector = Collector("jsonl", options)
    for where, record in lines_of(path, collector):
        if "question" in record and "expect" in record:
            _take_own(collector, where, record, options)
            continue
        try:
            chosen = _chosen(list(record), options.columns, where)
        except ConfigError as error:
            collector.refuse(where, str(error).removeprefix(f"{where} "))
            continue
        _take(collector, where, {ours: record[key] for ours, key in chosen.items()}, options)
    return collector.finish()


def lines_of(path: Path, collector: Collector) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a JSONL file (or of a JSON list) with its place; what is none is refused by name."""
    try:
        text = content_of(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8 text ({error.reason}).", hint="Save it as UTF-8.") from None
    if text.lstrip().startswith("["):
        values: Iterable[tuple[str, Any]] = (
            (f"{path.name}:record {number}", value) for number, value in enumerate(_list(text, path.name), start=1)
        )
    else:
        values = _lines(text, path.name, collector)
    for where, value in values:
        if isinstance(value, dict):
            yield where, value
        else:
            collector.refuse(where, f"it is no JSON object but {json.dumps(value, ensure_ascii=False)[:40]}.")


def _list(text: str, name: str) -> list[Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} begins like a JSON list and is none: {error}.") from None
    return list(values)


def _lines(text: str, name: str, collector: Collector) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            collector.refuse(f"{name}:{number}", f"it is not JSON: {error}.")
            continue
        yield f"{name}:{number}", value


def _take_own(collector: Collector, where: str, record: Mapping[str, Any], options: Importing) -> None:
    values = dict(record)
    if isinstance(values.get("expect"), list):
        values["expect"] = [
            {
                **options.place(one.get("document"), one.get("source")),
                **{k: v for k, v in one.items() if k not in ("document", "source")},
            }
            if isinstance(one, dict)
            else one
            for one in values["expect"]
        ]
    collector.take(where, values)


def _take(collector: Collector, where: str, values: Mapping[str, Any], options: Importing) -> None:
    try:
        collector.take(where, _record(values, options))
    except ValueError as error:
        collector.refuse(where, f"{error}.")


def _record(values: Mapping[str, Any], options: Importing) -> dict[str, Any]:
    """One row as the gold layout has it.

    Raises:
        ValueError: a cell cannot be read; the rest of a sentence.
    """
    record: dict[str, Any] = {
        key: _stripped(values[key]) for key in ("id", "question", "answer", "language", "asked") if key in values
    }
    for key in ("id",):
        if isinstance(record.get(key), int):
            record[key] = str(record[key])
    record["tags"] = _words(values.get("tags"))
    if values.get("groups"):
        record["groups"] = _words(values["groups"])
    if values.get("filters"):
        record["filters"] = _json(values["filters"], "filters")
    answerable = values.get("answerable")
    if isinstance(answerable, bool):
        record["answerable"] = answerable
    elif isinstance(answerable, str) and answerable.strip():
        record["answerable"] = truth(answerable, "answerable")
    places = _places(values, options)
    if record.get("answerable") is False:
        record["suggested"] = places
    else:
        record["expect"] = places
    return record


def _places(values: Mapping[str, Any], options: Importing) -> list[dict[str, Any]]:
    documents = _several(values.get("document"), split=False)
    quotes = _several(values.get("quote"), split=False)
    sources = _several(values.get("source"), split=False)
    source = sources[0] if sources else None
    if quotes and not documents:
        raise ValueError("it quotes a passage and names no document")
    if len(documents) > 1 and len(quotes) > 1 and len(documents) != len(quotes):
        raise ValueError(f"it names {len(documents)} documents and {len(quotes)} quotes, so they cannot be paired")
    grade = _grade(values.get("grade")) if not quotes else None
    if not quotes:
        return [options.place(one, source, grade=grade) for one in documents]
    named = documents * len(quotes) if len(documents) == 1 else documents
    quoted = quotes * len(named) if len(quotes) == 1 else quotes
    return [options.place(one, source, quote=quote) for one, quote in zip(named, quoted, strict=True)]


def _grade(value: Any) -> int | None:
    if isinstance(value, bool) or value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"grade must be a whole number, not {str(value)[:40]!r}") from None
    if number != int(number):
        raise ValueError(f"grade must be a whole number, not {str(value)[:40]!r}")
    return None if number == 1 else int(number)


def _several(value: Any, *, split: bool) -> list[Any]:
    """The values of a cell: JSON lists and lists are several, ``{"content": ...}`` is its content."""
    if isinstance(value, str) and value.strip().startswith("[") and value.strip().endswith("]"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [value]
    if isinstance(value, list):
        return [one for item in value for one in _several(item, split=False)]
    if isinstance(value, dict):
        return _several(
            next((value[key] for key in ("content", "text", "id", "quote") if key in value), None), split=False
        )
    if isinstance(value, str) and split:
        return [part.strip() for part in re.split(r"[;\n]", value) if part.strip()]
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    return [value.strip() if isinstance(value, str) else value if not isinstance(value, int) else str(value)]


def _words(value: Any) -> list[Any]:
    if isinstance(value, str) and not value.strip().startswith("["):
        return [part.strip() for part in re.split(r"[;,\n]", value) if part.strip()]
    return _several(value, split=True)


def _json(value: Any, name: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(f"{name} must be JSON, not {value[:40]!r}") from None


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _chosen(columns: list[str], wanted: Mapping[str, str], name: str) -> dict[str, str]:
    """Our field to their column: as told, otherwise by its name.

    Raises:
        ConfigError: a column that was named is not there, or none is the question.
    """
    for ours, column in wanted.items():
        if ours not in FIELDS:
            raise ConfigError(
                f"{ours!r} is no field of a question.{suggestion(ours, FIELDS)}", hint=f"Fields: {', '.join(FIELDS)}."
            )
        if column not in columns:
            raise ConfigError(
                f"{name} has no column {column!r}.{suggestion(column, columns)}",
                hint=f"It has: {', '.join(columns[:20])}.",
            )
    chosen = dict(wanted)
    plain = {re.sub(r"[^a-z0-9_]", "", column.lower().replace(" ", "_")): column for column in reversed(columns)}
    for ours, names in FIELDS.items():
        for one in names:
            if ours not in chosen and one in plain and plain[one] not in chosen.values():
                chosen[ours] = plain[one]
    if "question" not in chosen:
        raise ConfigError(
            f"{name} has no column that looks like the question.",
            hint=f"Name it with --column question=NAME; it has: {', '.join(columns[:20])}.",
        )
    return chosen


def _said(chosen: Mapping[str, str]) -> str:
    return "Columns: " + ", ".join(f"{ours} is {column!r}" for ours, column in chosen.items()) + "."


def with_document(options: Importing, template: str) -> Importing:
    """``options`` with ``template`` for documents where none is set."""
    return options if options.document is not None else replace(options, document=template)
