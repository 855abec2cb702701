"""A secret shows neither in repr, nor in errors, nor in logs."""

import json
import logging
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError
from configs.loader import from_mapping, load
from configs.secrets import MASK, Hidden, Redactor

SECRET = "s3cr3t/val&ue-é"


def test_no_secret_in_the_repr_of_anything_loaded(tmp_path):
    path = tmp_path / "shelf.yaml"
    path.write_text(
        "embedder: {provider: openai, api_key: '${KEY}', base_url: 'https://u:${KEY}@proxy.example'}\n"
        "answer: {api_key: written-in-plain, instructions: 'say ${KEY}'}\n"
        "defaults: {metadata: {tenant: '${KEY}'}, visibility: ['${KEY}']}\n"
        "sources:\n  a: {type: files, path: x, token: '${KEY}', headers: [{auth: 'Bearer ${KEY}'}]}\n"
    )
    loaded = load(path, env={"KEY": SECRET})
    for shown in (repr(loaded), str(loaded), repr(loaded.config), str(loaded.config), repr(loaded.redactor)):
        assert SECRET not in shown
        assert "written-in-plain" not in shown
    assert SECRET not in "".join(loaded.warnings)
    # and yet the values are the real ones
    assert loaded.config.embedder.api_key.get_secret_value() == SECRET
    assert loaded.config.embedder.base_url == f"https://u:{SECRET}@proxy.example"
    assert loaded.config.sources["a"].options["headers"][0]["auth"] == f"Bearer {SECRET}"
    assert loaded.config.sources["a"].metadata["tenant"] == SECRET
    assert loaded.redactor.redact(f"key {SECRET}, key written-in-plain") == "key ***, key ***"


@pytest.mark.parametrize(
    "raw",
    [
        {"embedder": {"batch_size": "${KEY}"}},
        {"embedder": {"runtime": "${KEY}"}},
        {"embedder": "${KEY}"},
        {"defaults": {"schedule": {"every": "${KEY}"}}},
        {"defaults": {"chunker": {"type": "${KEY}"}}},
        {"defaults": {"visibility": "${KEY}"}},
        {"store": {"token": ["${KEY}"]}},
        {"answer": {"api_key": {"a": "${KEY}"}}},
        {"sources": {"a": "${KEY}"}},
        {"sources": "${KEY}"},
    ],
)
@pytest.mark.parametrize("secret", [SECRET, "9w"])
def test_no_error_repeats_a_filled_value(tmp_path, raw, secret):
    with pytest.raises(ConfigError) as caught:
        from_mapping(raw, tmp_path, env={"KEY": secret})
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_error_repeats_a_number_written_as_a_key(tmp_path):
    with pytest.raises(ConfigError) as caught:
        from_mapping({"answer": {"api_key": 123456789}}, tmp_path)
    assert "123456789" not in str(caught.value)


def test_no_cause_or_context_shows_the_input(tmp_path):
    import traceback

    with pytest.raises(ConfigError) as caught:
        from_mapping({"embedder": {"runtime": "${KEY}"}}, tmp_path, env={"KEY": SECRET})
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_paths_from_variables_stay_readable(tmp_path):
    loaded = from_mapping({"sources": {"a": {"type": "files", "path": "${DOCS}"}}}, tmp_path, env={"DOCS": "/srv/docs"})
    assert repr(loaded.config.sources["a"].options) == "{'path': '/srv/docs'}"
    assert loaded.redactor.redact("no folder /srv/docs") == "no folder /srv/docs"


@pytest.fixture
def log():
    """A logger with a masked handler, and the lines that it wrote."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(self.format(record) + json.dumps(vars(record), default=repr))

    logger, handler = logging.Logger("test"), Handler()
    handler.addFilter(Redactor([SECRET]))
    logger.addHandler(handler)
    return logger, lines


def test_no_secret_in_logs(log):
    logger, lines = log
    logger.warning("plain %s", SECRET)
    logger.warning({"message": SECRET})
    logger.warning("url %s", quote(SECRET, safe=""))
    logger.warning("json %s", json.dumps({"k": SECRET}))
    logger.warning("extra", extra={"headers": {"auth": [SECRET]}, "object": ValueError(SECRET), "count": 3})
    logger.warning("stack", stack_info=True)
    try:
        raise ValueError(f"refused {SECRET}")
    except ValueError:
        logger.exception("failed")
    assert len(lines) == 7
    for line in lines:
        for spelling in (SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1]):
            assert spelling not in line
            assert json.dumps(spelling)[1:-1] not in line
    assert "ValueError: refused ***" in lines[6]
    assert '"count": 3' in lines[4]


def test_short_values_are_left_alone():
    assert Redactor(["no", "8080"]).redact("no port 8080") == "no port 8080"


def test_a_longer_secret_leaves_no_tail():
    assert Redactor(["abcdef", "abcdef-ghi"]).redact("x abcdef-ghi y") == f"x {MASK} y"


@given(st.text(min_size=6), st.text(), st.text())
def test_a_known_secret_never_survives(secret, before, after):
    masked = Redactor([secret]).redact(before + secret + after)
    assert masked == MASK or secret not in masked or secret in MASK


def test_a_hidden_text_is_its_value_in_use_and_masked_in_repr():
    hidden = Hidden("value")
    assert (hidden == "value", f"{hidden}", {"value": 1}[hidden], repr(hidden)) == (True, "value", 1, "'***'")
