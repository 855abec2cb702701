"""What the documentation says exists: links, files, commands, options, keys, examples."""

from __future__ import annotations

import ast
import configparser
import importlib
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from configs.loader import from_mapping
from configs.schema import Config, Defaults
from configs.yaml_lines import read_yaml
from connectors.registry import validate_options
from evaluation.gold.layout import GoldFile
from openshelf import Shelf
from openshelf.cli.app import app
from retrieval.events import Answer
from tests.connectors.conformance import Conformance, World
from tests.connectors.web import Web

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DEPLOY = sorted((ROOT / "docs" / "deploy").glob("[!R]*"))
ROOMS = (
    "benchmarks",
    "configs",
    "connectors",
    "docs",
    "evaluation",
    "ingest",
    "openshelf",
    "retrieval",
    "tests",
    ".ci",
)
RUN = [ROOT / "README.md", ROOT / "docs" / "python-api.md"]

_FENCE = re.compile(r"^ *```(\S*)[^\n]*\n(.*?)^ *```\s*$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(`+)(.+?)\1")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:^|/|[(;&|] ?|\b[A-Z_]+=\S+ |\* |sudo )openshelf (.+)")
"""Where a command starts: not where the word is an argument, as in ``useradd openshelf``."""


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, its text, and the line where it starts."""

    language: str
    text: str
    line: int


def fences(page: Path, *languages: str) -> list[Fence]:
    text = page.read_text(encoding="utf-8")
    found = [Fence(m[1], m[2], text.count("\n", 0, m.start()) + 2) for m in _FENCE.finditer(text)]
    return [fence for fence in found if not languages or fence.language in languages]


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def spans(page: Path) -> list[str]:
    return [match[2].replace("\\|", "|") for match in _SPAN.finditer(prose(page).replace("\n", " "))]


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


every_page = pytest.mark.parametrize("page", PAGES, ids=named)


# --- links and names ------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """Headings as GitHub links to them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(_SPAN.sub("", prose(page))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{named(page)} links to {target}"
        assert there.is_relative_to(ROOT), f"{named(page)} links out of the repository: {target}"
        assert not anchor or anchor in anchors(there), f"{named(page)} links to {target}: no such heading"


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / target.partition("#")[0]).resolve() for target in _LINK.findall(prose(index))}
    missing = [named(page) for page in PAGES if page.parent != ROOT and page != index and page not in linked]
    assert not missing


@every_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    for span in spans(page):
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?[\w-]*(\.\w+)?", span) and span.split("/")[0] in ROOMS and "/" in span:
            assert (ROOT / span).exists(), f"{named(page)} names {span}"


@every_page
def test_every_variable_that_is_named_is_read_somewhere(page: Path) -> None:
    wanted = set(re.findall(r"OPENSHELF_[A-Z_]+", page.read_text(encoding="utf-8")))
    read = {
        name
        for room in ("configs", "ingest", "openshelf")
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".py", ".yaml")
        for name in re.findall(r"OPENSHELF_[A-Z_]+", path.read_text(encoding="utf-8"))
    }
    assert wanted <= read


@every_page
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for code in [*spans(page), *(fence.text for fence in fences(page, "console", "sh"))]:
        for wanted in re.findall(r"\bmake(?: +[A-Z_]+=\S+)* +([a-z][a-z-]*)\b", re.sub(r"<[^>]*>", "X", code)):
            assert wanted in targets, f"{named(page)}: make {wanted}"


# --- the command line -----------------------------------------------------------------------------


