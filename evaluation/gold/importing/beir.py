"""A BEIR folder: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.tsv`` (or ``qrels/<split>.tsv``).

Beyond BEIR, a query may have ``answerable``, ``filter``, ``answer``, ``language``, ``tags`` and ``type``.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from configs.errors import ConfigError
from evaluation.gold.importing.collecting import Collector, Imported, Importing, content_of
from evaluation.gold.importing.records import lines_of

_KEPT = {
    "filter": "filters",
    "filters": "filters",
    "answer": "answer",
    "language": "language",
    "asked": "asked",
    "groups": "groups",
}


def read_beir(folder: Path, options: Importing) -> Imported:
    """The queries with the documents that were judged relevant (score above 0).

    Raises:
        ConfigError: a file is missing.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder.", hint="Name the folder with queries.jsonl and qrels.tsv.")
    collector = Collector("beir", options)
    corpus = _corpus(folder, collector)
    queries = list(lines_of(folder / "queries.jsonl", collector))
    judged = _judgements(folder, options, collector, {str(query.get("_id")) for _, query in queries}, corpus)
    unjudged = refused = 0
    for where, query in queries:
        id = query.get("_id")
        if not isinstance(id, str | int):
            collector.refuse(where, "it has no _id.")
            continue
        places = [
            options.place(document, grade=None if score == 1 else score)
            for document, score in judged.get(str(id), {}).items()
        ]
        record: dict[str, Any] = {"id": str(id), "question": query.get("text")}
        record |= {ours: query[theirs] for theirs, ours in _KEPT.items() if theirs in query}
        record["tags"] = _tags(query)
        answerable = query.get("answerable", True) or (options.judged and bool(places))
        if answerable:
            record["expect"] = places
            unjudged += not places
        else:
            record |= {"answerable": False, "suggested": places}
            refused += bool(places)
        collector.take(where, record)
    if unjudged:
        collector.notes.append(
            f"{unjudged} questions have no relevant document and do not say that they have no answer."
        )
    if refused:
        collector.notes.append(
            f"{refused} questions say that they have no answer and have judgements; these became suggestions "
            "(--judged takes such a question for answerable)."
        )
    return collector.finish()


def _tags(query: dict[str, Any]) -> Any:
    tags = query.get("tags", [])
    tags = [tags] if isinstance(tags, str) else tags
    kind = query.get("type")
    return [*tags, kind] if isinstance(tags, list) and isinstance(kind, str) and kind else tags


def _corpus(folder: Path, collector: Collector) -> set[str] | None:
    """The ids of the corpus; ``None`` where it is not in the folder."""
    path = folder / "corpus.jsonl"
    if not path.is_file():
        collector.notes.append("There is no corpus.jsonl, so the judged documents were not checked.")
        return None
    return {str(document["_id"]) for _, document in lines_of(path, collector) if "_id" in document}


def _judgements(
    folder: Path, options: Importing, collector: Collector, queries: set[str], corpus: set[str] | None
) -> dict[str, dict[str, int]]:
    path = next(
        (one for one in (folder / "qrels" / f"{options.split}.tsv", folder / "qrels.tsv") if one.is_file()), None
    )
    if path is None:
        raise ConfigError(
            f"{folder} has neither qrels.tsv nor qrels/{options.split}.tsv.", hint="Choose one with --split."
        )
    name = str(path.relative_to(folder))
    text = content_of(path).decode("utf-8-sig", "replace")
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    irrelevant = 0
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not line.strip() or (number == 1 and not _is_whole(cells[-1])):
            continue
        where = f"{name}:{number}"
        if len(cells) == 4:  # TREC has an iteration in second place
            del cells[1]
        if len(cells) != 3 or not _is_whole(cells[2]):
            collector.refuse(where, "it is not query-id, corpus-id and a whole score between tabs.")
        elif cells[0] not in queries:
            collector.refuse(where, f"there is no query {cells[0]}.")
        elif corpus is not None and cells[1] not in corpus:
            collector.refuse(where, f"there is no document {cells[1]} in corpus.jsonl.")
        elif int(cells[2]) <= 0:
            irrelevant += 1
        elif cells[1] in judged[cells[0]]:
            collector.refuse(where, f"query {cells[0]} and document {cells[1]} were judged before.")
        else:
            judged[cells[0]][cells[1]] = int(cells[2])
    if irrelevant:
        collector.notes.append(f"{irrelevant} judgements say that a document is not relevant (score 0 or less).")
    return judged


def _is_whole(cell: str) -> bool:
    return cell.removeprefix("-").isdecimal() and len(cell) < 12
