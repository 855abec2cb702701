"""Which encoding a text file is in, decided on all of it: a wrong guess garbles letters in silence."""

from __future__ import annotations

from typing import IO

from configs.errors import ConnectorError

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LEGACY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp932", "gb18030", "big5", "cp949", "euc_jp"]
_SAMPLE = 60_000
_CENTRAL_EUROPEAN = frozenset({"bs", "cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq"})


def detect_encoding(file: IO[bytes], name: str) -> str:
    """The Python codec of ``file``, which is read to its end and rewound.

    A byte-order mark decides. Text that is UTF-8, but for a few damaged lines, is UTF-8. The rest is left to
    charset-normalizer, over the lines that are not ASCII.

    Raises:
        ConnectorError: none fits.
    """
    file.seek(0)
    head = file.read(4096)
    for mark, codec in _BOMS:
        if head.startswith(mark):
            file.seek(0)
            return codec
    wide = _utf16_without_mark(head)
    if wide:
        file.seek(0)
        return wide
    good, bad, sample = 0, 0, bytearray()
    file.seek(0)
    for line in file:
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            good += 1
        except UnicodeDecodeError:
            bad += 1
        if len(sample) < _SAMPLE:
            sample += line[: _SAMPLE - len(sample)]
    file.seek(0)
    # In a legacy encoding next to no line with accents happens to be valid UTF-8.
    return "utf-8" if good >= bad else _legacy(bytes(sample), name)


def legacy_encoding(sample: bytes) -> str | None:
    """The codec of text that is neither marked nor UTF-8, as charset-normalizer sees it; ``None`` if none fits.

    Its choice between Western (cp1252) and Central European (cp1250) is close to a toss: it reads "déjà" as
    "déjŕ". The two share most letters, so the language can be told before, and says which it is.
    """
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_LEGACY).best()
    if best is None or best.encoding not in ("cp1250", "cp1252"):
        return best.encoding if best else None
    import py3langid

    language = py3langid.classify(sample.decode("cp1252", "replace"))[0]
    return "cp1250" if language in _CENTRAL_EUROPEAN else "cp1252"


def _legacy(sample: bytes, name: str) -> str:
    encoding = legacy_encoding(sample)
    if encoding is None:
        raise ConnectorError(
            f"{name}: the encoding cannot be told.", hint="Name it with `encoding`, for example encoding: cp1252."
        )
    return encoding


def _utf16_without_mark(head: bytes) -> str | None:
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if len(head) < 4 or max(even, odd) < len(head) // 8:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"
