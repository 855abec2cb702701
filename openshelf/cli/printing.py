"""What goes to stdout: JSON for machines, rich text for people. Text of documents is never taken for markup."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import IO, TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from openshelf.cli.state import App

PIPED_WIDTH = 100
_BLANKS = re.compile(r"[ \t]+(?=\n|$)")
# Escape sequences in a document must not reach the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def json_option(function: Any) -> Any:
    """``--json`` for a command that prints data."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else on stdout.")(
        function
    )


def print_json(app: App, value: Any, *, indent: int | None = 2) -> None:
    """``value`` (dataclasses, dates and paths included) as one JSON document; secrets masked."""
    plain = "utf" not in (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    text = json.dumps(jsonable(value), indent=indent, ensure_ascii=plain)
    click.echo(app.redact(text))


def jsonable(value: Any) -> Any:
    """``value`` in the types that JSON has."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: jsonable(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(jsonable(item) for item in value)
    if isinstance(value, date):
        return value.isoformat()
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    return [jsonable(item) for item in value] if isinstance(value, Iterable) else str(value)


def console(*, stderr: bool = False) -> Console:
    """A rich console: the terminal's width and colours, or 100 columns of plain text in a pipe."""
    from rich.console import Console

    class _Console(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    stream: Any = sys.stderr if stderr else sys.stdout
    piped = not stream.isatty()
    file = cast("IO[str]", _Trimmed(stream) if piped else stream)
    return _Console(file=file, width=PIPED_WIDTH if piped else None, highlight=False, markup=False, emoji=False)


class _Trimmed:
    """A stream without blanks at the ends of lines: tables are padded to their width."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return int(self._stream.write(_BLANKS.sub("", text)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def table(*columns: str, right: Iterable[str] = (), wide: Iterable[str] = ()) -> Table:
    """A quiet table: a bold heading, no boxes.

    Args:
        right: columns of numbers.
        wide: columns that may wrap; all others stay on one line.
    """
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    rights, wides = set(right), set(wide)
    for name in columns:
        made.add_column(
            name,
            justify="right" if name in rights else "left",
            no_wrap=name not in wides,
            overflow="fold" if name in wides else "ellipsis",
        )
    return made


def plain(text: str) -> str:
    """``text`` without control characters; line feeds and tabs stay."""
    return _CONTROL.sub("", text)


def styled(text: object, style: str = "") -> Text:
    """``text`` as rich text that is neither markup nor escape sequences."""
    from rich.text import Text

    # A span, not the base style: what is appended later has its own.
    return Text().append(plain(str(text)), style=style)


def indented(text: Text) -> RenderableType:
    """``text`` two columns to the right, on every line of it."""
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, 2))


def money(amount: float | None, currency: str) -> str:
    """``0.0012 USD``; ``unknown`` where a price is missing."""
    if amount is None:
        return "unknown (no price is set)"
    return f"{amount:,.2f} {currency}" if amount == 0 or amount >= 1 else f"{amount:.4f} {currency}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(value: float | datetime | None) -> str:
    """A point in time, in the local zone, to the minute."""
    if value is None:
        return "never"
    at = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 document``, ``1,204 documents``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
