"""A dozen seeded kills in the middle of syncs; ``make kill-test`` runs 200."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingest.kill import run_kills


@pytest.mark.timeout(600)
def test_a_shelf_whose_sync_was_killed_equals_a_clean_one(tmp_path: Path, model_cache: Path) -> None:
    assert run_kills(12, seed=20261124, cache=model_cache, work=tmp_path) >= 12
