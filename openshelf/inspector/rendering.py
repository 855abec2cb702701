"""Templates to pages. Everything from documents, questions and errors passes Jinja's escaping."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import HTMLResponse

from evaluation.templating import environment
from openshelf.cli.printing import counted, duration, money

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page.

    Args:
        values: what the template shows; ``title`` among them.
    """
    return HTMLResponse(markup(template, **values), status)


def markup(template: str, **values: Any) -> str:
    """A template's HTML."""
    return _environment().get_template(template).render(**values)


def address(name: str, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /, **more: Any) -> str:
    """The address of a page with its parameters; empty ones are left out.

    Args:
        name: ``document``, ``search``…; empty for the overview.
    """
    pairs = [*(values.items() if isinstance(values, Mapping) else values), *more.items()]
    kept = [(key, value) for key, value in pairs if value not in (None, "")]
    query = urlencode(kept)
    return f"/inspect/{name}?{query}" if query else f"/inspect/{name}"


def moment(value: float | None) -> str:
    """A point in time in the server's zone, to the minute."""
    return "never" if value is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(value))


def ago(value: float) -> str:
    """``3 min ago``, ``in 2 h``, to the largest unit."""
    seconds = time.time() - value
    size = abs(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if size >= length:
            said = f"{int(size // length)} {unit}"
            break
    else:
        return "now"
    return f"{said} ago" if seconds > 0 else f"in {said}"


def score(value: float) -> str:
    """A score; a small one, such as those of ``rrf``, with the digits that tell it from the next."""
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.5f}"


@cache
def _environment() -> Environment:
    made = environment("openshelf.inspector")
    made.filters |= {"moment": moment, "ago": ago, "duration": duration, "score": score}
    made.globals |= {"address": address, "counted": counted, "money": money}
    return made
