"""What the tests ask and script again and again."""

from __future__ import annotations

import json
from typing import Any

from tests.retrieval.wire import Says
from tests.server.responses.house import STORE, House

TOOL: Any = {"type": "file_search", "vector_store_ids": [STORE]}
QUESTION = "How do I wash the tent?"
WASHED = "Wash it by hand with mild soap and let it dry in the shade"


def finds(*queries: str, **more: Any) -> Says:
    """The model wants to search; ``more`` are arguments that it was not offered."""
    return Says(calls=(("search_knowledge", json.dumps({"queries": list(queries), **more})),))


def stream(house: House, key: str = "loopback", **body: Any) -> list[dict[str, Any]]:
    """The events of a request as they came, by a client that is not OpenAI's."""
    with house.http(key) as http, http.stream("POST", "/responses", json={**body, "stream": True}) as response:
        assert response.status_code == 200, response.read()
        return [json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: ")]


def given(body: dict[str, Any]) -> str:
    """What the model was given for its searches."""
    return "\n".join(item["output"] for item in body["input"] if item.get("type") == "function_call_output")
