"""Blue-green: which build a sync works on, and the swap when a rebuild is whole."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from configs.schema import Source
from ingest.embed.contract import Embedder
from ingest.embedders import Embedders
from ingest.fingerprint import fingerprint, index_settings, with_index_settings
from ingest.ledger import Ledger, builds, flips
from ingest.ledger.builds import Build

log = logging.getLogger("openshelf.rebuild")


@dataclass(frozen=True, slots=True)
class Choice:
    """What to sync into.

    Attributes:
        source: with the settings the build is made with (an older one's after a rollback).
        reuse: a build whose parsed documents are indexed again in place of asking the source.
        rebuild: whether the source's settings changed since its active build was made.
    """

    build: Build
    source: Source
    embedder: Embedder
    reuse: Build | None = None
    rebuild: bool = False


def choose_build(ledger: Ledger, source: Source, embedders: Embedders, *, force: bool = False) -> Choice:
    """The build to work on: the active one while the fingerprint holds, else one beside it."""
    wanted = fingerprint(source, embedders.fingerprint)
    with ledger.reading() as connection:
        active = builds.find(connection, source.name, builds.ACTIVE)
        building = builds.find(connection, source.name, builds.BUILDING)
        retired = builds.find(connection, source.name, builds.RETIRED)
        rejected = builds.rejected(connection, source.name)
    if active and not force:
        if active.fingerprint == wanted.whole:
            if building:
                _drop(ledger, building)
            return Choice(active, source, embedders.current())
        if rejected == wanted.whole:
            log.warning(
                "%s: these settings were rolled back; the earlier ones stay in use until the YAML changes or "
                "`openshelf rebuild %s` is run.",
                source.name,
                source.name,
            )
            earlier = with_index_settings(source, active.settings)
            return Choice(active, earlier, embedders.of(active.embedder))
        if retired and retired.fingerprint == wanted.whole:
            with ledger.writing() as connection:
                swapped = builds.swap_back(connection, source.name)
                builds.accept(connection, source.name)
            if swapped:
                return Choice(_active(ledger, source.name), source, embedders.current(), rebuild=True)
    if building and (force or building.fingerprint != wanted.whole):
        _drop(ledger, building)
        building = None
    embedder = embedders.current()
    if building is None:
        with ledger.writing() as connection:
            building = builds.start(
                connection,
                shelf=ledger.shelf_id,
                source=source.name,
                fingerprint=wanted.whole,
                parse_fingerprint=wanted.parse,
                settings=index_settings(source),
                embedder=embedders.stored_settings,
                dimensions=embedder.dimensions,
                # A first build has nothing to protect: its documents are found as they arrive.
                state=builds.BUILDING if active else builds.ACTIVE,
            )
    reuse = active if active and active.parse_fingerprint == wanted.parse else None
    return Choice(building, source, embedder, reuse=reuse, rebuild=active is not None)


def finish_rebuild(ledger: Ledger, build: Build, guard: Callable[[int, int], None]) -> Build:
    """Swap a whole build in, unless ``guard(missing, of)`` finds that it lost too many documents."""
    with ledger.reading() as connection:
        old = builds.find(connection, build.source, builds.ACTIVE)
        before = flips.versions(connection, old).keys() if old else set()
        missing = before - flips.versions(connection, build).keys()
    guard(len(missing), len(before))
    with ledger.writing() as connection:
        builds.activate(connection, build)
    return _active(ledger, build.source)


def _active(ledger: Ledger, source: str) -> Build:
    with ledger.reading() as connection:
        build = builds.find(connection, source, builds.ACTIVE)
    assert build is not None  # noqa: S101 - just written by this process, which holds the source's lock
    return build


def _drop(ledger: Ledger, build: Build) -> None:
    with ledger.writing() as connection:
        builds.drop(connection, build)