def words(text: str) -> list[str]:
    """``text`` as a shell splits it, up to a comment, a pipe or a redirection."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    taken: list[str] = []
    for word in lexer:
        if set(word) <= set("();<>|&"):
            return taken[:-1] if word[0] == ">" and taken[-1:] == ["2"] else taken
        taken.append(word)
    return taken


def parse(arguments: list[str]) -> None:
    """Parse a command line as ``openshelf`` does, and run nothing."""
    try:
        with app.make_context("openshelf", list(arguments)) as context:
            name, command, rest = app.resolve_command(context, [*context._protected_args, *context.args])
            assert command is not None
            command.make_context(name, rest, parent=context).close()
    except click.exceptions.Exit:  # --help, --version
        return


def commands(page: Path) -> Iterator[tuple[str, bool]]:
    """Every ``openshelf ...`` of a page, and whether it stands in a session and so is whole."""
    for fence in fences(page, "console", "sh"):
        for line in fence.text.replace("\\\n", " ").splitlines():
            typed = fence.language == "sh" or line.startswith("$ ")
            if typed and (match := _COMMAND.search(line.removeprefix("$ "))):
                yield match[1], True
    for span in spans(page):
        if match := _COMMAND.search(span):
            yield match[1], False


@every_page
def test_every_command_and_option_that_is_named_exists(page: Path) -> None:
    for text, whole in commands(page):
        arguments = words(text)
        if not arguments or arguments[0] == "COMMAND":
            continue
        try:
            parse(arguments)
        except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
            assert not whole, f"{named(page)}: openshelf {text}: something is missing"
        except click.UsageError as error:
            pytest.fail(f"{named(page)}: openshelf {text}: {error.format_message()}")


@pytest.mark.parametrize("file", DEPLOY, ids=lambda file: file.name)
def test_every_file_for_a_scheduler_calls_openshelf_as_it_is(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    found = re.findall(r"(?:bin/openshelf|\{OPENSHELF\}) ([^\n\"]+)", text)
    found += [line.replace(",", " ") for line in re.findall(r"command: \[openshelf, ([^\]]+)\]", text)]
    assert found or file.suffix == ".timer"
    for line in found:
        parse(words(line))


@pytest.mark.parametrize("file", DEPLOY, ids=lambda file: file.name)
def test_every_file_for_a_scheduler_can_be_read(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        ast.parse(text)
    elif file.suffix in (".service", ".timer"):
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(text)
        assert {"Unit", "Install" if "timer" in file.name or "schedule" in file.name else "Service"} <= {*unit}
    elif file.suffix == ".yaml":
        kinds = {part["kind"]: part for part in YAML(typ="safe").load_all(text)}
        assert "CronJob" in kinds
        valid(read_yaml(kinds["ConfigMap"]["data"]["openshelf.yaml"], file.name)[0])
    else:
        entries = [line for line in text.splitlines() if re.match(r"[\d*]", line)]
        assert entries
        assert all(len(line.split(None, 6)) == 7 for line in entries)  # five fields, the user, the command


# --- configuration --------------------------------------------------------------------------------


class _AnyVariable(Mapping[str, str]):
    """An environment in which everything is set."""

    def __getitem__(self, name: str) -> str:
        return "https://example.com/v1" if name.endswith("URL") else f"value-of-{name}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def valid(value: Any) -> Config:
    """``value`` validated: a whole configuration, sections of one, sources, one source, or a source's sections."""
    assert isinstance(value, dict), f"{value!r} is no mapping"
    if value.keys() <= Config.model_fields.keys() and "type" not in value:
        raw = value
    elif value.keys() <= Defaults.model_fields.keys():
        raw = {"defaults": value}
    elif all(isinstance(one, dict) and "type" in one for one in value.values()):
        raw = {"sources": value}
    else:
        raw = {"sources": {"example": value}}
    # A fragment may leave out what its source reads.
    sources = {
        name: one if "type" in one else {"type": "files", "path": "docs", **one}
        for name, one in (raw.get("sources") or {}).items()
    }
    loaded = from_mapping({**raw, "sources": sources}, ROOT / "configs", env=_AnyVariable())
    for source in loaded.config.sources.values():
        validate_options(source.type, source.options, ROOT / "configs")
    return loaded.config


@every_page
def test_every_yaml_block_is_valid(page: Path, plug_ins: Path) -> None:
    for fence in fences(page, "yaml"):
        try:
            value = read_yaml(fence.text, named(page))[0]
            if isinstance(value, dict) and "questions" in value:
                GoldFile.model_validate(value)
            else:
                valid(value)
        except Exception as error:
            pytest.fail(f"{named(page)}:{fence.line}: {error}")


def leads_somewhere(model: Any, path: list[str]) -> bool:
    if not path:
        return True
    if isinstance(model, type) and issubclass(model, BaseModel):
        field = model.model_fields.get(path[0])
        return field is not None and leads_somewhere(field.annotation, path[1:])
    parts = get_args(model)
    if getattr(model, "__origin__", None) is dict:
        return leads_somewhere(parts[1], path[1:])
    return any(leads_somewhere(part, path) for part in parts)


@every_page
def test_every_key_that_is_named_exists(page: Path) -> None:
    for span in spans(page):
        match = re.fullmatch(r"([a-z_]+(?:\.[\w<>-]+)+)(?::.*)?", span)
        if match is None or match[1].split(".")[0] not in Config.model_fields:
            continue
        path = match[1].split(".")
        if path[-1] == "py" or (ROOT / path[0] / f"{path[1]}.py").exists():
            continue  # a file, or a module of a room that is called like a section
        if path[0] == "answer" and path[1] in Answer.__dataclass_fields__:
            continue  # what came back, not the section
        if path[0] == "sources":
            continue  # below a name come the connector's own keys
        assert leads_somewhere(Config, path), f"{named(page)} names the key {match[1]}"


