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


def _legacy(sample: bytes, name: str) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_LEGACY).best()
    if best is None:
        raise ConnectorError(
            f"{name}: the encoding cannot be told.", hint="Name it with `encoding`, for example encoding: cp1252."
        )
    return best.encoding


def _utf16_without_mark(head: bytes) -> str | None:
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if len(head) < 4 or max(even, odd) < len(head) // 8:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"
