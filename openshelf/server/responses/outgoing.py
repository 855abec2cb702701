"""What the upstream is asked: the request as it came, with the search function in the place of file search."""

from __future__ import annotations

from typing import Any

from configs import schema
from openshelf.server.responses import searching
from openshelf.server.responses.items import RESULTS, Item
from openshelf.server.responses.request import ResponseRequest

_OURS = frozenset(
    (
        *("model", "input", "instructions", "tools", "tool_choice", "include", "max_output_tokens"),
        *("stream", "stream_options", "store", "background", "previous_response_id", "conversation"),
    )
)
"""Fields of a request that the upstream gets in another form, or not at all."""


class Outgoing:
    """The calls of one response.

    Attributes:
        name: of the search function.
        max_output_tokens: of each call.
        most: how many searches there may be.
    """

    def __init__(self, request: ResponseRequest, settings: schema.Answer, model: str) -> None:
        self._request, self._settings, self._model = request, settings, model
        self._searches = request.file_search is not None
        self._others = [tool for tool in request.tools or [] if tool.get("type") != "file_search"]
        self.name = searching.function_name(self._others)
        self.max_output_tokens = request.max_output_tokens or settings.max_output_tokens
        wanted = request.max_tool_calls
        self.most = settings.max_searches if wanted is None else min(settings.max_searches, wanted)

    def params(self, items: list[Item], searches: int) -> dict[str, Any]:
        """The body of a call.

        Args:
            searches: how many there were.
        """
        request, settings = self._request, self._settings
        given = request.model_dump(exclude_unset=True)
        params = {key: value for key, value in given.items() if key not in _OURS and value is not None}
        params |= {
            "model": self._model,
            "input": items,
            "max_output_tokens": self.max_output_tokens,
            "store": settings.store,
        }
        if include := [name for name in request.include or [] if name != RESULTS]:
            params["include"] = include
        if not self._searches:
            same = {"instructions": request.instructions, "tools": request.tools, "tool_choice": request.tool_choice}
            return params | {key: value for key, value in same.items() if value is not None}
        params["instructions"] = searching.instructions(
            self.name, settings.instructions, request.instructions, as_json=request.json_wanted
        )
        tools, choice = self._tools(searches)
        return params | {"tools": tools, "tool_choice": choice}

    def _tools(self, searches: int) -> tuple[list[dict[str, Any]], Any]:
        """Tools and choice: a search first where that is asked for, none when there were enough."""
        own: dict[str, Any] = {"type": "function", "name": self.name}
        choice: Any = self._request.tool_choice or "auto"
        tools = [
            searching.function_tool(self.name) if tool.get("type") == "file_search" else tool
            for tool in self._request.tools or []
        ]
        if choice == "none":
            return tools, choice
        if searches >= self.most:
            return (self._others, "auto") if self._others else (tools, "none")
        if choice == "required":
            # Beside other tools OpenAI lets the model choose which one.
            choice = "auto" if searches else "required" if self._others else own
        elif isinstance(choice, dict) and choice.get("type") == "file_search":
            choice = "auto" if searches else own
        elif isinstance(choice, dict) and choice.get("type") == "allowed_tools":
            allowed = [own if one == {"type": "file_search"} else one for one in choice.get("tools") or []]
            choice = {**choice, "tools": allowed, **({"mode": "auto"} if searches else {})}
        return tools, choice
