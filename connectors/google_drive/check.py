"""Whether a ``google-drive`` source can be read, and what to do where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from configs.errors import ConnectorError
from connectors.contract import Reachability
from connectors.google_drive.api import GoogleApi
from connectors.google_drive.credentials import ServiceAccount
from connectors.google_drive.errors import of_all
from connectors.google_drive.kinds import FOLDER, Kind

_NO_FILE = "openshelf-check"
"""An id that no file has: an API that is enabled answers that it is not there."""


def check(
    api: GoogleApi,
    account: ServiceAccount,
    *,
    subject: str | None,
    folders: Sequence[str],
    drives: Callable[[], Mapping[str, str]],
    kinds: Sequence[Kind],
    follow: bool,
) -> Reachability:
    """See ``GoogleDrive.check``.

    Raises:
        ConnectorError: a request was refused; the message says what is missing.
    """
    who = api.account() or subject or account.mail
    places: list[tuple[str, str, str]] = []
    unseen: str | None = None
    for folder in folders:
        item = api.file(folder)
        if item is None:
            return Reachability(
                False,
                f"The folder {folder} is not there, or not shared with {who}.",
                f"In Drive: right-click the folder, Share, and add {who} as a Viewer (or more, see the docs).",
            )
        if item.get("mimeType") != FOLDER:
            return Reachability(False, f"{item.get('name')!r} ({folder}) is no folder.", "Write a folder's id or link.")
        if item.get("trashed"):
            return Reachability(False, f"The folder {item.get('name')!r} is in the trash.", "Restore or remove it.")
        drive = str(item.get("driveId") or "")
        name = str(item.get("name") or folder)
        places.append((str(item["id"]), drive, name))
        if not drive and not item.get("permissions"):
            unseen = name
    places += [(drive, drive, name) for drive, name in drives().items()]
    for place, drive, name in places:
        if follow and drive and not _shows_permissions(api, place):
            unseen = name
    more, count = False, 0
    for name, drive, _ in places[:1]:
        page = api.children([name], drive, None)
        count, more = len(page.get("files") or []), bool(page.get("nextPageToken"))
    if "docs" in kinds:
        _enabled(lambda: api.document(_NO_FILE, outline=True))
    if "sheets" in kinds:
        _enabled(lambda: api.sheets(_NO_FILE))
    if follow and unseen is not None:
        return Reachability(
            False,
            f"{who} may not see who can read {unseen!r}, so its files would be shown to nobody.",
            f"Share it with {who} as an Editor (a shared drive: as Content manager), or set `subject`, "
            "or `permissions: ignore` if all may read it.",
        )
    shown = ", ".join(name for _, _, name in places[:5]) + (", …" if len(places) > 5 else "")
    return Reachability(
        True, f"{who} can read {shown}; {count}{' or more' if more else ''} items in the first of them."
    )


def _shows_permissions(api: GoogleApi, name: str) -> bool:
    try:
        return bool(api.permissions(name))
    except ConnectorError as error:
        if of_all(error) or error.status not in (403, 404):
            raise
        return False


def _enabled(ask: Callable[[], object]) -> None:
    try:
        ask()
    except ConnectorError as error:
        if of_all(error) or error.status not in (400, 403, 404):
            raise
