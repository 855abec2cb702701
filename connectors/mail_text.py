"""What a mail says itself: without the mail that it quotes, and without signature and disclaimer."""

from __future__ import annotations

_LANGUAGES = ["en", "de", "fr", "it", "nl", "pl", "sv", "da", "es", "ja"]
_LONGEST = 200_000
"""Characters that are searched for quotes; the patterns are not linear in a mail's length."""


def own_words(text: str) -> str:
    """The latest reply in ``text``, without what it quotes, its signature and its disclaimer (mail-parser-reply).

    A mail that would be left empty, or that is longer than a person writes, stays as it is: words are not lost
    to a guess.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not plain or len(plain) > _LONGEST:
        return plain
    from mailparser_reply import EmailReplyParser

    replies = EmailReplyParser(languages=_LANGUAGES).read(text=plain).replies
    own = replies[0].body.strip() if replies and replies[0].body else ""
    return own or plain
