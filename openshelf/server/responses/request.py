"""Read a request for a response: check what is ours, keep the rest for the upstream as it came."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from ingest.filters import parse_filter
from openshelf.server.contract import Ranking
from openshelf.server.errors import ApiError

MAX_RESULTS = 50
DEFAULT_RESULTS = 20

_Model = TypeVar("_Model", bound=BaseModel)
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]
_TYPED = {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}
_MESSAGE = {
    "type": "object",
    "description": "A message.",
    "properties": {
        "type": {"const": "message"},
        "role": {"enum": ["user", "assistant", "system", "developer"]},
        "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": _TYPED}]},
    },
    "required": ["role", "content"],
}
RawItem = Annotated[
    dict[str, Any], WithJsonSchema({"anyOf": [_MESSAGE, {**_TYPED, "description": "Any other item, as OpenAI's."}]})
]
"""An item as it comes; ``items.kept`` checks it."""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class HybridSearch(_Strict):
    """How much meaning and words count."""

    embedding_weight: float = Field(ge=0, allow_inf_nan=False)
    text_weight: float = Field(ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_counts(self) -> HybridSearch:
        if not self.embedding_weight and not self.text_weight:
            raise ValueError("one of embedding_weight and text_weight must be greater than 0")
        return self


class RankingOptions(_Strict):
    """``ranking_options``; every name of a ranker means the shelf's own."""

    ranker: str | None = None
    score_threshold: float | None = Field(None, ge=0, le=1)
    hybrid_search: HybridSearch | None = None


class FileSearchTool(_Strict):
    """The tool that this server runs itself."""

    type: Literal["file_search"]
    vector_store_ids: list[str] = Field(min_length=1)
    max_num_results: int | None = Field(None, ge=1, le=MAX_RESULTS)
    ranking_options: RankingOptions | None = None
    filters: dict[str, Any] | None = None

    @property
    def limit(self) -> int:
        """Most results of one search."""
        return self.max_num_results or DEFAULT_RESULTS

    @property
    def ranking(self) -> Ranking:
        """As ``SearchStores`` takes it."""
        options = self.ranking_options or RankingOptions()
        weights = options.hybrid_search
        return Ranking(
            keyword_weight=weights.text_weight if weights else None,
            vector_weight=weights.embedding_weight if weights else None,
            score_threshold=options.score_threshold or 0.0,
        )


class ConversationName(_Strict):
    """``conversation`` spelt as an object."""

    id: str


class ResponseRequest(_Strict):
    """The body of ``POST /v1/responses``. Fields that are not named here go to the upstream as they came."""

    model_config = ConfigDict(strict=True, extra="allow")

    model: str | None = Field(None, min_length=1)
    input: str | list[RawItem] | None = None
    instructions: str | None = None
    tools: list[dict[str, Any]] | None = Field(
        None,
        description="As OpenAI's; file_search is the server's own.",
        examples=[[{"type": "file_search", "vector_store_ids": ["vs_faq"]}]],
    )
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    max_tool_calls: int | None = Field(None, ge=1)
    include: list[str] | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: str | ConversationName | None = None
    metadata: Metadata | None = None
    max_output_tokens: int | None = Field(None, ge=16)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    top_logprobs: int | None = Field(None, ge=0, le=20)
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: str | None = None
    safety_identifier: str | None = Field(None, max_length=64)
    prompt_cache_key: str | None = None

    @property
    def file_search(self) -> FileSearchTool | None:
        """The file search that is asked for."""
        found = [n for n, tool in enumerate(self.tools or []) if tool.get("type") == "file_search"]
        if not found:
            return None
        if len(found) > 1:
            raise ApiError(
                400,
                "There is more than one file_search tool. Put all ids into one vector_store_ids.",
                code="invalid_value",
                param=f"tools[{found[1]}]",
            )
        return checked(FileSearchTool, (self.tools or [])[found[0]], at=f"tools[{found[0]}]")

    @property
    def conversation_id(self) -> str | None:
        """The conversation, however it is spelt."""
        name = self.conversation
        return name.id if isinstance(name, ConversationName) else name

    @property
    def json_wanted(self) -> bool:
        """Whether the answer's text is to be JSON."""
        form = (self.text or {}).get("format")
        return isinstance(form, Mapping) and form.get("type") in ("json_schema", "json_object")

    def includes(self, name: str) -> bool:
        """Whether ``include`` names it."""
        return name in (self.include or [])


def read_request(body: object) -> ResponseRequest:
    """Check a body.

    Raises:
        ApiError: 400, with the field that is wrong.
        FilterError: the filter of file_search is malformed.
    """
    request = checked(ResponseRequest, body)
    if request.background and request.store is False:
        _refuse("A response that is made in the background is kept: store cannot be false.", "store", "invalid_value")
    if request.previous_response_id is not None and request.conversation_id is not None:
        _refuse("previous_response_id and conversation exclude each other.", "conversation", "mutually_exclusive")
    elsewhere = request.previous_response_id or request.conversation_id or (request.model_extra or {}).get("prompt")
    if request.input is None and not elsewhere:
        _refuse("input is missing.", "input", "missing_required_parameter")
    for n, tool in enumerate(request.tools or []):
        if not isinstance(tool.get("type"), str):
            _refuse("A tool needs its type.", f"tools[{n}].type", "missing_required_parameter")
    if (search := request.file_search) is not None:
        parse_filter(search.filters)
    choice = request.tool_choice
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        _refuse("tool_choice is none, auto, required or an object.", "tool_choice", "invalid_value")
    if isinstance(choice, dict) and choice.get("type") == "file_search" and request.file_search is None:
        _refuse("tool_choice names file_search, which is not among the tools.", "tool_choice", "invalid_value")
    return request


def checked(kind: type[_Model], body: object, *, at: str = "") -> _Model:
    """``body`` as a ``kind``.

    Args:
        at: where ``body`` stands in the request.

    Raises:
        ApiError: 400, with the field that is wrong.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        # Of a union every branch complains; the one that got furthest was meant.
        first = max(error.errors(include_url=False, include_input=False), key=lambda one: len(one["loc"]))
        place = [part for part in first["loc"] if not _names_a_branch(part)]
        name = at
        for part in place:
            name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
        missing = first["type"] == "missing"
        code = "missing_required_parameter" if missing else "invalid_value"
        message = first["msg"].removeprefix("Value error, ")
        text = f"{name or 'The body'} is missing." if missing else f"{name or 'The body'}: {message}."
        raise ApiError(400, text, code=code, param=name or None) from None


def schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a body in one piece, as it can stand inside an OpenAPI document."""
    schema = kind.model_json_schema()
    named = schema.pop("$defs", {})

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return whole(named[part["$ref"].rsplit("/", 1)[1]])
        return {key: whole(value) for key, value in part.items()}

    return dict(whole(schema))


def read_json(raw: bytes) -> Any:
    """The JSON of a request's body; halves of characters are replaced, which no text can be written with.

    Raises:
        ApiError: 400, it is no JSON.
    """
    try:
        body = json.loads(raw, parse_constant=_no_number)
        if b"\\ud" in raw.lower():
            text = json.dumps(body, ensure_ascii=False)
            body = json.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise ApiError(400, "The body is not JSON.", code="invalid_json") from None
    return body


def _names_a_branch(part: int | str) -> bool:
    return isinstance(part, str) and (part in ("str", "list", "dict") or "[" in part or part[:1].isupper())


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _refuse(message: str, param: str, code: str) -> NoReturn:
    raise ApiError(400, message, param=param, code=code)
