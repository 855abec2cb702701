"""What is pulled from Drive: kinds of files by media type and name, and what the settings leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from connectors.conversation import MEDIA_TYPE as CONVERSATION
from connectors.files import MEDIA_TYPES

if TYPE_CHECKING:
    from pathspec import PathSpec

Kind = Literal["docs", "sheets", "slides", "pdf", "office", "text", "markdown", "html", "csv", "images", "mail", "json"]
KINDS: tuple[Kind, ...] = (
    "docs",
    "sheets",
    "slides",
    "pdf",
    "office",
    "text",
    "markdown",
    "html",
    "csv",
    "images",
    "mail",
    "json",
)
"""All kinds, as the option ``kinds`` names them."""

_APPS = "application/vnd.google-apps."
FOLDER = _APPS + "folder"
SHORTCUT = _APPS + "shortcut"
DOCUMENT = _APPS + "document"
SPREADSHEET = _APPS + "spreadsheet"
PRESENTATION = _APPS + "presentation"
POWERPOINT = MEDIA_TYPES[".pptx"]
CSV = "text/csv"

_GOOGLE: dict[str, Kind] = {DOCUMENT: "docs", SPREADSHEET: "sheets", PRESENTATION: "slides"}
_BY_TYPE: dict[str, Kind] = {
    "application/pdf": "pdf",
    MEDIA_TYPES[".docx"]: "office",
    MEDIA_TYPES[".pptx"]: "office",
    MEDIA_TYPES[".xlsx"]: "office",
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/html": "html",
    CSV: "csv",
    "text/tab-separated-values": "csv",
    "image/png": "images",
    "image/jpeg": "images",
    "image/tiff": "images",
    "message/rfc822": "mail",
    CONVERSATION: "json",
}
_VAGUE = frozenset({"", "application/octet-stream", "text/plain", "application/json", "text/x-markdown"})
"""Types that Drive gives where it does not know better; the name's extension says more."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is read."""

    kind: Kind
    media_type: str


def format_of(item: Mapping[str, Any]) -> Format | None:
    """The format of a file; ``None`` where it cannot be read."""
    given = str(item.get("mimeType") or "")
    if given in _GOOGLE:
        return Format(_GOOGLE[given], given)
    suffix = PurePosixPath(str(item.get("name") or "")).suffix.lower()
    if given in _VAGUE:
        given = CSV if suffix in (".csv", ".tsv") else MEDIA_TYPES.get(suffix, given)
    kind = _BY_TYPE.get(given)
    return Format(kind, given) if kind else None


class Selection:
    """What the settings leave out.

    Args:
        include, exclude: gitignore patterns on the path below the chosen folder, its name first.
        modified_since: files that were last modified before it are left out.
    """

    def __init__(
        self,
        *,
        kinds: Sequence[Kind],
        include: Sequence[str],
        exclude: Sequence[str],
        modified_since: date | None,
        max_bytes: int,
    ) -> None:
        self._kinds = frozenset(kinds)
        self._include, self._exclude = patterns(include), patterns(exclude)
        self._since = modified_since.isoformat() if modified_since else ""
        self._max_bytes = max_bytes

    def reason(self, item: Mapping[str, Any], path: Sequence[str], found: Format | None) -> str | None:
        """Why a file is left out, in the words it is counted under; ``None`` where it is not."""
        shown = "/".join(part.replace("/", "_") for part in [*path, str(item.get("name") or "")])
        google = found is not None and found.media_type in _GOOGLE
        size = int(item.get("size") or 0)
        if self._include and not self._include.match_file(shown):
            return "not included"
        if self._exclude and self._exclude.match_file(shown):
            return "excluded"
        if found is None:
            return "unsupported type"
        if found.kind not in self._kinds:
            return "kind not chosen"
        if str(item.get("modifiedTime") or "") < self._since:
            return "older than modified_since"
        if (item.get("capabilities") or {}).get("canDownload") is False:
            return "download not allowed"
        if not google and item.get("size") is not None and size == 0:
            return "empty"
        return "too large" if not google and size > self._max_bytes else None


def patterns(lines: Sequence[str]) -> PathSpec[Any] | None:
    """Compiled gitignore patterns; ``None`` where there are none.

    Raises:
        ValueError: a pattern cannot be read.
    """
    if not lines:
        return None
    from pathspec import PathSpec

    return PathSpec.from_lines("gitignore", lines)
