"""Templates in which everything from documents, questions and models is escaped, and nothing in it is invisible."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

_MARKS: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n\r"},
    0x7F: "␡",
    # They turn the order of what follows around; a reader should see that they are there.
    **{code: f"[U+{code:04X}]" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    # Surrogates cannot be sent as UTF-8.
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}


def visible(text: str) -> str:
    """``text`` with control characters and changes of direction as marks that are seen."""
    return text.translate(_MARKS)


def environment(package: str, shown: Callable[[str], str] = visible) -> Environment:
    """Jinja's environment over a package's ``templates``: an unknown name is an error, ``None`` is shown as nothing.

    Args:
        shown: what every text passes that a template prints.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    def finalize(value: Any) -> Any:
        if value is None:
            return ""
        return shown(value) if type(value) is str else value  # Markup is a text too, and has passed before

    return Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
