"""Takes personal data out of a text before it is stored or embedded, by Presidio's recognisers.

Only recognisers of patterns and checksums: they need no language model, work in every language and offline. Names
of people are not found.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from configs.errors import MissingExtra

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

PersonalKind = Literal["email", "phone", "card", "iban", "ip"]
"""What can be taken out; see ``PersonalData``."""

_ENTITIES: dict[str, str] = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "card": "CREDIT_CARD",
    "iban": "IBAN_CODE",
    "ip": "IP_ADDRESS",
}
_PIECE = 1000
_CUT = re.compile(r"(?<![\d\s])[\s,;|<>\"]+(?![\d\s(+])")
_REGIONS = ("US", "GB", "FR", "DE", "ES", "IT", "NL", "CA", "AU", "JP")


class PersonalData:
    """Replaces what it finds by its kind: ``<EMAIL_ADDRESS>``.

    Args:
        kinds: which kinds to look for.

    Raises:
        MissingExtra: Presidio is not installed.
    """

    def __init__(self, kinds: Sequence[PersonalKind]) -> None:
        self._entities = [_ENTITIES[kind] for kind in kinds]
        if kinds and importlib.util.find_spec("presidio_analyzer") is None:
            raise MissingExtra("Taking personal data out of tickets", "redaction")

    def redact(self, text: str) -> str:
        """``text`` with every find replaced; where finds overlap, the surest wins."""
        if not self._entities or not text:
            return text
        return "".join(self._redacted(piece) for piece in _pieces(text))

    def _redacted(self, text: str) -> str:
        if not text.strip():
            return text
        found = _analyzer().analyze(text, language="en", entities=self._entities)
        spans: list[Any] = []
        for one in sorted(found, key=lambda find: (-find.score, find.start, -find.end)):
            if all(one.end <= other.start or one.start >= other.end for other in spans):
                spans.append(one)
        for one in sorted(spans, key=lambda find: find.start, reverse=True):
            text = f"{text[: one.start]}<{one.entity_type}>{text[one.end :]}"
        return text


def _pieces(text: str) -> Iterator[str]:
    """``text`` in pieces that no find crosses: the recognisers take time by the square of a text's length."""
    start = 0
    while len(text) - start > _PIECE:
        end = text.rfind("\n", start, start + _PIECE) + 1
        if end <= start:
            # Not between digits: a card's number has spaces.
            cuts = [found.end() for found in _CUT.finditer(text, start, start + _PIECE)]
            end = cuts[-1] if cuts else start + _PIECE
        yield text[start:end]
        start = end
    yield text[start:]


@functools.cache
def _analyzer() -> AnalyzerEngine:
    """Made at the first text: it takes seconds to load."""
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import (
        CreditCardRecognizer,
        EmailRecognizer,
        IbanRecognizer,
        IpRecognizer,
        PhoneRecognizer,
    )

    class Mail(EmailRecognizer):
        def validate_result(self, pattern_text: str) -> bool:
            return "." in pattern_text.rsplit("@", 1)[-1]  # the original fetches a list of domains from the web

    class Words(SpacyNlpEngine):
        def load(self) -> None:
            # Words alone: no model is loaded, none is downloaded.
            self.nlp = {"en": spacy.blank("en")}  # type: ignore[assignment]

    words = Words(models=[{"lang_code": "en", "model_name": "blank"}])
    words.load()
    recognizers = [
        Mail(),
        PhoneRecognizer(supported_regions=_REGIONS),
        CreditCardRecognizer(),
        IbanRecognizer(),
        IpRecognizer(),
    ]
    registry = RecognizerRegistry(recognizers=recognizers)
    return AnalyzerEngine(registry=registry, nlp_engine=words, supported_languages=["en"])
