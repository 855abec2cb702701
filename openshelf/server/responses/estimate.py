"""Input tokens of a call, before it is made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from retrieval.responses import estimate_tokens

_DATA_URL = re.compile(r'"data:[^"]{200,}"')
_FOR_AN_IMAGE = 2000
"""Tokens of an image or file that is sent inside the request: its base64 is not read as text."""


def input_tokens(params: Mapping[str, Any], count: Callable[[str], int]) -> int:
    """On the high side, as ``estimate_tokens``, of items of any type."""
    files, texts = 0, []
    for item in params["input"]:
        text, found = _DATA_URL.subn('""', json.dumps(item, ensure_ascii=False))
        files += found
        texts.append({"content": text})
    asked = {"instructions": params.get("instructions"), "tools": params.get("tools", []), "input": texts}
    return estimate_tokens(asked, count) + files * _FOR_AN_IMAGE
