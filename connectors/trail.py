"""Notices a listing that goes in a circle: a next page that was read before would be read for ever."""

from __future__ import annotations

import hashlib
import json

from configs.errors import CursorError


class Trail:
    """The pages of one listing.

    Args:
        what: what is listed, for the message: ``Zendesk's tickets``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen: set[bytes] = set()

    def step(self, token: object) -> None:
        """Note that the page of ``token`` (JSON-ready: a link, a cursor) is read next.

        Raises:
            CursorError: it was read before.
        """
        text = json.dumps(token, sort_keys=True, default=str)
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest in self._seen:
            raise CursorError(
                f"The listing of {self._what} does not advance: it leads to a page that was read already.",
                hint="What was committed stays. Try again later; if it stays so, report it to the vendor.",
            )
        self._seen.add(digest)
