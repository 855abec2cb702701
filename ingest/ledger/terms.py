"""Words as the keyword index sees them: folded, stemmed, and cut so that codes and CJK text can be found.

A text and a query go through the same steps, so what matters is that both agree:

* NFKC and case folding; Snowball stems by language, then Latin accents folded (in this order: stems need accents);
* a compound such as ``GTX-3000`` gives its parts and itself without the joints (``gtx3000``), which also finds
  ``GTX3000``; a number such as ``3.5`` stays whole;
* scripts without spaces give overlapping pairs of characters.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import Stemmer

from configs.errors import IngestError

DEFAULT_LANGUAGE = "en"  # of a document whose language is unknown
MAX_QUERY_WORDS = 64  # a pasted ticket is a query too

# Chinese, Japanese, Korean, and the South-East Asian scripts that write no spaces.
_PAIRED = (
    "\u0e01-\u0e4e\u0e81-\u0ecd\u1000-\u109f\u1780-\u17d3\u1100-\u11ff\u3005-\u3007\u3041-\u30ff\u3131-\u318e"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Combining marks that \w leaves out although they are part of a word (Latin, Hebrew, Arabic, Indic).
_MARKS = "\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0981-\u0dff"
_LETTERS = rf"(?:[^\W_{_PAIRED}]|[{_MARKS}])+"
_TOKEN = re.compile(rf"(?P<pairs>[{_PAIRED}]+)|(?P<number>\d+(?:[.,]\d+)+(?![^\W_]))|{_LETTERS}(?:[-_./&+]{_LETTERS})*")
_JOINT = re.compile(r"[-_./&+]")
_ACCENT = re.compile("[\u0300-\u036f\u064b-\u065f]")
_APOSTROPHE = re.compile("[\u2018\u2019\u02bc]")

_SNOWBALL = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
_STOP_WORDS = {
    "az": "azerbaijani",
    "be": "belarusian",
    "bn": "bengali",
    "he": "hebrew",
    "kk": "kazakh",
    "sl": "slovene",
    "sq": "albanian",
    "tg": "tajik",
    "uz": "uzbek",
}  # the lists whose language has no Snowball stemmer; others go by the stemmer's name
_ASKING = {
    "fr": frozenset(
        {
            *(
                "puis",
                "peux",
                "peut",
                "peuvent",
                "pouvez",
                "pouvons",
                "pourrais",
                "pourrait",
                "dois",
                "doit",
                "doivent",
            ),
            *(
                "devez",
                "faut",
                "comment",
                "combien",
                "quand",
                "où",
                "pourquoi",
                "quel",
                "quelle",
                "quels",
                "quelles",
                "quoi",
            ),
        }
    )
}
"""What a French question is asked with. The English list has such words (can, how, what, when); the French has not."""

_local = threading.local()  # a Snowball stemmer keeps state between calls: one for each thread


def terms(text: str, language: str | None) -> Iterator[str]:
    """Every term of a document's text, in order, repetitions included."""
    code = _code(language)
    for match in _TOKEN.finditer(_fold_case(text)):
        token = match[0]
        if match["pairs"]:
            # The last character alone lets a query of one character find it by prefix.
            yield from (token[i : i + 2] for i in range(len(token)))
        elif match["number"]:
            yield token
        else:
            yield from _word_terms(token, code)


