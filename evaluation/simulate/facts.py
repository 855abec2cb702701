"""The facts that a sentence commits to: amounts with their units, dates, times of day, codes.

``30 days``, ``thirty days`` and ``30 jours`` are one fact, ``£4.95`` and ``4,95 £`` another. Two texts that speak of
the same thing and name different amounts of the same kind contradict each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_UNITS: Final[dict[str, tuple[str, float]]] = {
    **dict.fromkeys(("minute", "minutes", "min", "mins"), ("time", 1 / 1440)),
    **dict.fromkeys(("hour", "hours", "heure", "heures", "hrs"), ("time", 1 / 24)),
    **dict.fromkeys(("day", "days", "jour", "jours"), ("time", 1.0)),
    **dict.fromkeys(("week", "weeks", "semaine", "semaines"), ("time", 7.0)),
    **dict.fromkeys(("month", "months", "mois"), ("time", 30.0)),
    **dict.fromkeys(("year", "years", "an", "ans", "année", "années"), ("time", 360.0)),
    **dict.fromkeys(("£", "pound", "pounds", "gbp", "livres"), ("pounds", 1.0)),
    **dict.fromkeys(("€", "euro", "euros", "eur"), ("euros", 1.0)),
    **dict.fromkeys(("$", "dollar", "dollars", "usd"), ("dollars", 1.0)),
    **dict.fromkeys(("%", "percent", "per cent", "pour cent"), ("percent", 1.0)),
    **dict.fromkeys(("mm",), ("length", 1.0)),
    **dict.fromkeys(("cm",), ("length", 10.0)),
    **dict.fromkeys(("m", "metre", "metres", "mètres"), ("length", 1000.0)),
    **dict.fromkeys(("g", "gram", "grams", "grammes"), ("weight", 1.0)),
    **dict.fromkeys(("kg", "kilo", "kilos"), ("weight", 1000.0)),
    **dict.fromkeys(("°", "°c", "degrees", "degrés"), ("degrees", 1.0)),
}
_SPELT = (
    "0 zero, 1 one, 2 two deux, 3 three trois, 4 four quatre, 5 five cinq, 6 six, 7 seven sept, 8 eight huit, "
    "9 nine neuf, 10 ten dix, 11 eleven onze, 12 twelve douze, 14 fourteen quatorze, 15 fifteen quinze, "
    "20 twenty vingt, 30 thirty trente, 40 forty quarante, 50 fifty cinquante, 60 sixty soixante, 90 ninety, "
    "100 hundred cent"
)
_WORDS: Final = {word: int(entry.split()[0]) for entry in _SPELT.split(", ") for word in entry.split()[1:]}
MONTHS: Final[dict[str, int]] = {
    name: number
    for names in (
        "january february march april may june july august september october november december",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    )
    for number, name in enumerate(names.split(), start=1)
}
"""Names of months in lower case, English and French."""

_NUMBER = r"\d+(?:[.,   ]\d+)*"
_NAMED = "|".join(
    sorted((re.escape(unit) for unit in _UNITS if unit.replace(" ", "").isalpha() and len(unit) > 1), key=len)[::-1]
)
_WORD_AMOUNT = re.compile(rf"\b({'|'.join(_WORDS)})[ -](?:working |business |full )?({_NAMED})\b")
_CLOCK = re.compile(r"\b([01]?\d|2[0-4])(?:[:h]([0-5]\d)(?:\s?(am|pm))?|\.([0-5]\d)\s?(am|pm)|\s?(am|pm|h))\b")
_DATE = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th|er)? ({'|'.join(MONTHS)})\b")
_PREFIXED = re.compile(rf"([£€$])\s?({_NUMBER})")
_AMOUNT = re.compile(rf"({_NUMBER})(?:[   -]?(?:working |business |full )?({_NAMED}|°c|[£€$%°]|m|g))?(?![^\W\d_])")
_WORD = re.compile(r"[^\W\d_]+")
_HYPHENED = re.compile(rf"\b(\d+)-({_NAMED})\b")
_CODE = re.compile(r"\b(?=[a-z-]*\d)(?=[\d-]*[a-z])[a-z0-9]+(?:-[a-z0-9]+)+\b")


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One amount.

    Attributes:
        kind: ``time`` (days), ``pounds``, ``clock`` (minutes of the day), ``date`` (month times 100 plus day),
            ``code``, ``number`` (without a unit) ...
        shown: as it was written, the first time.
    """

    kind: str
    value: str
    shown: str = ""

    def same(self, other: Fact) -> bool:
        """Whether both say the same amount of the same thing."""
        return (self.kind, self.value) == (other.kind, other.value)


