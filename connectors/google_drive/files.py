"""Decides for one file of Drive whether it has to be read, reads it, and remembers what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, TypeAlias

from configs.errors import ConnectorError
from connectors.contract import Change, Delete, Failed, MetaValue, Skipped
from connectors.google_drive.api import GoogleApi
from connectors.google_drive.content import Content, Described, LeftOut, Outdated
from connectors.google_drive.errors import of_all, of_one_file
from connectors.google_drive.kinds import Format, Selection, format_of
from connectors.google_drive.readers import Readers
from connectors.google_drive.state import File, State, document_id, pack, unpack
from connectors.times import time_of
from connectors.version import digest

Work: TypeAlias = Callable[[], Iterator[Change]]
"""Reads one file, or drops what there is of it."""

_FAILURES = 5
"""Files that may fail one after the other before it is asked whether all of Drive fails."""

_TRIES = 3


class Files:
    """The files of one run.

    Args:
        readers: ``None`` where the settings let everybody read.
    """

    def __init__(
        self, api: GoogleApi, state: State, *, selection: Selection, content: Content, readers: Readers | None
    ) -> None:
        self._api, self._state = api, state
        self._selection, self._content, self._readers = selection, content, readers
        self._failures = 0

    @cached_property
    def drives(self) -> dict[str, str]:
        """The names of the shared drives that the account is a member of, by id; asked for once a run."""
        return self._api.drives()

    def members(self, drive: str) -> str:
        """A digest of who is a member of a shared drive."""
        if self._readers is None:
            return ""
        try:
            found = self._api.permissions(drive)
        except ConnectorError as error:
            if of_all(error) or error.status not in (403, 404):
                raise
            return "unknown"
        keys = ("id", "type", "role", "emailAddress", "domain", "deleted", "expirationTime", "allowFileDiscovery")
        return digest(sorted([str(one.get(key)) for key in keys] for one in found))

    def plan(self, item: Mapping[str, Any], parent: str, path: Sequence[str], *, tries: int = _TRIES) -> Work | None:
        """What has to be done for a file in scope: ``None`` where nothing changed.

        Args:
            item: its resource, as fresh as can be: its content is read after it.
            path: names of the folders it is in.

        Raises:
            ConnectorError: Drive fails as a whole.
        """
        state, name = self._state, str(item["id"])
        known = state.files.get(name)
        found = format_of(item)
        reason = self._selection.reason(item, path, found)
        if reason is not None or found is None:
            entry = File("-", "", parent, state.round, [], reason or "unsupported type")
            if known is not None and not known.documents and known.reason == entry.reason and not state.sweep:
                state.files[name] = entry
                return None
            return partial(self._leave_out, item, entry)
        try:
            readers, until = self._readers.of(item) if self._readers else (None, None)
        except ConnectorError as error:
            entry = File("", "unknown", parent, state.round, [])
            return partial(self._passing, error, self._described(item, path, frozenset()), entry, {})
        about = self._described(item, path, readers)
        access = digest(None if readers is None else sorted(readers))
        stamp = digest([item.get("md5Checksum") or item.get("modifiedTime"), item.get("mimeType")])
        stamp += "-" + digest([about.title, about.url, dict(about.metadata), access])
        state.expiring.pop(name, None)
        if until is not None:
            state.expiring[name] = until
        if known is not None and known.stamp == stamp:
            known.round, known.parent = state.round, parent
            if known.reason and state.sweep:
                return partial(self._leave_out, item, known)
            return None
        return partial(self._fetch, item, found, about, File(stamp, access, parent, state.round, []), path, tries)

    def _fetch(
        self,
        item: Mapping[str, Any],
        found: Format,
        about: Described,
        entry: File,
        path: Sequence[str],
        tries: int,
    ) -> Iterator[Change]:
        made: dict[str, None] = {}
        try:
            for suffix, change in self._content.documents(item, found, about):
                made[suffix] = None
                yield change
        except LeftOut as left:
            entry.reason = str(left)
            yield from self._leave_out(item, entry, made)
        except Outdated as error:
            fresh = self._api.file(about.id)
            if fresh is None or fresh.get("trashed"):
                yield from self._gone(about.id, made)
            elif tries > 1:
                again = self.plan(fresh, entry.parent, path, tries=tries - 1)
                yield from again() if again else ()
            else:
                yield from self._failed(error.message, "fetch", about, entry, made)
        except ConnectorError as error:
            if of_all(error):
                raise
            reason = of_one_file(error)
            if reason is not None:
                entry.reason = reason
                yield from self._leave_out(item, entry, made)
            elif error.status in (404, 410):
                yield from self._gone(about.id, made)
            else:
                yield from self._passing(error, about, entry, made)
                return
        except ValueError as error:
            yield from self._failed(f"The file is left out: {error}.", "decode", about, entry, made)
        else:
            yield from self._settled(about.id, entry, made)
        self._failures = 0

    def _settled(self, name: str, entry: File, made: Mapping[str, None]) -> Iterator[Change]:
        """All of the file was read: what it had before and has no more is gone."""
        known = self._state.files.get(name)
        for suffix in unpack(known.documents) if known else ():
            if suffix not in made:
                yield Delete(document_id(name, suffix))
        entry.documents = pack(made)
        self._state.files[name] = entry

    def _leave_out(
        self, item: Mapping[str, Any], entry: File, made: Mapping[str, None] | None = None
    ) -> Iterator[Change]:
        name = str(item["id"])
        known = self._state.files.get(name)
        self._state.files[name] = entry
        self._state.expiring.pop(name, None)
        before = dict.fromkeys(unpack(known.documents)) if known else {}
        for suffix in {**before, **(made or {})}:
            if suffix:
                yield Delete(document_id(name, suffix))
        if known is None or known.reason != entry.reason or before or self._state.sweep:
            yield Skipped(name, entry.reason, str(item.get("name") or name), item.get("webViewLink"))

    def _passing(
        self, error: ConnectorError, about: Described, entry: File, made: Mapping[str, None]
    ) -> Iterator[Change]:
        """A fault that may be of this file alone, or the first of many."""
        if of_all(error):
            raise error
        self._failures += 1
        if self._failures >= _FAILURES:
            # Some files always fail at Google; that must not stop the others for ever.
            self._api.account()
            self._failures = 0
        yield from self._failed(str(error), "fetch", about, entry, made)

    def _failed(
        self, error: str, step: str, about: Described, entry: File, made: Mapping[str, None]
    ) -> Iterator[Change]:
        known = self._state.files.get(about.id)
        before = dict.fromkeys(unpack(known.documents)) if known else {}
        if known is not None and known.access != entry.access:
            # The old text may not stay visible to those who could read it before.
            for suffix in before:
                yield Delete(document_id(about.id, suffix))
            before = {}
        entry.stamp, entry.documents = "", pack({**before, **made, "": None})
        self._state.files[about.id] = entry
        yield Failed(about.id, error, step=step, title=about.title, url=about.url)

    def _gone(self, name: str, made: Mapping[str, None]) -> Iterator[Change]:
        known = self._state.files.pop(name, None)
        self._state.expiring.pop(name, None)
        for suffix in {**dict.fromkeys(unpack(known.documents) if known else ()), **made}:
            yield Delete(document_id(name, suffix))

    def _described(self, item: Mapping[str, Any], path: Sequence[str], readers: frozenset[str] | None) -> Described:
        drive = str(item.get("driveId") or "")
        owner = next((one.get("emailAddress") for one in item.get("owners") or []), None)
        metadata: dict[str, MetaValue] = {"mime_type": str(item.get("mimeType") or "")}
        name = self.drives.get(drive) if drive else "My Drive"
        if name:
            metadata["drive"] = name
        if path:
            metadata["folder"], metadata["folders"] = "/".join(path), list(path)
        if owner:
            metadata["owner"] = str(owner).lower()
        for key, field in (("modified", "modifiedTime"), ("created", "createdTime")):
            when = time_of(item.get(field))
            if when is not None:
                metadata[key] = when
        title = str(item.get("name") or "").strip() or "Untitled"
        return Described(str(item["id"]), title, item.get("webViewLink") or None, readers, metadata)
