"""Source type ``openai-vector-stores``: the files of OpenAI's vector stores, the way out of File Search.

The lists have no filter by time of change, so each run lists every store and reads the files whose entry changed.
A document is a file in a store: attributes, chunks and status belong to that pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from configs.errors import AuthError, ConnectorError
from connectors.contract import (
    Change,
    Checkpoint,
    Complete,
    Connector,
    Cursor,
    Delete,
    Expected,
    Failed,
    Reachability,
    Skipped,
    Upsert,
)
from connectors.openai_vector_stores.api import Api
from connectors.openai_vector_stores.document import FileReader
from connectors.openai_vector_stores.options import VectorStoresOptions
from connectors.version import digest

_BROKEN = 5
"""Files in a row that cannot be fetched: then it is the source that fails, and not one file."""

_RESTARTS = 5
"""How often a list is begun again whose next page started behind a file that was detached meanwhile."""


class VectorStores:
    """Reads one ``openai-vector-stores`` source.

    Its cursor holds a digest of the options and, for each file that was delivered, one of its entry: about 55
    bytes a file.
    """

    def __init__(self, name: str, options: VectorStoresOptions) -> None:
        self.name = name
        self.options = options

    def changes(self, cursor: Cursor | None) -> Iterator[Change]:
        """List all stores, yield the files that changed, and then the complete listing.

        Raises:
            AuthError: the key is refused or lacks a permission.
            ConnectorError: a list cannot be read, or a store that the options name is not there.
        """
        scope = self.options.scope()
        old = cursor if cursor and cursor.get("scope") == scope else {}
        with Api(self.options) as api:
            stores = self._chosen(api)
            if not old:
                yield Expected(sum(_count(store) for store in stores if not _expired(store)))
            run = _Run(api, self.options, old.get("stamps", {}))
            for store in stores:
                if _expired(store):
                    yield Skipped(store["id"], "expired store", title=_name(store))
                    continue
                for page in _pages(api, store["id"]):
                    news = False
                    for entry in page:
                        for change in run.file(store, entry):
                            news = True
                            yield change
                    if news:
                        yield Checkpoint({"scope": scope, "stamps": run.state()})
        # Before the deletions: what comes back after them must not count as delivered.
        yield Checkpoint({"scope": scope, "stamps": run.listed()})
        yield Complete(frozenset(f"{store}/{file}" for store, files in run.seen.items() for file in files))

    def check(self) -> Reachability:
        """Look whether the key is accepted, the stores are there, and files and their names can be read."""
        try:
            with Api(self.options) as api:
                stores = self._chosen(api)
                alive = [store for store in stores if not _expired(store)]
                entry = next((entry for store in alive for page in api.files(store["id"]) for entry in page[:1]), None)
                if entry:
                    api.about(entry["id"])
        except ConnectorError as error:
            return Reachability(False, error.message, error.hint)
        files = sum(map(_count, alive))
        host = urlsplit(self.options.base_url).hostname
        detail = f"{len(alive)} vector {'store' if len(alive) == 1 else 'stores'} with {files:,} files at {host}"
        expired = len(stores) - len(alive)
        return Reachability(True, f"{detail}; {expired} expired." if expired else f"{detail}.")

    def _chosen(self, api: Api) -> list[dict[str, Any]]:
        stores = list(api.stores())
        wanted = self.options.stores
        if not wanted:
            return stores
        for name in wanted:
            if not any(name in (store["id"], store.get("name")) for store in stores):
                names = ", ".join(repr(_name(store)) for store in stores[:10])
                raise ConnectorError(
                    f"There is no vector store {name!r}.",
                    hint=f"The key sees {names or 'none'}; take it out of `stores`, or set `project`.",
                )
        return [store for store in stores if store["id"] in wanted or store.get("name") in wanted]


def _pages(api: Api, store: str) -> Iterator[list[dict[str, Any]]]:
    """The pages of a store's files, from the start again where the list lost its thread.

    A page is asked for by the last file of the one before; when that was detached meanwhile, there is no such page.
    """
    for restart in range(_RESTARTS + 1):
        read = 0
        try:
            for page in api.files(store):
                yield page
                read += 1
        except ConnectorError as error:
            if error.status == 404 and not api.has_store(store):
                return  # deleted since the stores were listed
            if error.status not in (400, 404) or not read or restart == _RESTARTS:
                raise
        else:
            return


class _Run:
    """One run: what was delivered, by store and file, and what the lists have.

    Attributes:
        seen: the files that the lists have and that are on the shelf or will be, by store.
    """

    def __init__(self, api: Api, options: VectorStoresOptions, stamps: Mapping[str, Mapping[str, str]]) -> None:
        self._api = api
        self._reader = FileReader(api, options)
        self._stamps = {store: dict(files) for store, files in stamps.items()}
        self._broken = 0
        self.seen: dict[str, set[str]] = {}

    def state(self) -> dict[str, dict[str, str]]:
        """What was delivered, for the cursor."""
        return {store: dict(files) for store, files in self._stamps.items()}

    def listed(self) -> dict[str, dict[str, str]]:
        """``state`` without what the lists do not have any more."""
        return {
            store: {file: stamp for file, stamp in self._stamps.get(store, {}).items() if file in files}
            for store, files in self.seen.items()
        }

    def file(self, store: Mapping[str, Any], entry: Mapping[str, Any]) -> Iterator[Change]:
        """What became of one entry of a list; nothing where it is as it was.

        Raises:
            AuthError: the key is refused or lacks a permission.
            ConnectorError: one file after the other cannot be fetched.
        """
        file, name = entry["id"], f"{store['id']}/{entry['id']}"
        stamps, seen = self._stamps.setdefault(store["id"], {}), self.seen.setdefault(store["id"], set())
        status, stamp = entry.get("status"), _stamp(store, entry)
        seen.add(file)
        if status == "completed" and stamps.get(file) == stamp:
            return
        stamps.pop(file, None)
        if status in ("in_progress", "cancelled"):
            seen.discard(file)
            yield Skipped(name, "not yet processed" if status == "in_progress" else "cancelled")
            return
        if status != "completed":
            yield Failed(name, f"OpenAI could not process the file: {_why(entry)}.")
            return
        try:
            document = self._reader.read(store, entry)
        except AuthError:
            raise
        except ValueError as error:
            yield Failed(name, f"{file}: {error}.", step="decode")
        except ConnectorError as error:
            if error.status == 404 and not self._api.has_file(store["id"], file):
                seen.discard(file)
                yield Delete(name)
                return
            self._broken += 1
            if self._broken >= _BROKEN:
                raise
            yield Failed(name, str(error))
        else:
            self._broken = 0
            stamps[file] = stamp
            yield Upsert(document)


def _stamp(store: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """A digest of everything that the list says of a file; the uploaded bytes themselves never change."""
    told = [entry.get(key) for key in ("created_at", "usage_bytes", "attributes", "chunking_strategy")]
    return digest([_name(store), *told])[:16]


def _why(entry: Mapping[str, Any]) -> str:
    error = entry.get("last_error")
    message = str(error.get("message") or error.get("code") or "") if isinstance(error, dict) else ""
    return message.strip().rstrip(".")[:300] or f"its status is {entry.get('status')!r}"


def _expired(store: Mapping[str, Any]) -> bool:
    return store.get("status") == "expired"


def _name(store: Mapping[str, Any]) -> str:
    return str(store.get("name") or store["id"])


def _count(store: Mapping[str, Any]) -> int:
    counts = store.get("file_counts")
    completed = counts.get("completed") if isinstance(counts, dict) else 0
    return completed if isinstance(completed, int) else 0


class _VectorStoresType:
    options = VectorStoresOptions

    def build(self, name: str, options: VectorStoresOptions, *, base_dir: Path) -> Connector:
        return VectorStores(name, options)


connector = _VectorStoresType()
