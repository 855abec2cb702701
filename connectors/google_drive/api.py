"""The requests that are made to Drive v3, Docs v1 and Sheets v4; nothing here knows what they are for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from configs.errors import ConnectorError
from connectors.http import Fetched, HttpClient
from connectors.retry import RateBudget
from connectors.trail import Trail

DRIVE_URL = "https://www.googleapis.com"
DOCS_URL = "https://docs.googleapis.com"
SHEETS_URL = "https://sheets.googleapis.com"

PAGE_SIZE = 100
"""Items of a listing. Drive gives at most 100 where permissions are asked for."""

_PERMISSION = "id,type,role,emailAddress,domain,allowFileDiscovery,deleted,expirationTime,view,permissionDetails"
FILE_FIELDS = (
    "id,name,mimeType,parents,driveId,trashed,md5Checksum,modifiedTime,createdTime,size,webViewLink,"
    "owners(emailAddress),permissionIds,hasAugmentedPermissions,inheritedPermissionsDisabled,"
    f"shortcutDetails(targetId,targetMimeType),capabilities(canDownload),permissions({_PERMISSION})"
)
"""Asked of each item; ``version`` and times of viewing are not: they change without an edit."""

_OUTLINE = "tabs(tabProperties(tabId),childTabs(tabProperties(tabId)))"
_SHEETS = "sheets.properties(sheetId,title,index,sheetType,hidden,gridProperties(rowCount,columnCount))"


class GoogleApi:
    """One account's view of Drive.

    Args:
        client: carries the credentials.
        api_url: takes the place of all three hosts where it is not Drive's own.
        sheets: requests to Sheets have a much smaller quota of their own.
    """

    def __init__(self, client: HttpClient, api_url: str, *, sheets: RateBudget) -> None:
        own = api_url.rstrip("/")
        custom = own != DRIVE_URL
        self._client = client
        self._drive = f"{own}/drive/v3"
        self._docs = (own if custom else DOCS_URL) + "/v1/documents"
        self._sheets = (own if custom else SHEETS_URL) + "/v4/spreadsheets"
        self._sheets_budget = sheets

    def account(self) -> str:
        """The mail of the account that the token is for (``about.get``)."""
        return str((self._get("about", fields="user(emailAddress)").get("user") or {}).get("emailAddress") or "")

    def drives(self) -> dict[str, str]:
        """The names of the shared drives that the account is a member of, by id."""
        found = self._all("drives", "drives", fields="nextPageToken,drives(id,name)", pageSize=100)
        return {str(drive["id"]): str(drive.get("name") or "") for drive in found}

    def start_token(self, drive: str) -> str:
        """Where the log of changes of a drive (``""``: the account's own) ends now."""
        more = {"driveId": drive} if drive else {}
        return str(self._get("changes/startPageToken", supportsAllDrives="true", **more)["startPageToken"])

    def changes(self, drive: str, token: str) -> dict[str, Any]:
        """One page of a log of changes."""
        more = {"driveId": drive} if drive else {}
        return self._get(
            "changes",
            pageToken=token,
            pageSize=PAGE_SIZE,
            supportsAllDrives="true",
            includeItemsFromAllDrives="true",
            includeRemoved="true",
            fields=f"nextPageToken,newStartPageToken,changes(changeType,removed,fileId,driveId,file({FILE_FIELDS}))",
            **more,
        )

    def children(self, folders: Sequence[str], drive: str, token: str | None) -> dict[str, Any]:
        """One page of what is directly in ``folders``, all of them in ``drive``, without the trash."""
        parents = " or ".join(f"'{_quoted(folder)}' in parents" for folder in folders)
        more: dict[str, str] = {"corpora": "drive", "driveId": drive} if drive else {"corpora": "user"}
        if token:
            more["pageToken"] = token
        return self._get(
            "files",
            q=f"({parents}) and trashed = false",
            pageSize=PAGE_SIZE,
            supportsAllDrives="true",
            includeItemsFromAllDrives="true",
            fields=f"nextPageToken,files({FILE_FIELDS})",
            **more,
        )

    def file(self, name: str) -> dict[str, Any] | None:
        """One item; ``None`` where it is gone or not shared with the account (Drive does not tell these apart)."""
        try:
            return self._get(f"files/{_part(name)}", supportsAllDrives="true", fields=FILE_FIELDS)
        except ConnectorError as error:
            if error.status == 404:
                return None
            raise

    def permissions(self, name: str) -> list[dict[str, Any]]:
        """All permissions of a file or a shared drive, inherited ones included."""
        return list(
            self._all(
                f"files/{_part(name)}/permissions",
                "permissions",
                fields=f"nextPageToken,permissions({_PERMISSION})",
                pageSize=100,
                supportsAllDrives="true",
            )
        )

    def export(self, name: str, media_type: str) -> Fetched:
        """A Google document in another format; at most 10 MB."""
        return self._client.get_bytes(f"{self._drive}/files/{_part(name)}/export", params={"mimeType": media_type})

    def download(self, name: str) -> bytes:
        """A file's own bytes."""
        params = {"alt": "media", "supportsAllDrives": "true"}
        return self._client.get_bytes(f"{self._drive}/files/{_part(name)}", params=params).content

    def document(self, name: str, *, outline: bool = False) -> dict[str, Any]:
        """A document with all of its tabs (``outline``: only which tabs there are)."""
        params = {"includeTabsContent": "true"}
        # An editor would be given suggestions as if they were text.
        params |= {"fields": _OUTLINE} if outline else {"suggestionsViewMode": "PREVIEW_WITHOUT_SUGGESTIONS"}
        return _object(self._client.get_json(f"{self._docs}/{_part(name)}", params=params), "Docs")

    def sheets(self, name: str) -> list[dict[str, Any]]:
        """The properties of a spreadsheet's tabs, in their order."""
        answer = self._client.get_json(
            f"{self._sheets}/{_part(name)}", params={"fields": _SHEETS}, budget=self._sheets_budget
        )
        found = [sheet.get("properties") or {} for sheet in _object(answer, "Sheets").get("sheets") or []]
        return sorted(found, key=lambda sheet: int(sheet.get("index", 0)))

    def values(self, name: str, ranges: Sequence[str]) -> list[list[list[Any]]]:
        """The cells of ``ranges`` as people see them, row by row; empty ends are left out."""
        answer = self._client.get_json(
            f"{self._sheets}/{_part(name)}/values:batchGet",
            params={"ranges": list(ranges), "majorDimension": "ROWS", "valueRenderOption": "FORMATTED_VALUE"},
            budget=self._sheets_budget,
        )
        return [one.get("values") or [] for one in _object(answer, "Sheets").get("valueRanges") or []]

    def _all(self, path: str, key: str, **params: str | int) -> Iterator[dict[str, Any]]:
        trail, token = Trail(f"Google Drive's {key}"), ""
        while True:
            trail.step(token)
            answer = self._get(path, **params, **({"pageToken": token} if token else {}))
            yield from answer.get(key) or []
            token = str(answer.get("nextPageToken") or "")
            if not token:
                return

    def _get(self, path: str, **params: str | int) -> dict[str, Any]:
        return _object(self._client.get_json(f"{self._drive}/{path}", params=params), "Drive")


def _object(answer: Any, api: str) -> dict[str, Any]:
    if not isinstance(answer, Mapping):
        raise ConnectorError(f"The Google {api} API answered with something that is no object.")
    return dict(answer)


def _part(name: str) -> str:
    return quote(name, safe="")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
