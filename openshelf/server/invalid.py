"""A request that does not fit, as OpenAI's API says it: the first problem, with the field that it is at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openshelf.server.errors import ApiError

_OUTSIDE = ("body", "query", "path", "header")
_CODES = {"missing": "missing_required_parameter", "extra_forbidden": "unknown_parameter"}


def first_problem(problems: Sequence[Mapping[str, Any]]) -> ApiError:
    """400 for what pydantic found."""
    problem = problems[0]
    where = [part for place, part in enumerate(problem["loc"]) if not (place == 0 and part in _OUTSIDE)]
    param = ".".join(str(part) for part in where)[:200] or None
    kind = problem["type"]
    if kind == "json_invalid":
        return ApiError(400, "The body of the request is no valid JSON.", code="invalid_json")
    if kind == "missing":
        said = f"Missing required parameter: '{param}'." if param else "The request needs a body."
    elif kind == "extra_forbidden":
        said = f"Unknown parameter: '{param}'."
    else:
        message = str(problem["msg"]).removeprefix("Value error, ")
        said = f"Invalid value for '{param or 'the request'}': {message}."
    return ApiError(400, said, code=_CODES.get(kind, "invalid_value"), param=param)
