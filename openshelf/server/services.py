"""What the handlers of one server share: the shelf, its uploaded bytes, the indexing thread, the search, the keys."""

from __future__ import annotations

from sqlalchemy import func, select

from configs.server import Server
from openshelf.server import tables
from openshelf.server.access import Access
from openshelf.server.attaching import STATUSES
from openshelf.server.blobs import Blobs
from openshelf.server.expiry import Expiry
from openshelf.server.finding import Finding
from openshelf.server.indexing import Indexing
from openshelf.server.parts import Parts
from openshelf.server.yaml_stores import YamlStores
from openshelf.shelf import Shelf


class Services:
    """The parts of a server over ``shelf``.

    Args:
        loopback: the server can only be reached from this machine.
    """

    def __init__(self, shelf: Shelf, settings: Server, *, loopback: bool) -> None:
        tables.ensure(shelf.ledger)
        self.shelf = shelf
        self.settings = settings
        self.blobs = Blobs(shelf.folder / "files", settings.max_file_bytes)
        self.yaml = YamlStores(shelf.config)
        self.finding = Finding(shelf, self.yaml)
        self.access = Access(shelf.ledger, settings, loopback=loopback)
        self.parts = Parts(shelf.ledger, self.blobs)
        self.expiry = Expiry(shelf.ledger, self.blobs, self.parts)
        self.indexing = Indexing(shelf, self.blobs, self.expiry.sweep)

    def start(self) -> None:
        """Begin to index."""
        self.indexing.start()

    def files_by_status(self) -> dict[str, int]:
        """How many attachments there are of each status."""
        with self.shelf.ledger.reading() as connection:
            found = connection.execute(
                select(tables.attachments.c.status, func.count()).group_by(tables.attachments.c.status)
            ).all()
        return {**dict.fromkeys(STATUSES, 0), **{row[0]: row[1] for row in found}}

    def stop(self) -> None:
        """Stop indexing; what is left goes on at the next start."""
        self.indexing.stop()
