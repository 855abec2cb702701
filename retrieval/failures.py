"""Say what a failed Responses call means and what to do next, without any secret in it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from configs.errors import AnswerError
from configs.schema import Answer

_KEY_LIKE = re.compile(r"\b(sk|pk|key)-[\w*.…-]{3,}|(?<=Bearer )\S+")
_MAX_DETAIL = 300


class CallFailed(Exception):
    """A call to the provider did not give an answer; carries what the user is told.

    Args:
        billed: the provider may have charged for it: it had the request when things went wrong.
    """

    def __init__(self, error: AnswerError, *, billed: bool) -> None:
        super().__init__(str(error))
        self.error, self.billed = error, billed


def explain(error: Exception, settings: Answer, key: str | None) -> CallFailed:
    """Translate an exception of the ``openai`` package (or of its JSON reading)."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return _by_status(error, settings, key)
    server = place(str(error.request.url)) if isinstance(error, openai.APIError) else "The provider"
    if isinstance(error, openai.APITimeoutError):
        return _failed(
            f"{server} did not answer within {settings.timeout:g} s.",
            "Raise answer.timeout, or lower context.budget or answer.max_output_tokens.",
            billed=True,
        )
    if isinstance(error, openai.APIConnectionError):
        if _never_connected(error):
            return _failed(
                f"{server} cannot be reached.",
                "Check answer.base_url (or $OPENAI_BASE_URL), the network and the proxy.",
                billed=False,
            )
        return _failed(f"The connection to {server} broke off before the answer was whole.", "Ask again.", billed=True)
    detail = redact(str(error), key)
    return _failed(
        f"{server} sent something that is no Responses answer: {detail}",
        "Check that answer.base_url is an OpenAI-compatible server with /responses.",
        billed=True,
    )


def redact(text: str, key: str | None) -> str:
    """``text`` shortened, without ``key`` and whatever looks like one."""
    if key:
        text = text.replace(key, "…")
    text = " ".join(_KEY_LIKE.sub("…", text).split())
    return text if len(text) <= _MAX_DETAIL else text[: _MAX_DETAIL - 1] + "…"


def place(url: str) -> str:
    """Scheme, host and port of ``url``: what a message may show of it."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _by_status(error: object, settings: Answer, key: str | None) -> CallFailed:
    import openai

    if not isinstance(error, openai.APIStatusError):
        raise TypeError(f"{type(error).__name__} has no status")
    server, status = place(str(error.request.url)), error.status_code
    detail = redact(error.body.get("message", "") if isinstance(error.body, dict) else error.message, key)
    told = f" It says: {detail}" if detail else ""
    name = "answer.api_key" if settings.api_key is not None else "$OPENAI_API_KEY"
    if status == 401:
        text, hint = "refused the API key.", f"Check {name}; it must belong to {server}."
    elif status == 403:
        text, hint = f"does not allow this key to use {settings.model}.", f"Check the project and rights of {name}."
    elif status == 404:
        text = f"knows no model {settings.model!r}, or no Responses API at this address."
        hint = "Check answer.model and answer.base_url (it usually ends in /v1)."
    elif status == 429 and error.code == "insufficient_quota":
        text, hint = "says that the account has no credit left.", "Add credit or use another key."
    elif status == 429:
        text, hint = "is limiting the rate of requests.", "Wait a little, or raise the account's limits."
    elif status >= 500:
        text, hint = f"failed with HTTP {status}.", "Ask again; the provider's status page may say more."
    else:
        text, hint = (
            f"refused the request with HTTP {status}.",
            "Check answer.model and the answer section of the YAML.",
        )
    return _failed(f"{server} {text}{told}", hint, billed=False)


def _never_connected(error: BaseException) -> bool:
    import httpx2

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx2.ConnectError | httpx2.UnsupportedProtocol):
            return True
        cause = cause.__cause__
    return False


def _failed(message: str, hint: str, *, billed: bool) -> CallFailed:
    return CallFailed(AnswerError(message, hint=hint), billed=billed)
