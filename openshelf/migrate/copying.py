"""Copies conversations into a shelf, where ``/v1/conversations`` serves them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sqlalchemy import select

from configs.errors import ConfigError
from ingest.ledger import builds as build_rows
from ingest.ledger.tables import builds, documents
from openshelf.migrate.messages import KnownFile
from openshelf.migrate.threads import Conversation
from openshelf.server import keys, tables
from openshelf.server.contract import Caller
from openshelf.server.errors import ApiError
from openshelf.server.responses.conversations import Conversations
from openshelf.server.responses.items import kept
from openshelf.server.responses.storage import Responses
from openshelf.server.yaml_stores import file_id

if TYPE_CHECKING:
    from openshelf.shelf import Shelf

SOURCE_TYPE = "openai-vector-stores"


def known_files(shelf: Shelf) -> dict[str, KnownFile]:
    """Files that came from OpenAI's vector stores, by their id there."""
    found: dict[str, KnownFile] = {}
    statement = (
        select(builds.c.source, documents.c.document_id, documents.c.title)
        .join(builds, builds.c.id == documents.c.build)
        .where(builds.c.state == build_rows.ACTIVE)
        .order_by(documents.c.rowid)
    )
    ours = {name for name, source in shelf.config.sources.items() if source.type == SOURCE_TYPE}
    with shelf.ledger.reading() as connection:
        for source, document, title in connection.execute(statement.where(builds.c.source.in_(ours))):
            # Named as the server names them in the answers that follow.
            found.setdefault(document.rpartition("/")[2], KnownFile(file_id(source, document), title or document))
    return found


def owner(shelf: Shelf, name: str | None) -> Caller:
    """Whose the conversations will be.

    Args:
        name: a key's; ``None``: whoever needs no key.

    Raises:
        ConfigError: there is no such key, or there are keys and none is named.
    """
    tables.ensure(shelf.ledger)
    with shelf.ledger.reading() as connection:
        names = sorted(key.name for key in keys.every(connection) if key.revoked is None)
    if name is None and names:
        raise ConfigError(
            "The server asks for a key, and a conversation is seen only by the key that it belongs to.",
            hint=f"Say which with --key: {', '.join(names)}.",
        )
    if name is not None and name not in names:
        raise ConfigError(f"There is no key {name!r} in force.", hint="openshelf keys list shows them.")
    return Caller(name or keys.LOOPBACK, frozenset(keys.SCOPES))


def copy(
    shelf: Shelf, caller: Caller, conversations: Iterable[Conversation], told: Callable[[], None] = lambda: None
) -> tuple[int, int, int]:
    """Write the conversations; those that are there get the items that they lack.

    Each is one transaction, so a copy that was stopped goes on when it is begun again.

    Args:
        told: called after each.

    Returns:
        How many conversations are new, how many were there, and how many items were added.

    Raises:
        ConfigError: a conversation of that id belongs to another key.
    """
    Responses(shelf.ledger)  # makes the tables
    store = Conversations(shelf.ledger)
    new = there = added = 0
    for one in conversations:
        try:
            # As over HTTP, so that what is kept is what a client would have sent.
            begun, items = store.bring(caller, one.id, one.created, one.metadata, kept(one.items, param="items"))
        except ApiError as error:
            if error.status != 404:
                raise ConfigError(f"{one.thread}: {error.message}") from error
            raise ConfigError(
                f"{one.id} is there already and belongs to another key than {caller.name!r}.",
                hint="Copy with --key and that key's name, or delete the conversation first.",
            ) from error
        new, there, added = new + begun, there + (not begun), added + items
        told()
    return new, there, added
