"""The layout of Chroma's ``chunking_evaluation``: ``questions_df.csv`` with quoted references.

Columns: ``question``, ``references`` (a JSON list of ``{content, start_index, end_index}``, characters of
``corpora/<corpus_id>.md``) and ``corpus_id``.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from configs.errors import ConfigError, ConnectorError
from connectors.csv_table import CsvTable
from evaluation.gold.importing.collecting import Collector, Imported, Importing, content_of
from evaluation.gold.importing.records import with_document

_COLUMNS = ("question", "references", "corpus_id")


def read_chunking_evaluation(path: Path, options: Importing) -> Imported:
    """The questions, each with its references as quotes; where one starts tells equal passages apart.

    Raises:
        ConfigError: it is no such table.
    """
    options = with_document(options, "{id}.md")
    collector = Collector("chunking-evaluation", options)
    try:
        table = CsvTable(
            io.BytesIO(content_of(path)), path.name, delimiter=options.delimiter or ",", encoding=options.encoding
        )
        missing = [column for column in _COLUMNS if column not in table.columns]
        if missing:
            raise ConfigError(
                f"{path.name} has no column {missing[0]}; it has {', '.join(table.columns[:12])}.",
                hint="Choose another layout with --format.",
            )
        for row in table.rows():
            where = f"{path.name}:{row.number}"
            if row.problem is not None:
                collector.refuse(where, f"{row.problem}.")
                continue
            cells = dict(zip(table.columns, row.cells, strict=True))
            try:
                expect = _references(cells["references"], cells["corpus_id"].strip(), options)
            except ValueError as error:
                collector.refuse(where, f"{error}.")
                continue
            collector.take(
                where, {"question": cells["question"].strip(), "tags": [cells["corpus_id"].strip()], "expect": expect}
            )
    except ConnectorError as error:
        raise ConfigError(error.message, hint=error.hint) from None
    return collector.finish()


def _references(cell: str, corpus: str, options: Importing) -> list[dict[str, Any]]:
    try:
        references = json.loads(cell)
    except (ValueError, RecursionError):
        raise ValueError(f"its references are no JSON: {cell[:40]!r}") from None
    if not isinstance(references, list) or not references:
        raise ValueError("its references are not a list of {content, start_index, end_index}")
    places = []
    for number, one in enumerate(references, start=1):
        if not isinstance(one, dict) or not isinstance(one.get("content"), str):
            raise ValueError(f"reference {number} has no content")
        places.append(options.place(corpus, quote=one["content"], start=one.get("start_index")))
    return places
