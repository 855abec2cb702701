"""API keys: ``osk-<id>-<secret>``, kept as a hash.

A secret is 256 random bits, so a plain SHA-256 is the right hash: a slow one (bcrypt, argon2) makes guessing of
passwords dear, and nobody guesses 256 bits, however fast a guess is; here it would only make each request slow.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from sqlalchemy import Connection, Row, insert, select, update

from configs.errors import ConfigError
from openshelf.server.contract import Caller, Scope
from openshelf.server.tables import keys

_PREFIX = "osk"
LOOPBACK = "loopback"
"""The caller's name where no key is needed."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is listed; the secret is known only to its holder.

    Attributes:
        stores: ids of the vector stores it is good for; ``None``: all.
    """

    id: str
    name: str
    scopes: list[str]
    stores: list[str] | None
    groups: list[str]
    created: float
    revoked: float | None


def create(
    connection: Connection,
    name: str,
    *,
    scopes: Collection[str],
    stores: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> str:
    """Make a key; what its holder sends, which is shown this once.

    Raises:
        ConfigError: the name is blank or taken by a key in force, or a scope is unknown.
    """
    if not name.strip() or not name.isprintable():
        raise ConfigError("A key's name is a word or some, for the list and the log.")
    if name == LOOPBACK:
        raise ConfigError(f"{LOOPBACK!r} is who asks without a key, so no key is named so.", hint="Take another name.")
    if connection.execute(select(keys.c.id).where(keys.c.name == name, keys.c.revoked.is_(None))).first():
        raise ConfigError(f"There is a key {name!r} already.", hint="Take another name, or revoke that one first.")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise ConfigError(f"There is no scope {unknown[0]!r}.", hint=f"Scopes: {', '.join(SCOPES)}.")
    identity, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    connection.execute(
        insert(keys).values(
            id=identity,
            name=name,
            digest=_hashed(secret),
            scopes=sorted(set(scopes)),
            stores=sorted(set(stores)) or None,
            groups=sorted(set(groups)),
            created=time.time(),
        )
    )
    return f"{_PREFIX}-{identity}-{secret}"


def every(connection: Connection) -> list[Key]:
    """All keys, oldest first, the revoked ones too."""
    return [_key(row) for row in connection.execute(select(keys).order_by(keys.c.created))]


def exist(connection: Connection) -> bool:
    """Whether a key was ever made. A revoked one counts: revoking the last must not open the server."""
    return connection.execute(select(keys.c.id).limit(1)).first() is not None


def revoke(connection: Connection, name: str) -> bool:
    """Take a key out of force; whether there was one of that name or id."""
    done = connection.execute(
        update(keys)
        .where((keys.c.name == name) | (keys.c.id == name), keys.c.revoked.is_(None))
        .values(revoked=time.time())
    )
    return done.rowcount > 0


def caller(connection: Connection, token: str) -> Caller | None:
    """Who holds this key; ``None`` where it is none in force."""
    prefix, _, rest = token.partition("-")
    identity, _, secret = rest.partition("-")
    row = connection.execute(select(keys).where(keys.c.id == identity)).first() if prefix == _PREFIX else None
    # Compared in constant time, also where there is no such key.
    good = hmac.compare_digest(_hashed(secret), row.digest if row is not None else _hashed(""))
    if row is None or not good or row.revoked is not None:
        return None
    return Caller(
        name=row.name,
        scopes=frozenset(cast("list[Scope]", row.scopes)),
        stores=None if row.stores is None else frozenset(row.stores),
        groups=frozenset(row.groups) or None,
    )


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: Row[Any]) -> Key:
    return Key(row.id, row.name, row.scopes, row.stores, row.groups, row.created, row.revoked)
