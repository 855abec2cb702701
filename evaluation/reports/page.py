"""One HTML file that needs nothing else: templates, style and script in one text, and a policy that lets nothing out.

The policy (Content-Security-Policy, by hash) allows this style and this script and nothing more: no network, no
picture, no form. All that comes from documents, questions and models passes Jinja's escaping.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from evaluation import templating
from evaluation.reports import wording

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_BYTES = 5_000_000
"""A report stays under this, unless there are so many questions that their figures alone take it."""
_LEAST_ROOM = 1_000_000


def render(template: str, **values: Any) -> str:
    """The report of a template.

    Args:
        values: what it shows; ``title`` among them.
    """
    environment = _environment()
    return environment.get_template(template).render(
        **values,
        style=Markup(_asset("report.css")),  # noqa: S704 - our own file
        script=Markup(_asset("report.js")),  # noqa: S704 - our own file
        policy=_policy(),
    )


def fitted(make: Callable[[int], str], room: int) -> str:
    """What ``make`` makes of ``room`` bytes for texts, with less room where the report is above ``MOST_BYTES``.

    Room is a guess: markup is more or less, and characters take one byte or four.
    """
    html = make(room)
    while (size := len(html.encode())) > MOST_BYTES and room > _LEAST_ROOM:
        room = int(room * 0.95 * MOST_BYTES / size)
        html = make(room)
    return html


def visible(text: str) -> str:
    """``text`` with control characters and changes of direction as marks that are seen."""
    return templating.visible(text).replace("\r", "")


@cache
def _environment() -> Environment:
    environment = templating.environment("evaluation.reports", visible)
    environment.filters |= {
        "amount": wording.amount,
        "gap": wording.gap,
        "interval": wording.interval,
        "share": wording.share,
        "name": wording.name_of,
        "money": wording.money,
        "value": wording.setting,
        "seconds": wording.seconds,
    }
    environment.globals |= {"counted": wording.counted}
    return environment


@cache
def _asset(name: str) -> str:
    from importlib.resources import files

    return files("evaluation.reports").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _policy() -> str:
    def printed(name: str) -> str:
        return base64.b64encode(hashlib.sha256(_asset(name).encode()).digest()).decode()

    return (
        f"default-src 'none'; style-src 'sha256-{printed('report.css')}'; "
        f"script-src 'sha256-{printed('report.js')}'; base-uri 'none'; form-action 'none'"
    )
