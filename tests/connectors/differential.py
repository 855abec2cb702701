"""Whatever happens at the vendor, and however often a run breaks off: following it equals reading it afresh."""

from __future__ import annotations

import os
import random
from typing import Protocol

from configs.errors import ConnectorError
from connectors.contract import Checkpoint
from connectors.guard import checked
from tests.connectors.conformance import Shelf, World, fresh
from tests.connectors.fakes.server import Fake

EARLY = 0.2
"""How often changes are committed behind a change that is no checkpoint, while there is no cursor."""

AHEAD = 0.01
"""The same where there is a cursor, which is then forgotten."""


class VendorWorld(World, Protocol):
    """A vendor that can be edited at random."""

    fake: Fake

    def mutate(self, rng: random.Random) -> None:
        """One change at the vendor: create, edit, delete, hide, show, move, rename, restrict…"""
        ...


def follow_changes(world: VendorWorld, seed: int, changes: int = 200) -> None:
    """Change the vendor ``changes`` times, sync now and then with faults, stops and changes in the middle.

    Raises:
        AssertionError: the shelf differs from one that was filled from nothing, or a contract was broken.
    """
    # `make follow-test` looks at other seeds than the three of each test.
    seed += int(os.environ.get("OPENSHELF_SEEDS_FROM", "0"))
    rng = random.Random(seed)
    shelf = Shelf()
    done = 0
    while done < changes:
        for _ in range(rng.randint(1, 15)):
            world.mutate(rng)
            done += 1
        world.fake.chaos(rng, rng.choice([0.0, 0.1, 0.3]))
        done += _sync(world, shelf, rng)
        world.fake.calm()
    shelf.sync(world)
    expected = fresh(world)
    assert shelf.documents == expected.documents, f"seed {seed}"
    assert not shelf.failed, f"seed {seed}: {shelf.failed}"
    assert not world.fake.problems, world.fake.problems[:3]


def _sync(world: VendorWorld, shelf: Shelf, rng: random.Random) -> int:
    """One run that may break off anywhere; returns the changes made at the vendor meanwhile."""
    stop = rng.randint(0, 40) if rng.random() < 0.3 else None
    busy = rng.random() < 0.3
    made = 0
    uncommitted = []
    try:
        for number, change in enumerate(checked(world.connector().changes(shelf.cursor), "test", shelf.cursor)):
            if number == stop:
                return made  # killed: what was not committed with a checkpoint may be lost
            uncommitted.append(change)
            # As a sync does: with a cursor, or without one where there is none yet, or where too much is held.
            early = rng.random() < (AHEAD if shelf.cursor else EARLY)
            if isinstance(change, Checkpoint) or early:
                if early:
                    shelf.cursor = None
                shelf.replay(uncommitted)
                uncommitted = []
            if busy and rng.random() < 0.05:
                world.mutate(rng)
                made += 1
    except ConnectorError:
        return made  # a fault that outlasted the tries
    shelf.replay(uncommitted)
    return made
