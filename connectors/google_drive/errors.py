"""What Google's error answers mean: busy, not enabled, not allowed for one file, or wrong credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from configs.errors import AuthError, ConnectorError
from connectors.replies import Again, Reply

_BUSY = frozenset({"userRateLimitExceeded", "rateLimitExceeded", "RATE_LIMIT_EXCEEDED", "sharingRateLimitExceeded"})
_DISABLED = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
_SCOPES = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})

SCOPE = "https://www.googleapis.com/auth/drive.readonly"
"""All that is asked for; Docs and Sheets accept it as well."""

APIS = {"www": "Google Drive API", "docs": "Google Docs API", "sheets": "Google Sheets API"}
"""Names in the Cloud console, by the first label of the host."""

REFUSED = {
    "appNotAuthorizedToFile": "access not granted",
    "insufficientFilePermissions": "access not granted",
    "cannotDownloadFile": "download not allowed",
    "cannotExportFile": "download not allowed",
    "cannotDownloadAbusiveFile": "flagged as abusive",
    "fileNotDownloadable": "unsupported type",
    "downloadQuotaExceeded": "download quota exceeded",
    "exportSizeLimitExceeded": "too large",
}
"""Reasons that concern one file, and the words a skipped document is counted under."""


class Refused(AuthError):
    """Google said no for a reason of its own vocabulary (Drive's guide "Resolve errors").

    Attributes:
        reason: such as ``cannotDownloadFile``.
    """

    def __init__(self, message: str, reason: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint=hint, status=status)
        self.reason = reason


def judge(reply: Reply) -> Again | ConnectorError | None:
    """See ``Judge``. 403 is many things at Google, and only the body says which."""
    if reply.status not in (403, 429):
        return None
    reasons = list(_reasons(reply.body))
    if reply.status == 429 or _BUSY.intersection(reasons):
        return Again(reason="is busy: a limit of requests was reached")
    if "dailyLimitExceeded" in reasons:
        return Refused(
            "Google's quota of requests for today is used up.",
            "dailyLimitExceeded",
            hint="Raise it in the Cloud console (APIs & Services, Quotas) or sync again tomorrow.",
            status=403,
        )
    if _DISABLED.intersection(reasons):
        api = _api(reply)
        return Refused(
            f"The {api} is not enabled in the service account's project.",
            "accessNotConfigured",
            hint=f"Enable it in the Cloud console: APIs & Services, Library, {api}. It takes a few minutes.",
            status=403,
        )
    if _SCOPES.intersection(reasons):
        return Refused(
            "The access token lacks the scope that reading needs.",
            "insufficientPermissions",
            hint=f"Allow the scope {SCOPE} (Admin console: Security, API controls, Domain-wide delegation).",
            status=403,
        )
    known = next((reason for reason in reasons if reason in REFUSED), None)
    if known is not None:
        return Refused(f"{reply.url} was refused: {REFUSED[known]} ({known}).", known, status=403)
    return Refused(f"{reply.url} was refused (status 403).", reasons[0] if reasons else "forbidden", status=403)


def judge_token(reply: Reply) -> Again | ConnectorError | None:
    """The same for the token endpoint (RFC 6749, 5.2: 400 or 401 with ``error``)."""
    if reply.status not in (400, 401, 403) or not isinstance(reply.body, Mapping):
        return None
    error = str(reply.body.get("error", ""))[:100]
    if error == "unauthorized_client":
        hint = f"For `subject`, allow the account's client id the scope {SCOPE}: Admin console, Security, API controls."
    else:
        hint = (
            "Check that the key was not deleted (Cloud console: IAM, Service accounts, Keys) and the machine's clock."
        )
    return AuthError(f"Google gave no access token for the service account ({error}).", hint=hint, status=401)


def of_one_file(error: ConnectorError) -> str | None:
    """Why this one file cannot be had for good (a reason to skip it); ``None`` where it may be a passing fault."""
    if isinstance(error, Refused):
        return REFUSED.get(error.reason, "access not granted" if error.reason not in _OF_ALL else None)
    return None


def of_all(error: ConnectorError) -> bool:
    """Whether every other request would fail for the same reason."""
    return (isinstance(error, Refused) and error.reason in _OF_ALL) or error.status == 401


_OF_ALL = frozenset({"dailyLimitExceeded", "accessNotConfigured", "insufficientPermissions"})


def _api(reply: Reply) -> str:
    if isinstance(reply.body, Mapping):
        for detail in _entries(reply.body.get("error"), "details"):
            service = str((detail.get("metadata") or {}).get("service", ""))
            if service.endswith(".googleapis.com"):
                return APIS.get(service.split(".")[0].replace("drive", "www"), service)
    path = reply.url.split("/", 3)[-1]
    host = "docs" if path.startswith("v1/documents") else "sheets" if path.startswith("v4/") else "www"
    return APIS[host]


def _reasons(body: Any) -> Iterator[str]:
    error = body.get("error") if isinstance(body, Mapping) else None
    for key in ("errors", "details"):
        for entry in _entries(error, key):
            if isinstance(entry.get("reason"), str):
                yield entry["reason"]


def _entries(error: Any, key: str) -> list[Mapping[str, Any]]:
    entries = error.get(key) if isinstance(error, Mapping) else None
    return [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
