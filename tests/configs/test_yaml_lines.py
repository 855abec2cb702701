"""Reading YAML with lines, and everything that it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from configs.errors import ConfigError
from configs.yaml_lines import MAX_BYTES, read_yaml


def test_every_key_and_list_item_knows_its_line():
    value, lines = read_yaml("a: 1\nb:\n  c: [x,\n    y]\n  d:\n    - z\n", "f.yaml")
    assert value == {"a": 1, "b": {"c": ["x", "y"], "d": ["z"]}}
    assert lines[("a",)] == 1
    assert lines[("b", "c")] == 3
    assert lines[("b", "c", 1)] == 4
    assert lines[("b", "d", 0)] == 6


def test_yaml_1_2_has_no_norway_problem():
    assert read_yaml("country: no\nyes: on\n", "f")[0] == {"country": "no", "yes": "on"}


def test_merge_keys_stand_behind_own_keys():
    value, lines = read_yaml("a: &a {x: 1, y: 2}\nb:\n  y: 3\n  <<: *a\nc:\n  <<: *a\n  x: 4\n", "f")
    assert value["b"] == {"x": 1, "y": 3}
    assert value["c"] == {"x": 4, "y": 2}
    assert lines[("b", "y")] == 3
    assert lines[("c", "x")] == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"f:3: the key a is given twice; the first is on line 1"),
        ("a: 1\nb: !python/object:os.system x\n", r"f:2: the tag .* is not allowed"),
        ("a: !!set {x, y}\n", r"f:1: the tag .* is not allowed"),
        ("a: 1\nb: [1, 2\nc: 3\n", r"f:3: this is not YAML"),
        ("a: 1\n---\nb: 2\n", r"f:2: this is not YAML"),
        ("a: &a [*a]\n", r"f:1: nested deeper"),
        ("[a, b]: 1\n", r"f:1: a key must be plain text"),
        ("a: *nobody\n", r"f:1: this is not YAML"),
        ("a: 2026-13-45\n", r"f:1: this value cannot be read"),
        ("a: \x00\n", r"f is not YAML"),
    ],
)
def test_refused_features_name_the_line(text, message):
    with pytest.raises(ConfigError, match=message):
        read_yaml(text, "f")


def test_an_alias_bomb_is_stopped():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match="once its aliases are expanded"):
        read_yaml("\n".join(lines), "f")


def test_deep_nesting_is_a_message_and_not_a_crash():
    with pytest.raises(ConfigError, match="nested deeper"):
        read_yaml("[" * 5000 + "]" * 5000, "f")


def test_a_huge_file_is_refused():
    with pytest.raises(ConfigError, match="larger than"):
        read_yaml("a: " + "x" * MAX_BYTES, "f")


_SCALARS = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", categories=("L", "N", "P")))
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", min_size=1, max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_VALUES)
def test_what_was_written_is_what_is_read(value):
    from io import StringIO

    stream = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False  # in braces it writes texts that start with `?` without quotes
    yaml.dump({"value": value}, stream)
    read, lines = read_yaml(stream.getvalue(), "f")
    assert read == {"value": value}
    assert all(1 <= line <= stream.getvalue().count("\n") + 1 for line in lines.values())
