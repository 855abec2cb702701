"""What a mail says itself: without the mail that it quotes, and without signature and disclaimer."""

from __future__ import annotations

import re

_LANGUAGES = ["en", "de", "fr", "it", "nl", "pl", "sv", "da", "es", "ja"]

_SEARCHED = 50_000
"""Characters at a mail's start in which its own words end; what follows is quoted."""

_LINE = 400
"""Characters of the longest line that can begin a quote (``On … wrote:``)."""

# The patterns take time by the square of a line's length: before a long line stands a character that none matches.
_LONG = re.compile(rf"^(?=.{{{_LINE}}})", re.MULTILINE)
_MARK = "\ue000"


def own_words(text: str) -> str:
    """The latest reply in ``text``, without what it quotes, its signature and its disclaimer (mail-parser-reply).

    A mail that would be left empty, or whose own words are longer than a person writes, stays as it is: words are
    not lost to a guess.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not plain:
        return plain
    from mailparser_reply import EmailReplyParser

    head = _LONG.sub(_MARK, plain[:_SEARCHED])
    replies = EmailReplyParser(languages=_LANGUAGES).read(text=head).replies
    own = replies[0].body.replace(_MARK, "").strip() if replies and replies[0].body else ""
    if len(plain) > _SEARCHED and len(replies) == 1:
        return plain
    return own or plain