def query_terms(query: str, languages: Sequence[str | None], *, stems: Sequence[str | None] | None = None) -> list[str]:
    """Distinct terms of a query, without stop words, stemmed in each of the shelf's ``languages`` (or of ``stems``).

    Stop words go by the language that the query has most of them from; a query of stop words only keeps them.
    A term that ends in ``*`` stands for everything that starts with it.
    """
    codes = sorted({_code(language) for language in languages}) or [DEFAULT_LANGUAGE]
    tokens: dict[str, str] = {}
    for match in _TOKEN.finditer(_fold_case(query)):
        kind = "pairs" if match["pairs"] else "number" if match["number"] else "word"
        tokens.setdefault(match[0], kind)
    stops = _stop_words_of_query([token for token, kind in tokens.items() if kind == "word"], codes)
    tokens = {
        part: kind for token, kind in tokens.items() for part in (_without_stops(token, stops) if stops else [token])
    } or tokens
    kept = [token for token in tokens if token not in stops] or list(tokens)
    found: dict[str, None] = {}
    for token in kept[:MAX_QUERY_WORDS]:
        if tokens[token] == "pairs":
            pairs = [token[i : i + 2] for i in range(len(token) - 1)] or [f"{token}*"]
            found.update(dict.fromkeys(pairs[:MAX_QUERY_WORDS]))
        elif tokens[token] == "number":
            found[token] = None
        else:
            for code in codes if stems is None else sorted({_code(language) for language in stems}):
                found.update(dict.fromkeys(_word_terms(token, code)))
    return list(found)


def _without_stops(token: str, stops: frozenset[str]) -> list[str]:
    """A compound of which a part is a stop word is no name: ``puis-je`` asks, ``attend-il`` is ``attend``."""
    parts = _JOINT.split(token)
    if len(parts) == 1 or stops.isdisjoint(parts):
        return [token]
    return [part for part in parts if part not in stops]


def _fold_case(text: str) -> str:
    # Composed again after folding, since stemmers expect é as one character.
    return _APOSTROPHE.sub("'", unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


def _word_terms(token: str, code: str) -> Iterator[str]:
    parts = _JOINT.split(token)
    for part in parts:
        yield _stem(part, code)
    if len(parts) > 1:
        yield _stem("".join(parts), code)


def _fold_accents(word: str) -> str:
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFD", word)))


@lru_cache(maxsize=65_536)
def _stem(word: str, code: str) -> str:
    if code not in _SNOWBALL or any(character.isdigit() for character in word):
        return _fold_accents(word)
    stemmers: dict[str, Stemmer.Stemmer] = _local.__dict__.setdefault("stemmers", {})
    if code not in stemmers:
        stemmers[code] = Stemmer.Stemmer(_SNOWBALL[code])
    return _fold_accents(str(stemmers[code].stemWord(word)))


def _code(language: str | None) -> str:
    return (language or DEFAULT_LANGUAGE).lower().split("-")[0].split("_")[0]


@lru_cache(maxsize=1)
def _stop_word_folder() -> Path:
    # nltk's lists as llama-index-core carries them, found without importing it (2 s). Shorter lists than most: longer
    # ones drop words such as "computer" and "system" and cost 0.03 nDCG@10 on a product manual.
    spec = find_spec("llama_index.core")
    folder = Path(str(spec and spec.origin)).parent / "_static" / "nltk_cache" / "corpora" / "stopwords"
    if not folder.is_dir():
        raise IngestError(
            f"The stop words that come with llama-index-core are not at {folder}.",
            hint="Install the version that Openshelf is locked to: pip install --force-reinstall llama-index-core",
        )
    return folder


@lru_cache(maxsize=64)
def _stop_words(code: str) -> frozenset[str]:
    path = _stop_word_folder() / _STOP_WORDS.get(code, _SNOWBALL.get(code, code))
    if not path.is_file():
        return frozenset()
    words = (_fold_case(word) for word in path.read_text(encoding="utf-8").split())
    # Texts are cut at apostrophes ("don't", "l'article"), so the list is too.
    return frozenset(part for word in words for part in word.split("'") if part) | _ASKING.get(code, frozenset())


def _stop_words_of_query(words: Sequence[str], codes: Sequence[str]) -> frozenset[str]:
    counts = {code: sum(word in _stop_words(code) for word in words) for code in codes}
    most = max(counts.values())
    return frozenset().union(*(_stop_words(code) for code in codes if counts[code] == most))
