"""A real Chromium for the tests of pages: headless, one for each module, and whatever happened on a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium, started and stopped. The test is skipped where it is not installed."""
    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM}")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        try:
            yield opened
        finally:
            opened.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module of tests.

    Not for the session: Playwright keeps an event loop running in this thread while it is open, and tests of other
    modules run loops of their own.
    """
    with chromium() as opened:
        yield opened


@dataclass
class Watched:
    """A page and what happened on it.

    Attributes:
        complaints: errors and warnings of the console, and exceptions of scripts.
        requests: addresses that were asked for, the page itself among them.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def watched(browser: Browser, **options: Any) -> Iterator[Watched]:
    """A new page in a context of its own.

    Args:
        options: as ``Browser.new_context`` takes them (``viewport``, ``color_scheme``, ``java_script_enabled`` …).
    """
    context = browser.new_context(**options)
    context.set_default_timeout(20_000)
    try:
        found = Watched(context.new_page())
        found.page.on(
            "console",
            lambda message: (
                found.complaints.append(f"{message.type}: {message.text}")
                if message.type in ("error", "warning")
                else None
            ),
        )
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.on("request", lambda request: found.requests.append(request.url))
        yield found
    finally:
        context.close()
