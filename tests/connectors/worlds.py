"""Sources that tests can edit, one for each way a connector can be set up."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from connectors.contract import Connector
from connectors.csv import CsvOptions, Tables
from connectors.files import Files, FilesOptions
from connectors.scripted import Corpus, Scripted
from tests.connectors.web import Answer, Web


class FolderWorld:
    """A folder of text files, some of them in a sub-folder."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.options = FilesOptions.model_validate({"path": str(root), **options})

    def connector(self) -> Connector:
        return Files("test", self.options, base_dir=self.root)

    def file(self, name: str) -> Path:
        return self.root / ("sub" if name[-1:] in "135" else "") / f"{name}.txt"

    def put(self, name: str, text: str) -> None:
        self.file(name).parent.mkdir(exist_ok=True)
        self.file(name).write_text(text)

    def remove(self, name: str) -> None:
        self.file(name).unlink()

    def rename(self, old: str, new: str) -> None:
        self.file(old).rename(self.file(new))


class CsvWorld:
    """A CSV file with a row for each document, rewritten at every edit."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.rows: dict[str, str] = {}
        self.path = folder / "rows.csv"
        self.folder = folder
        self.options = options

    def connector(self) -> Connector:
        options = CsvOptions.model_validate({"path": self.path.name, **self.options})
        return Tables("test", options, base_dir=self.folder)

    def table(self) -> list[list[str]]:
        return [["id", "note"], *([name, text] for name, text in self.rows.items())]

    def save(self) -> None:
        self.path.write_bytes(self.csv())

    def csv(self) -> bytes:
        out = io.StringIO()
        csv.writer(out).writerows(self.table())
        return out.getvalue().encode()

    def put(self, name: str, text: str) -> None:
        self.rows[name] = text
        self.save()

    def remove(self, name: str) -> None:
        del self.rows[name]
        self.save()

    def rename(self, old: str, new: str) -> None:
        self.rows[new] = self.rows.pop(old)
        self.save()


class GroupWorld(CsvWorld):
    """Two rows for each document, the second ones at the end of the file."""

    def table(self) -> list[list[str]]:
        rows = list(self.rows.items())
        return [["id", "note"], *([n, t] for n, t in rows), *([n, "and the second row"] for n, _ in rows)]


class XlsxWorld(CsvWorld):
    """The same in a workbook."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self.path = folder / "rows.xlsx"

    def save(self) -> None:
        book = Workbook()
        for row in self.table():
            book.active.append(row)
        book.save(self.path)


class WebCsvWorld(CsvWorld):
    """The same from a web server that knows conditional requests."""

    def __init__(self, folder: Path, web: Web, **options: Any) -> None:
        super().__init__(folder, **options)
        self.web = web

    def connector(self) -> Connector:
        options = CsvOptions.model_validate({"url": f"{self.web.url}/rows.csv", **self.options})
        return Tables("test", options, base_dir=self.folder)

    def save(self) -> None:
        self.web.serve("/rows.csv", Answer(body=self.csv(), conditional=True))


class ScriptedWorld:
    """The connector for tests itself."""

    def __init__(self) -> None:
        self.corpus = Corpus()

    def connector(self) -> Connector:
        return Scripted(corpus=self.corpus, checkpoint_every=2)

    def put(self, name: str, text: str) -> None:
        self.corpus.put(name, text)

    def remove(self, name: str) -> None:
        self.corpus.delete(name)

    def rename(self, old: str, new: str) -> None:
        self.put(new, self.corpus.documents[old].content.decode())
        self.remove(old)
