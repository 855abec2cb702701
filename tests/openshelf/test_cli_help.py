"""Help is fast and teaches; a wrong command line is a usage error; the configuration is found where it should be."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from openshelf.cli.app import ROOMS, app
from openshelf.cli.teaching import TeachingCommand
from tests.openshelf.command import ROOT, invoke, sentence_of, write_shelf

COMMANDS = [
    "init",
    "check",
    "plan",
    "sync",
    "schedule",
    "status",
    "search",
    "explain",
    "ask",
    "chat",
    "chunks",
    "costs",
    "rebuild",
    "rollback",
    "doctor",
    "serve",
    "keys",
    "migrate",
    "eval",
    "tune",
    "simulate",
    "inspect",
]
HEAVY = [
    "torch",
    "chromadb",
    "llama_index",
    "sqlalchemy",
    "pydantic",
    "numpy",
    "onnxruntime",
    "openai",
    "httpx",
    "unstructured",
]


@pytest.mark.parametrize("program", ["from openshelf.cli.running import run; run(['--help'])", "import openshelf"])
def test_help_and_import_load_nothing_heavy(program: str) -> None:
    code = f"import sys\n{program}\nprint([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_every_command_is_there_and_listed_with_a_sentence() -> None:
    assert sorted(name for names in ROOMS.values() for name in names) == sorted(COMMANDS)
    done = invoke("--help")
    assert done.code == 0
    for name in COMMANDS:
        assert any(line.split()[:1] == [name] and len(line.split()) > 3 for line in done.out.splitlines()), name
    assert "..." not in done.out.partition("Set up")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_shows_examples_that_parse_and_exit_codes(name: str) -> None:
    done = invoke(name, "--help")
    assert done.code == 0
    assert "Examples:" in done.out and "Exit codes:" in done.out
    assert max(map(len, done.out.splitlines())) <= 100
    command = app.get_command(click.Context(app), name)
    assert isinstance(command, TeachingCommand)
    assert 0 in command.exits and 2 in command.exits
    for example in command.examples:
        assert example in done.out
        assert name in example.split()


def test_no_arguments_show_the_help_and_the_version_is_the_packages() -> None:
    assert "Fill the shelf" in "".join([invoke().out, invoke().err])
    assert invoke("--version").out == f"openshelf {version('openshelf')}\n"


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["sync", "--nonsense"], ["search"], ["costs", "--by", "moon"], ["search", "x", "--top-k", "0"]],
)
def test_a_wrong_command_line_is_a_usage_error(arguments: list[str]) -> None:
    done = invoke(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert "Usage:" in done.err and "Error:" in done.err


def test_the_configuration_is_named_by_option_then_variable_then_found_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENSHELF_CONFIG", raising=False)
    missing = sentence_of(invoke("status"))
    assert str(tmp_path) in missing and "openshelf init" in missing and "OPENSHELF_CONFIG" in missing
    assert list(tmp_path.iterdir()) == []
    here = write_shelf(tmp_path, "sources: {here: {type: files, path: kb}}")
    there = tmp_path / "there.yaml"
    there.write_text("sources: {there: {type: files, path: kb}}")
    optional = tmp_path / "optional.yaml"
    optional.write_text("sources: {optional: {type: files, path: kb}}")

    def names(*arguments: str | Path) -> list[str]:
        return [source["name"] for source in invoke(*arguments, "--json").json["sources"]]

    assert names("status") == ["here"]
    monkeypatch.setenv("OPENSHELF_CONFIG", str(there))
    assert names("status") == ["there"]
    assert names("--config", optional, "status") == ["optional"]
    assert names("status", "-c", optional) == ["optional"]
    assert here.exists()


def test_a_configuration_that_is_wrong_is_one_sentence_for_each_problem(tmp_path: Path) -> None:
    path = tmp_path / "openshelf.yaml"
    path.write_text("surces: {}\nretrieval: {top_k: many}\n")
    said = sentence_of(invoke("-c", path, "status"))
    assert said.startswith("2 problems.")
    assert "openshelf.yaml:1" in said and "openshelf.yaml:2" in said and "sources" in said
    assert "cannot be read" in sentence_of(invoke("-c", tmp_path, "status"))
    assert "There is no file" in sentence_of(invoke("-c", tmp_path / "no.yaml", "status"))


def test_warnings_go_to_stderr_and_quiet_silences_them(tmp_path: Path) -> None:
    path = tmp_path / "openshelf.yaml"
    path.write_text("path: shelf\n")
    loud, quiet = invoke("-c", path, "status", "--json"), invoke("-c", path, "status", "--json", "--quiet")
    assert "nothing to sync" in loud.err and loud.json["sources"] == []
    assert quiet.err == "" and quiet.out == loud.out