def facts(text: str) -> tuple[Fact, ...]:
    """The distinct facts of ``text``, in order of kind and value."""
    rest = text.casefold()
    found: dict[tuple[str, str], Fact] = {}

    def take(kind: str, value: float | str, shown: str) -> str:
        key = value if isinstance(value, str) else f"{round(value, 3):.12g}"
        found.setdefault((kind, key), Fact(kind, key, " ".join(shown.split())))
        return " ; "

    rest = _HYPHENED.sub(r"\1 \2", rest)
    rest = _CODE.sub(lambda m: take("code", m[0].replace("-", ""), m[0]), rest)
    rest = _DATE.sub(lambda m: take("date", MONTHS[m[2]] * 100 + int(m[1]), m[0]), rest)
    rest = _PREFIXED.sub(lambda m: take(_UNITS[m[1]][0], _number(m[2]), m[0]), rest)
    rest = _CLOCK.sub(lambda m: take("clock", _minutes(m), m[0]), rest)
    rest = _WORD_AMOUNT.sub(lambda m: take(_UNITS[m[2]][0], _WORDS[m[1]] * _UNITS[m[2]][1], m[0]), rest)
    for match in _AMOUNT.finditer(rest):
        kind, size = _UNITS[match[2]] if match[2] else ("number", 1.0)
        take(kind, _number(match[1]) * size, match[0])
    return tuple(sorted(found.values(), key=lambda fact: (fact.kind, fact.value)))


def names(text: str) -> frozenset[str]:
    """Proper names in ``text``: words with a capital right behind a word without one, or behind another name. None
    where more than a quarter of the words have one: a language that writes nouns so, or a text that shouts."""
    found: list[str] = []
    last: re.Match[str] | None = None
    named, count = False, 0
    for word in _WORD.finditer(text):
        follows = last is not None and text[last.end() : word.start()] == " "
        capital = word[0][0].isupper()
        named = capital and len(word[0]) > 2 and follows and (named or (last is not None and last[0].islower()))
        found += [word[0].casefold()] if named else []
        count, last = count + 1, word
    return frozenset(found) if 4 * len(found) <= count else frozenset()


def without(wanted: Iterable[Fact], others: Iterable[Fact]) -> tuple[Fact, ...]:
    """``wanted`` without those that ``others`` state too."""
    known = list(others)
    return tuple(fact for fact in wanted if not any(fact.same(other) for other in known))


def _minutes(match: re.Match[str]) -> float:
    hour, minute = int(match[1]), int(match[2] or match[4] or 0)
    half = match[3] or match[5] or match[6]
    if half == "pm" and hour < 12:
        hour += 12
    return hour * 60 + minute


def _number(text: str) -> float:
    """``1,250.50``, ``1 250,50`` and ``4,95`` as numbers: the last separator before one or two digits is a point."""
    plain = re.sub(r"[   ]", "", text)
    match = re.fullmatch(r"([\d.,]*?)(?:[.,](\d{1,2}))?", plain)
    if match is None:
        return float(re.sub(r"\D", "", plain) or 0)
    whole = re.sub(r"[.,]", "", match[1]) or "0"
    return float(f"{whole}.{match[2] or 0}")
