"""Errors as OpenAI's API sends them: one envelope, the right status, a code that programs can read."""

from __future__ import annotations

import math
from typing import Any

from starlette.responses import JSONResponse

from configs.errors import (
    AnswerError,
    BudgetExceeded,
    ConfigError,
    FilterError,
    OpenshelfError,
    RetrievalError,
    SyncBusy,
)

_TYPES = {
    400: "invalid_request_error",
    402: "insufficient_quota",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "invalid_request_error",
    413: "invalid_request_error",
}
_STATUS: tuple[tuple[type[OpenshelfError], int, str], ...] = (
    (FilterError, 400, "invalid_filter"),
    (BudgetExceeded, 402, "budget_exceeded"),
    (AnswerError, 502, "upstream_error"),
    (RetrievalError, 400, "invalid_request"),
    (SyncBusy, 409, "store_busy"),
    (ConfigError, 500, "server_configuration"),
)


class ApiError(Exception):
    """A request that ends in an error.

    Args:
        param: the request's field that is wrong.
        code: what OpenAI's API calls it, for example ``vector_store_not_found``.
        retry_after: seconds after which it is worth trying again.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.kind = kind or _TYPES.get(status, "rate_limit_error" if status == 429 else "server_error")

    def envelope(self) -> dict[str, Any]:
        """The body: ``{"error": {...}}``."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def not_found(what: str, name: str, *, param: str | None = None) -> ApiError:
    """404 for ``what`` (``vector_store``, ``file``…) of this id."""
    return ApiError(404, f"No {what.replace('_', ' ')} found with id '{name}'.", code=f"{what}_not_found", param=param)


def translated(error: OpenshelfError) -> ApiError:
    """One of the shelf's own errors as the API sends it."""
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return ApiError(status, str(error), code=code, param="filters" if kind is FilterError else None)
    return ApiError(500, str(error), code="server_error")


def answer(error: ApiError) -> JSONResponse:
    """An error as it is sent."""
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return JSONResponse(error.envelope(), error.status, headers=headers)
