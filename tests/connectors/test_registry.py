"""Connectors by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from configs.errors import ConfigError
from configs.schema import Source
from connectors.contract import Connector, Upsert
from connectors.registry import BUILT_IN, connector_names, connector_type, open_connector, validate_options


def plug_in(folder: Path, monkeypatch: pytest.MonkeyPatch, points: str) -> None:
    """A real installed distribution, as far as Python can tell."""
    info = folder / "helpdesk-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: helpdesk\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[openshelf.connectors]\n" + points)
    (folder / "helpdesk_plugin.py").write_text(
        "from pydantic import BaseModel\n"
        "from connectors.scripted import Corpus, Scripted\n"
        "class Options(BaseModel, extra='forbid'):\n    team: str\n"
        "class Type:\n    options = Options\n"
        "    def build(self, name, options, *, base_dir):\n"
        "        corpus = Corpus()\n        corpus.put(options.team, name)\n        return Scripted(corpus=corpus)\n"
        "connector = Type()\nnothing = object()\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "modules", {k: v for k, v in sys.modules.items() if k != "helpdesk_plugin"})


@pytest.mark.parametrize("name", ["files", "csv"])
def test_built_in_connectors_forbid_unknown_keys(name: str) -> None:
    assert connector_type(name).options.model_config["extra"] == "forbid"
    with pytest.raises(ValidationError) as caught:
        validate_options(name, {"path": "x", "pth": 1}, Path())
    assert [error["loc"] for error in caught.value.errors()] == [("pth",)]


def test_an_unknown_connector_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="'file'") as caught:
        connector_type("file")
    assert "Did you mean 'files'?" in str(caught.value)
    assert "csv, files" in str(caught.value)


def test_relative_paths_start_at_the_yaml_files_folder(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("hello")
    connector = open_connector(Source(name="s", type="files", options={"path": "docs"}), tmp_path)
    assert isinstance(connector, Connector)
    assert [c.document.id for c in connector.changes(None) if isinstance(c, Upsert)] == ["a.txt"]


def test_a_plug_in_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(tmp_path / "site", monkeypatch, "helpdesk = helpdesk_plugin:connector\nfiles = helpdesk_plugin:nothing\n")
    assert connector_names() == sorted([*BUILT_IN, "helpdesk"])
    connector = open_connector(Source(name="tickets", type="helpdesk", options={"team": "emea"}), tmp_path)
    assert next(iter(connector.changes(None))).document.id == "emea"
    assert connector_type("files").__class__.__module__ == "connectors.files"


@pytest.mark.parametrize(
    ("point", "message"),
    [("absent_module:connector", "cannot be loaded: ModuleNotFoundError"), ("helpdesk_plugin:nothing", "no `options`")],
)
def test_a_broken_plug_in_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, message: str
) -> None:
    plug_in(tmp_path / "site", monkeypatch, f"helpdesk = {point}\n")
    with pytest.raises(ConfigError, match=message):
        connector_type("helpdesk")


def test_the_projects_entry_points_are_the_built_in_connectors() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["openshelf.connectors"] == BUILT_IN


def test_importing_the_connectors_loads_nothing_heavy() -> None:
    code = (
        "import sys, connectors.http\n"
        "from connectors.registry import BUILT_IN, connector_type\n"
        "[connector_type(name) for name in BUILT_IN]\n"
        "heavy = {'httpx', 'openpyxl', 'clevercsv', 'charset_normalizer', 'stamina', 'ruamel.yaml', 'pathspec', "
        "'lxml', 'google.auth', 'presidio_analyzer', 'mailparser_reply', 'spacy'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
