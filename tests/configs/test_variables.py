"""Where ${VAR} is looked for, and what happens when it is nowhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import variables
from configs.errors import ConfigError
from configs.loader import from_mapping, load
from configs.variables import Variables, fill


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder for the YAML, and one in place of /run/secrets."""
    secrets = tmp_path / "run-secrets"
    secrets.mkdir()
    monkeypatch.setattr(variables, "SECRETS_FOLDER", secrets)
    return tmp_path, secrets


def test_the_nearest_place_wins(places):
    folder, secrets = places
    (secrets / "TOKEN").write_text("from-secrets\n")
    assert Variables(folder, {}).find("TOKEN") == "from-secrets"
    (folder / ".env").write_text("# comment\nexport TOKEN='from file'\nOTHER=${TOKEN}\n")
    assert Variables(folder, {}).find("TOKEN") == "from file"
    assert Variables(folder, {}).find("OTHER") == "${TOKEN}"
    assert Variables(folder, {"TOKEN": "from-env"}).find("TOKEN") == "from-env"
    assert Variables(folder, {"TOKEN": ""}).find("TOKEN") == "from file"
    assert Variables(folder, {}).find("NOWHERE") is None


def test_the_process_environment_is_the_default(places, monkeypatch):
    monkeypatch.setenv("OPENSHELF_TEST_VALUE", "here")
    assert Variables(places[0]).find("OPENSHELF_TEST_VALUE") == "here"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "one"),
        ("x${A}y${B}z", "xoneytwoz"),
        ("${MISSING:-fallback}", "fallback"),
        ("${MISSING:-}", ""),
        ("${EMPTY:-fallback}", "fallback"),
        ("${A:-fallback}", "one"),
        ("$${A}", "${A}"),
        ("$A and $5", "$A and $5"),
        ("${NESTED}", "${A}"),
    ],
)
def test_references_are_filled_once(places, text, expected):
    env = {"A": "one", "B": "two", "EMPTY": "", "NESTED": "${A}"}
    filled = fill({"k": [text]}, Variables(places[0], env))
    assert filled.missing == []
    assert filled.value == {"k": [expected]}


def test_a_missing_variable_names_line_key_and_every_place(places):
    folder, secrets = places
    path = folder / "shelf.yaml"
    path.write_text("answer:\n  base_url: ${SHELF_URL}\nembedder:\n  model: ${SHELF_MODEL}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, env={})
    first, second = str(caught.value).splitlines()
    assert first.startswith("shelf.yaml:2: answer.base_url needs the variable SHELF_URL")
    assert second.startswith("shelf.yaml:4: embedder.model needs the variable SHELF_MODEL")
    for place in ("the environment", str(folder / ".env"), str(secrets / "SHELF_URL")):
        assert place in first


def test_a_missing_variable_is_one_mistake_and_not_two(places):
    with pytest.raises(ConfigError) as caught:
        from_mapping({"embedder": {"batch_size": "${SIZE}"}}, places[0], env={})
    assert len(str(caught.value).splitlines()) == 1


def test_a_disabled_source_may_lack_its_variables(places):
    sources = {"a": {"type": "files", "enabled": False, "path": "${NOT_YET}"}}
    loaded = from_mapping({"sources": sources}, places[0], env={})
    assert any("NOT_YET" in warning for warning in loaded.warnings)
    with pytest.raises(ConfigError, match="NOT_YET"):
        from_mapping({"sources": {"a": {"type": "files", "path": "${NOT_YET}"}}}, places[0], env={})


def test_a_filled_text_is_read_as_the_type_of_its_key(places):
    raw = {"embedder": {"batch_size": "${N}"}, "answer": {"store": "${YES}"}}
    config = from_mapping(raw, places[0], env={"N": "64", "YES": "true"}).config
    assert config.embedder.batch_size == 64
    assert config.answer.store is True


def test_places_that_cannot_be_read_are_a_sentence(places):
    folder, secrets = places
    (folder / ".env").write_bytes(b"A=\xff")
    with pytest.raises(ConfigError, match=r"\.env cannot be read"):
        Variables(folder, {}).find("A")
    (folder / ".env").unlink()
    (secrets / "A").write_text("x" * 100_001)
    with pytest.raises(ConfigError, match="larger than"):
        Variables(folder, {}).find("A")


@given(st.text().filter(lambda text: "${" not in text))
def test_text_without_references_is_never_changed(text):
    assert fill(text, Variables.__new__(Variables)).value == text