# --- Python ---------------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the quickstart can run, as the working directory."""
    (tmp_path / "configs").mkdir()
    shutil.copy(ROOT / "configs" / "quickstart.yaml", tmp_path / "configs")
    shutil.copytree(ROOT / "configs" / "sample", tmp_path / "configs" / "sample")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", RUN, ids=named)
def test_every_example_runs(page: Path, library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = fences(page, "python")
    assert blocks
    for block in blocks:
        exec(compile(block.text, f"{named(page)}:{block.line}", "exec"), {"__name__": "__main__"})
        assert capsys.readouterr().out.strip(), f"{named(page)}:{block.line} shows nothing"


@every_page
def test_every_python_block_compiles_and_imports_what_is_there(page: Path) -> None:
    for block in fences(page, "python"):
        where = f"{named(page)}:{block.line}"
        tree = compile(block.text, where, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ROOMS:
                module = importlib.import_module(node.module)
                for name in node.names:
                    assert hasattr(module, name.name), f"{where}: {node.module} has no {name.name}"
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "shelf":
                attributes = {*dir(Shelf), "config", "loaded", "folder", "embedders"}
                assert node.attr in attributes, f"{where}: a shelf has no {node.attr}"


# --- plug-ins: the examples are installed as packages and used -------------------------------------


def written_plug_ins() -> Iterator[tuple[str, str, str]]:
    """Group, entry (``name = module:attribute``) and source of every plug-in that a page writes."""
    for page in PAGES:
        for fence in fences(page, "toml"):
            group = re.search(r'entry-points\."?(openshelf\.\w+)"?\]', fence.text)
            entry = re.search(r'^(\w+) = "([\w.]+):(\w+)"', fence.text, re.MULTILINE)
            assert group and entry, f"{named(page)}:{fence.line}"
            yield group[1], f"{entry[1]} = {entry[2]}:{entry[3]}", defining(page, entry[3])


def defining(page: Path, name: str) -> str:
    """The Python block of ``page`` that defines ``name``."""
    for block in fences(page, "python"):
        if re.search(rf"^(?:def|class) {name}\b|^{name} = ", block.text, re.MULTILINE):
            return block.text
    pytest.fail(f"no block of {named(page)} defines {name}")


@pytest.fixture
def plug_ins(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The examples, installed as one package."""
    site = tmp_path_factory.mktemp("site")
    metadata = site / "examples-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: examples\nVersion: 1.0\n")
    groups: dict[str, list[str]] = {}
    modules: set[str] = set()
    for group, entry, source in written_plug_ins():
        module = entry.partition(" = ")[2].partition(":")[0]
        path = site.joinpath(*module.split(".")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")
        groups.setdefault(group, []).append(entry)
        modules.add(module.partition(".")[0])
    lines = [line for group, entries in groups.items() for line in (f"[{group}]", *entries, "")]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(site))
    yield site
    for name in [name for name in sys.modules if name.partition(".")[0] in modules]:
        del sys.modules[name]


def test_the_example_chunker_cuts_a_document(plug_ins: Path, library: Path) -> None:
    with Shelf.open("configs/quickstart.yaml") as shelf:
        chunker = {"type": "lines", "options": {"lines": 3}}
        preview = shelf.preview("configs/sample/help-centre/en/worn-shoes.md", chunker=chunker)
    assert len(preview.chunks) > 3
    assert "".join("".join(chunk.text for chunk in preview.chunks).split()) == "".join(preview.document.text.split())


def test_the_example_vector_store_is_filled_and_searched(plug_ins: Path, library: Path) -> None:
    config = {
        "store": {"type": "llama-index", "adapter": "mine", "options": {"suffix": "test"}},
        "sources": {"help": {"type": "files", "path": "configs/sample/help-centre/en", "include": ["*.md"]}},
    }
    with Shelf.open(config) as shelf:
        assert [report.outcome for report in shelf.sync()] == ["clean"]
        best = shelf.search("Can I return worn shoes?", keyword_weight=0)[0]
    assert best.why.vector_rank == 1


class TestTheExampleConnector(Conformance):
    """The conformance suite, through the ``World`` that the page on connectors shows."""

    @pytest.fixture
    def web(self) -> Iterator[Web]:
        server = Web()
        yield server
        server.close()

    @pytest.fixture
    def world(self, plug_ins: Path, web: Web) -> World:
        namespace: dict[str, Any] = {"__name__": "test_helpdesk"}
        exec(defining(ROOT / "docs" / "connectors" / "README.md", "World"), namespace)
        world: World = namespace["World"](web)
        return world
