"""What all tests share: one cache of exported models, and shelves that leave nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Servers that a test's shelf starts stop by themselves soon after the test.
os.environ.setdefault("OPENSHELF_STORE_IDLE", "3")
# No test may depend on what a developer has set.
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENSHELF_CONFIG", "OPENSHELF_CACHE"):
    os.environ.pop(name, None)
os.environ["HF_HUB_OFFLINE"] = "1"


# Nothing is timed. CI tries the same examples each time; elsewhere new ones are looked for.
settings.register_profile("openshelf", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("openshelf")


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """The user's own model cache: exporting the bundled model takes seconds, once."""
    from openshelf.shelf import cache_dir

    return cache_dir()
