"""From text to a Config, and what is said when it is wrong."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from configs.errors import ConfigError
from configs.loader import from_mapping, load, translate_options_error
from configs.schema import HeadingChunker, SemanticChunker, TokenChunker


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "shelf.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def mistakes(write):
    """The lines of the error that a text gives."""

    def mistakes(text: str, **env: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(write(text), env=env)
        return str(caught.value).splitlines()

    return mistakes


SOURCE = "sources:\n  faq:\n    type: files\n    path: docs\n"


def test_a_source_is_laid_over_the_defaults_section_by_section(write):
    loaded = load(
        write(
            "defaults:\n"
            "  parser: {keep_links: true, ocr: 'off'}\n"
            "  metadata: {team: help, kind: article}\n"
            "  schedule: {every: 6h, jitter: 1m}\n"
            "  visibility: [staff, agents]\n"
            "sources:\n"
            "  a:\n"
            "    type: files\n"
            "    path: x\n"
            "    parser: {ocr: auto}\n"
            "    metadata: {kind: faq}\n"
            "    schedule: {cron: '0 3 * * *'}\n"
            "    visibility: [agents]\n"
            "  b: {type: files, path: y, schedule: null}\n"
        ),
        env={},
    )
    a, b = loaded.config.sources["a"], loaded.config.sources["b"]
    assert (a.name, a.type, a.options) == ("a", "files", {"path": "x"})
    assert (a.parser.keep_links, a.parser.ocr) == (True, "auto")
    assert a.metadata == {"team": "help", "kind": "faq"}
    assert (a.schedule.cron, a.schedule.every, a.schedule.jitter) == ("0 3 * * *", None, "1m")
    assert a.visibility == ["agents"]
    assert (b.schedule, b.visibility, b.parser.ocr) == (None, ["staff", "agents"], "off")


@pytest.mark.parametrize(
    ("default", "own", "expected"),
    [
        ("{size: 100, overlap: 10}", "{overlap: 20}", HeadingChunker(size=100, overlap=20)),
        ("{size: 100, overlap: 10}", "{type: heading, size: 50}", HeadingChunker(size=50, overlap=10)),
        ("{size: 100, overlap: 10}", "{type: token, size: 80}", TokenChunker(size=80)),
        ("{type: semantic, percentile: 80}", "{size: 90}", SemanticChunker(size=90, percentile=80)),
        ("{type: semantic, percentile: 80}", "{type: heading}", HeadingChunker()),
    ],
)
def test_a_chunker_merges_while_its_type_stays_and_is_replaced_otherwise(write, default, own, expected):
    text = f"defaults:\n  chunker: {default}\nsources:\n  a: {{type: files, path: x, chunker: {own}}}\n"
    text += "  b: {type: files, path: x}\n"
    config = load(write(text), env={}).config
    assert config.sources["a"].chunker == expected
    assert config.sources["b"].chunker == config.defaults.chunker


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(mistakes):
    found = mistakes(
        "retrieval: {top_kk: 3}\n"
        "sources:\n"
        "  faq:\n"
        "    type: files\n"
        "    chunker:\n"
        "      sise: 5\n"
        "  b:\n"
        "    chunker: {type: hedding}\n"
        "    schedule: {every: 5 parsecs}\n"
        "top_k: 5\n"
        "embedder: {batch_size: many, dimensions: 0}\n"
    )
    assert found == [
        "shelf.yaml:1: retrieval.top_kk is not a known key. Did you mean top_k?",
        "shelf.yaml:6: sources.faq.chunker.sise is not a known key. Did you mean size?",
        "shelf.yaml:7: sources.b.type is missing. It holds a connector: `files`, `csv`, or a plug-in's name.",
        "shelf.yaml:8: sources.b.chunker.type names no chunker: the text 'hedding'. Did you mean heading?",
        "shelf.yaml:9: sources.b.schedule is impossible: '5 parsecs' is not a duration; write for example 30s, 15m, 6h "
        "or 1d.",
        "shelf.yaml:10: top_k is not a known key. It belongs under retrieval.",
        "shelf.yaml:11: embedder.batch_size must be a whole number, not the text 'many'.",
        "shelf.yaml:11: embedder.dimensions must be at least 1, not the number 0.",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "defaults:\n  chunker: {size: 100, overlap: 80}\n",
            "shelf.yaml:2: defaults.chunker is impossible: overlap (80)",
        ),
        ("retrieval: [1]\n", "shelf.yaml:1: retrieval must be a mapping of keys to values, not a list."),
        ("retrieval:\n", "shelf.yaml:1: retrieval must be a mapping of keys to values, not nothing."),
        ("sources: [a]\n", "shelf.yaml:1: sources must be a mapping from a name to its settings, not a list."),
        (
            "sources:\n  a:\n",
            "shelf.yaml:2: sources.a must be a mapping such as {type: files, path: docs}, not nothing.",
        ),
        ("sources:\n  'a b': {type: files}\n", "shelf.yaml:2: sources.a b is no name"),
        ("sources:\n  a: {type: files, name: b}\n", "shelf.yaml:2: sources.a.name cannot be set"),
        ("sources:\n  a: {type: files, path: x, options: {path: y}}\n", "sources.a.options.path is given twice"),
        (
            "sources:\n  a: {type: files, options: 3}\n",
            "sources.a.options must be a mapping of the connector's own keys",
        ),
        (
            "defaults: {visibility: 5}\n",
            "defaults.visibility must be public or restricted or a list, not the number 5.",
        ),
        ("defaults: {visibility: pubic}\n", "not the text 'pubic'. Did you mean public?"),
        ("defaults: {chunker: token}\n", "defaults.chunker must be a mapping such as {type: token, size: 256}"),
        ("defaults: {chunker: {type: [1]}}\n", "defaults.chunker.type names no chunker: a list. Known: token,"),
        ("defaults: {metadata: {a: [1]}}\n", "defaults.metadata.a must be text or a whole number or a number or true"),
        ("costs: {prices: {m: {input: -1}}}\n", "costs.prices.m.input must be at least 0, not the number -1."),
        ("store: {mode: server}\n", "store is impossible: mode: server and url go together."),
        ("sources:\n  a: {type: files, path: '${}'}\n", "shelf.yaml:2: sources.a.path holds a ${ that is no variable."),
    ],
)
def test_each_kind_of_mistake_is_one_sentence(mistakes, text, message):
    found = mistakes(text)
    assert len(found) == 1
    assert message in found[0]


def test_a_mistake_in_the_defaults_is_told_once_and_not_for_each_source(mistakes):
    found = mistakes("defaults:\n  chunker: {sise: 3}\n  parser: {ocr: maybe}\n" + SOURCE + "    chunker: {size: 10}\n")
    assert found == [
        "shelf.yaml:2: defaults.chunker.sise is not a known key. Did you mean size?",
        "shelf.yaml:3: defaults.parser.ocr must be auto or off, not the text 'maybe'.",
    ]


def test_an_inherited_value_that_does_not_fit_is_told_at_the_source(mistakes):
    found = mistakes("defaults:\n  chunker: {size: 100, overlap: 50}\n" + SOURCE + "    chunker: {size: 60}\n")
    assert found == ["shelf.yaml:7: sources.faq.chunker is impossible: overlap (50) must be at most half of size (60)."]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "null\n", "---\n"])
def test_an_empty_file_says_how_to_get_one(mistakes, text):
    assert "openshelf init" in mistakes(text)[0]


def test_a_list_is_no_configuration(mistakes):
    assert mistakes("- a\n")[0].startswith("shelf.yaml:1: the file must be a mapping")


def test_files_that_cannot_be_read_are_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"There is no file .*missing.yaml. .*openshelf init"):
        load(tmp_path / "missing.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("a: é".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "latin.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than"):
        load(tmp_path / "huge.yaml")


def test_paths_start_at_the_files_folder(write, tmp_path):
    loaded = load(write("embedder: {model: ./models/x}\nretrieval: {reranker: {model: ../y}}\n" + SOURCE), env={})
    assert loaded.config.path == tmp_path / ".openshelf"
    assert loaded.config.embedder.model == str(tmp_path / "models" / "x")
    assert loaded.config.retrieval.reranker.model == str(tmp_path.parent / "y")
    assert (loaded.path, loaded.base_dir) == (tmp_path / "shelf.yaml", tmp_path)
    assert load(write("path: /var/shelf\n"), env={}).config.path == Path("/var/shelf")
    assert loaded.config.sources["faq"].options["path"] == "docs"


def test_a_key_is_located_by_its_line_or_its_nearest_parent(write):
    loaded = load(write(SOURCE), env={})
    assert loaded.locate(("sources", "faq", "path")) == "shelf.yaml:4"
    assert loaded.locate(("sources", "faq", "chunker", "size")) == "shelf.yaml:2"


def test_a_mapping_is_checked_like_a_file(tmp_path):
    loaded = from_mapping({"path": Path("here"), "sources": {"a": {"type": "files", "path": "x"}}}, tmp_path, env={})
    assert loaded.config.path == tmp_path / "here"
    assert loaded.locate(("sources", "a", "path")) == "sources.a.path"
    with pytest.raises(ConfigError) as caught:
        from_mapping({"embeder": {}, "sources": {"a": {"type": "files", "chunker": {"sise": 1}}}}, tmp_path)
    assert str(caught.value).splitlines() == [
        "embeder is not a known key. Did you mean embedder?",
        "sources.a.chunker.sise is not a known key. Did you mean size?",
    ]


def test_a_chunker_object_from_python_is_kept(tmp_path):
    source = {"type": "files", "chunker": TokenChunker(size=64)}
    loaded = from_mapping({"sources": {"a": source}}, tmp_path)
    assert loaded.config.sources["a"].chunker == TokenChunker(size=64)


def test_the_mapping_given_is_not_changed(tmp_path):
    given = {"defaults": {"chunker": {"size": 64}}, "sources": {"a": {"type": "files", "path": "${X}"}}}
    from_mapping(given, tmp_path, env={"X": "docs"})
    assert given == {"defaults": {"chunker": {"size": 64}}, "sources": {"a": {"type": "files", "path": "${X}"}}}


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    path: str
    include: list[str] = []
    token: str = ""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("    paht: docs\n", "shelf.yaml:4: sources.a.paht is not a known key. Did you mean path?"),
        ("    path: x\n    chunkr: {}\n", "shelf.yaml:5: sources.a.chunkr is not a known key. Did you mean chunker?"),
        ("    path: x\n    include: [1]\n", "shelf.yaml:5: sources.a.include[0] must be text, not the number 1."),
        ("    path: x\n    options:\n      include: y\n", "shelf.yaml:6: sources.a.options.include must be a list"),
        ("    path: x\n    token: ['${T}']\n", "shelf.yaml:5: sources.a.token must be text, not a list."),
        ("    path: x\n    include: ${T}\n", "shelf.yaml:5: sources.a.include must be a list, not a text from ${...}"),
    ],
)
def test_a_connectors_own_mistakes_get_file_line_and_key(write, body, expected):
    loaded = load(write("sources:\n  a:\n    type: files\n" + body), env={"T": "sesame-open"})
    with pytest.raises(ValidationError) as caught:
        _Options.model_validate(loaded.config.sources["a"].options)
    error = translate_options_error(loaded, "a", caught.value, known=_Options.model_fields)
    assert isinstance(error, ConfigError)
    assert expected in str(error)
    assert "sesame-open" not in str(error)


def test_probable_mistakes_are_warnings(write):
    loaded = load(
        write("embedder: {provider: openai, api_key: sk-written-here}\nretrieval: {top_k: 50, candidates: 20}\n"),
        env={},
    )
    assert [warning.split(" is ")[0] for warning in loaded.warnings] == [
        "shelf.yaml:1: embedder.api_key",
        "shelf.yaml:2: retrieval.candidates",
        "sources",
    ]
    assert "sk-written-here" not in "".join(loaded.warnings)


def test_a_chunk_that_the_model_cannot_read_whole_is_a_warning(write):
    loaded = load(write("defaults:\n  chunker: {size: 300}\n" + SOURCE + "    chunker: {size: 400}\n"), env={})
    assert [warning.split(" tokens")[0] for warning in loaded.warnings] == [
        "shelf.yaml:2: defaults.chunker.size is 300",
        "shelf.yaml:7: sources.faq.chunker.size is 400",
    ]


def test_column_types_put_at_the_wrong_place_are_a_warning(write):
    text = "sources:\n  p:\n    type: csv\n    path: p.csv\n    metadata: {price: float, shop: Leeds}\n"
    (warning,) = load(write(text), env={}).warnings
    assert warning.startswith("shelf.yaml:5: sources.p.metadata.price")
    assert "options" in warning
