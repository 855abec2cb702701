"""Source type ``google-drive``: files in chosen folders and shared drives, read with a service account.

Changes come from Drive's logs, one for each drive; see ``crawl`` for the order of a run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from configs.errors import ConnectorError, OpenshelfError
from connectors.addresses import configured_url
from connectors.api_options import ApiOptions
from connectors.contract import Change, Connector, Cursor, Reachability
from connectors.google_drive.api import DOCS_URL, DRIVE_URL, SHEETS_URL, GoogleApi
from connectors.google_drive.check import check
from connectors.google_drive.content import Content, SheetRules
from connectors.google_drive.crawl import Crawl
from connectors.google_drive.credentials import ServiceAccount
from connectors.google_drive.errors import judge
from connectors.google_drive.files import Files
from connectors.google_drive.kinds import KINDS, Kind, Selection, patterns
from connectors.google_drive.readers import Readers
from connectors.google_drive.state import State
from connectors.http import HttpClient
from connectors.retry import shared_budget

_FOLDER_URL = re.compile(r"/folders/([\w-]+)|[?&]id=([\w-]+)")
_ID = re.compile(r"[\w-]+")


class GoogleDriveOptions(ApiOptions):
    """The YAML keys of a ``google-drive`` source."""

    service_account_file: str | None = Field(None, description="Path of the key file, from the YAML file's folder.")
    service_account_json: SecretStr | None = Field(
        None, description="The key file's text: `${GOOGLE_SERVICE_ACCOUNT}`."
    )
    subject: str | None = Field(None, description="Mail of the user to act for, with domain-wide delegation.")
    folders: list[str] = Field(
        default_factory=list, description="Folders by id or link; `root` is the My Drive of `subject`."
    )
    shared_drives: list[str] = Field(default_factory=list, description="Shared drives by id or name.")
    include: list[str] = Field(default_factory=list, description="Only files that match one (gitignore patterns).")
    exclude: list[str] = Field(default_factory=list, description="No file that matches one (gitignore patterns).")
    kinds: list[Kind] = Field(default_factory=lambda: list(KINDS), min_length=1, description="Kinds of files to read.")
    modified_since: date | None = Field(None, description="Only files modified on this day or later (UTC).")
    sheets: Literal["rows", "table"] = Field(
        "rows", description="Spreadsheets and CSV files: a document for each row, or one for each tab."
    )
    key: str | None = Field(None, description="Column that identifies a row for good, in the tables that have it.")
    header_row: int = Field(1, ge=1, description="The row with the columns' names; rows above are not read.")
    hidden_sheets: bool = Field(False, description="Read hidden tabs as well.")
    max_rows: int = Field(50_000, gt=0, description="A file with more rows is left out.")
    permissions: Literal["follow", "ignore"] = Field(
        "follow", description="`ignore`: whoever may search this source may find all of it."
    )
    link_means_public: bool = Field(
        False, description="`Anyone with the link` (or a domain with the link) may find the file as well."
    )
    sheets_requests_per_minute: int = Field(60, ge=1, description="Google's quota for Sheets is 60 a minute.")
    api_url: str = Field(DRIVE_URL, description="Where Drive, Docs and Sheets are asked, for a proxy.")

    unscoped: ClassVar[frozenset[str]] = ApiOptions.unscoped | {
        "service_account_file",
        "service_account_json",
        "sheets_requests_per_minute",
        "api_url",
    }

    @field_validator("api_url")
    @classmethod
    def _safe_url(cls, url: str) -> str:
        return configured_url(url).rstrip("/")

    @field_validator("folders")
    @classmethod
    def _folder_ids(cls, folders: list[str]) -> list[str]:
        return list(dict.fromkeys(_folder_id(folder) for folder in folders))

    @field_validator("shared_drives")
    @classmethod
    def _drive_names(cls, drives: list[str]) -> list[str]:
        if not all(drive.strip() for drive in drives):
            raise ValueError("a shared drive is its name or its id")
        return list(
            dict.fromkeys(_folder_id(drive) if "drive.google.com/" in drive else drive.strip() for drive in drives)
        )

    @field_validator("include", "exclude")
    @classmethod
    def _readable_patterns(cls, lines: list[str]) -> list[str]:
        patterns(lines)
        return lines

    @field_validator("subject")
    @classmethod
    def _a_mail(cls, subject: str | None) -> str | None:
        if subject is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", subject):
            raise ValueError("subject is the mail address of a user of your domain")
        return subject

    @model_validator(mode="after")
    def _combinations(self) -> GoogleDriveOptions:
        if (self.service_account_file is None) == (self.service_account_json is None):
            raise ValueError("give either service_account_file or service_account_json")
        if not self.folders and not self.shared_drives:
            raise ValueError("give folders or shared_drives")
        return self


class GoogleDrive:
    """Reads one ``google-drive`` source. Its cursor is a ``State``."""

    def __init__(self, name: str, options: GoogleDriveOptions, *, base_dir: Path) -> None:
        self.name = name
        self.options = options
        path = options.service_account_file
        self._key = base_dir.absolute() / Path(path).expanduser() if path is not None else None

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """Yield what changed.

        Raises:
            ConnectorError: the key, an API, or one of the chosen folders and drives cannot be used.
        """
        options = self.options
        state = State.load(cursor, options.scope())
        with self._open() as (api, _):
            readers = None
            if options.permissions == "follow":
                readers = Readers(api.permissions, link_means_public=options.link_means_public, now=time.time())
            files = Files(api, state, selection=self._selection(), content=self._content(api), readers=readers)
            crawl = Crawl(
                api,
                state,
                files,
                roots=self._roots(api),
                drives=self._chosen_drives(lambda: files.drives),
                sweep_seconds=options.sweep_seconds,
            )
            yield from crawl.run()

    def check(self) -> Reachability:
        """Get a token, look at each folder and drive and at one page of files, and ask each API that is needed."""
        try:
            with self._open() as (api, account):
                return check(
                    api,
                    account,
                    subject=self.options.subject,
                    folders=self.options.folders,
                    drives=lambda: self._chosen_drives(api.drives),
                    kinds=self.options.kinds,
                    follow=self.options.permissions == "follow",
                )
        except OpenshelfError as error:
            return Reachability(False, error.message, error.hint)

    @contextmanager
    def _open(self) -> Iterator[tuple[GoogleApi, ServiceAccount]]:
        options = self.options
        account = ServiceAccount.read(self._key, options.service_account_json)
        credentials = account.credentials(subject=options.subject, api_url=options.api_url, timeout=options.timeout)
        own = options.api_url == DRIVE_URL
        payer = f"google:{account.mail}:{options.subject or ''}"
        with HttpClient(
            options.api_url + "/",
            allowed_hosts=[url.removeprefix("https://") for url in (DOCS_URL, SHEETS_URL)] if own else [],
            credentials=credentials,
            judge=judge,
            timeout=options.timeout,
            max_bytes=options.max_bytes,
            budget=shared_budget(payer, options.requests_per_minute),
            allow_private=options.allow_private_network,
        ) as client:
            sheets = shared_budget(f"{payer}:sheets", options.sheets_requests_per_minute)
            yield GoogleApi(client, options.api_url, sheets=sheets), account

    def _roots(self, api: GoogleApi) -> list[str]:
        roots = []
        for folder in self.options.folders:
            item = api.file(folder) if folder == "root" else {"id": folder}
            if item is None:
                raise ConnectorError("The account has no My Drive.", hint="Name folders by their id, or set `subject`.")
            roots.append(str(item["id"]))
        return roots

    def _chosen_drives(self, seen: Callable[[], dict[str, str]]) -> dict[str, str]:
        """Names by id of the shared drives that are chosen.

        Raises:
            ConnectorError: the account is no member of one, or its name is not unique.
        """
        if not self.options.shared_drives:
            return {}
        known = seen()
        chosen: dict[str, str] = {}
        for wanted in self.options.shared_drives:
            found = [wanted] if wanted in known else [one for one, name in known.items() if name == wanted]
            if not found:
                raise ConnectorError(
                    f"The account is no member of a shared drive {wanted!r}.",
                    hint=f"Add it in Drive: open the shared drive, Manage members. It sees: {_shown(known)}.",
                )
            if len(found) > 1:
                raise ConnectorError(
                    f"{len(found)} shared drives are called {wanted!r}.", hint=f"Write an id: {', '.join(found)}."
                )
            chosen[found[0]] = known[found[0]]
        return chosen

    def _selection(self) -> Selection:
        options = self.options
        return Selection(
            kinds=options.kinds,
            include=options.include,
            exclude=options.exclude,
            modified_since=options.modified_since,
            max_bytes=options.max_bytes,
        )

    def _content(self, api: GoogleApi) -> Content:
        options = self.options
        return Content(
            api,
            SheetRules(
                sheets=options.sheets,
                key=options.key,
                header_row=options.header_row,
                hidden=options.hidden_sheets,
                max_rows=options.max_rows,
                max_bytes=options.max_bytes,
            ),
        )


class _GoogleDriveType:
    options = GoogleDriveOptions

    def build(self, name: str, options: GoogleDriveOptions, *, base_dir: Path) -> Connector:
        return GoogleDrive(name, options, base_dir=base_dir)


connector = _GoogleDriveType()


def _folder_id(text: str) -> str:
    """The id in a link to a folder, or the id itself.

    Raises:
        ValueError: it is neither.
    """
    plain = text.strip()
    found = _FOLDER_URL.search(plain) if "/" in plain else None
    name = (found[1] or found[2]) if found else plain
    if not _ID.fullmatch(name):
        raise ValueError(f"{text!r} is no folder; write its id or its link, https://drive.google.com/drive/folders/…")
    return name


def _shown(drives: dict[str, str]) -> str:
    return ", ".join(sorted(drives.values())[:10]) or "none"
