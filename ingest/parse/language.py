"""The language of a text, by py3langid (a 97-language n-gram model that ships inside its wheel)."""

from __future__ import annotations

_READ = 2000
_ENOUGH_LETTERS = 40


def detect_language(text: str) -> str | None:
    """ISO 639-1 code of the first part of ``text``; ``None`` when it has too few letters to tell."""
    head = text[:_READ]
    if sum(character.isalpha() for character in head) < _ENOUGH_LETTERS:
        return None
    import py3langid

    code: str = py3langid.classify(head)[0]
    return code
