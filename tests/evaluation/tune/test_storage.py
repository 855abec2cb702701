"""A study's files survive a kill at any byte, and refuse what does not compare."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.errors import ConfigError
from evaluation.tune.result import Trial
from evaluation.tune.storage import Storage

SCORES = {"q1": {"recall": 0.5, "context_tokens": 12.0}}


def trial(number: int) -> Trial:
    return Trial(number, f"key{number}", {"a.b": {"type": "whole"}}, "é – label", "variant", means={"recall": 0.25})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_a_file_cut_at_any_byte_keeps_every_whole_line_and_goes_on(tmp_path: Path, data: st.DataObject) -> None:
    storage = Storage(tmp_path)
    path = tmp_path / "trials.jsonl"
    path.unlink(missing_ok=True)
    with storage.owned():
        for number in range(3):
            storage.add(trial(number), SCORES)
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        path.write_bytes(whole[:cut])
        kept = whole[:cut].count(b"\n")
        found = storage.trials()
        # The last line may be whole but for its end.
        assert list(found.values())[:kept] == [trial(number) for number in range(kept)]
        assert len(found) <= kept + 1
        storage.add(trial(7), SCORES)
        assert storage.trials()["key7"] == trial(7)
        assert list(storage.trials().values())[:kept] == [trial(number) for number in range(kept)]


def test_a_later_line_replaces_an_earlier_one(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    failed = Trial(4, "key", {}, "x", "v", state="failed", reason="no")
    with storage.owned():
        storage.add(failed, None)
        storage.add(Trial(4, "key", {}, "x", "v"), SCORES)
        assert [one.state for one in storage.trials().values()] == ["done"]
        assert storage.scores("key") == SCORES
    assert Storage(tmp_path).scores("key") == SCORES
    assert Storage(tmp_path).scores("other") is None


def test_what_does_not_compare_is_refused_with_what_changed(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    with storage.owned():
        storage.agree({"gold": "a" * 64, "seed": 1})
        storage.agree({"gold": "a" * 64, "seed": 1})
        with pytest.raises(ConfigError, match=r"seed was 1 and is 2") as raised:
            storage.agree({"gold": "a" * 64, "seed": 2})
        assert "--fresh" in (raised.value.hint or "")
        (tmp_path / "study.json").write_text("{")
        with pytest.raises(ConfigError, match="cannot be read"):
            storage.agree({"gold": "a", "seed": 1})
