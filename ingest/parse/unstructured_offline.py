"""``unstructured`` on a closed network: no telemetry, no banner, no model to download.

Three things it does by itself, and how each is turned off:

- It reports each use to ``packages.unstructured.io``, unless ``SCARF_NO_ANALYTICS`` is set (its documented opt-out).
  What is indexed here is nobody else's business.
- It advertises once a process, unless ``UNSTRUCTURED_DISABLE_NOTICE`` is 1 (documented too).
- To tell titles from prose it loads spaCy's ``en_core_web_sm`` and downloads it when it is missing. There is no public
  way around it (0.27.35: every partitioner calls ``is_possible_narrative_text`` without its ``languages``, and that
  counts sentences first). All ways lead through ``unstructured.nlp.tokenize._load_spacy_model``; it is replaced by
  spaCy's blank multi-language pipeline, which needs no model, knows no English and is fast. Only titles that a style
  or a placeholder declares are used here, so the guess no longer decides anything.
  ``tests/ingest/parse/test_offline.py`` fails when that function moves.
"""

from __future__ import annotations

import os
import threading
from typing import Any

_lock = threading.Lock()
_prepared = False


def prepare_unstructured() -> None:
    """Call before each import of an ``unstructured`` partitioner; after the first time it does nothing.

    Raises:
        AttributeError: this version of ``unstructured`` has no such function (the version is pinned).
    """
    global _prepared
    with _lock:
        if _prepared:
            return
        os.environ.setdefault("SCARF_NO_ANALYTICS", "true")
        os.environ.setdefault("UNSTRUCTURED_DISABLE_NOTICE", "1")
        from unstructured.nlp import tokenize

        if not hasattr(tokenize, "_load_spacy_model"):
            raise AttributeError("unstructured.nlp.tokenize has no _load_spacy_model; see this module's docstring")
        tokenize._load_spacy_model = _blank_pipeline
        tokenize._get_nlp.cache_clear()
        _prepared = True


def _blank_pipeline() -> Any:
    import spacy

    pipeline = spacy.blank("xx")
    pipeline.add_pipe("sentencizer")
    return pipeline
