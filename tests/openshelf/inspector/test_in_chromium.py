"""The pages in a real browser: they redraw, light up, fit a telephone, and let nothing of a document run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

from openshelf import Shelf
from openshelf.inspector.rendering import score
from tests.browser import Watched, watched
from tests.openshelf.inspector.conftest import HOSTILE_ID
from tests.openshelf.inspector.live import Inspected

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

GUIDE = "larkfield-tent-guide.pdf"
QUESTION = "Can I return worn shoes?"
SPANS = "all => all.map(one => [+one.dataset.start, +one.dataset.end])"
WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def opened(browser: Browser, live: Inspected) -> Iterator[Watched]:
    """A page that was let in; at the end nothing was complained of and nobody else was asked."""
    with watched(browser, viewport={"width": 1280, "height": 900}) as found:
        found.page.goto(live.address)
        yield found
        assert found.complaints == []
        assert {urlsplit(one).netloc for one in found.requests} == {urlsplit(live.url).netloc}


def go(page: Page, live: Inspected, name: str, **given: str) -> None:
    page.goto(f"{live.url}{name}?{urlencode(given)}")


def cut(page: Page) -> list[tuple[int, int]]:
    return [tuple(one) for one in page.eval_on_selector_all(".chunk[data-start]", SPANS)]


def preview(shelf: Shelf, **chunker: Any) -> list[tuple[int, int]]:
    return [(one.start, one.end) for one in shelf.preview(GUIDE, source="guide", chunker=chunker).chunks]


def test_the_token_opens_and_leaves_the_address(opened: Watched, live: Inspected) -> None:
    assert opened.page.url == live.url
    assert opened.page.locator("tbody tr").count() == len(live.shelf.status())
    assert opened.page.evaluate("() => document.cookie") == ""


def test_changing_the_size_draws_the_boundaries_of_the_preview_at_once(
    opened: Watched, live: Inspected, shelf: Shelf
) -> None:
    page = opened.page
    go(page, live, "document", source="guide", id=GUIDE)
    assert cut(page) == preview(shelf, type="heading", size=256)
    page.get_by_label("Chunker").select_option("token")
    page.get_by_label("size", exact=True).fill("80")
    page.wait_for_function("() => document.getElementById('yaml').textContent.includes('size: 80')")
    assert cut(page) == preview(shelf, type="token", size=80)
    page.get_by_label("overlap", exact=True).fill("30")
    page.wait_for_function("() => document.getElementById('yaml').textContent.includes('overlap: 30')")
    assert cut(page) == preview(shelf, type="token", size=80, overlap=30)
    assert page.locator("mark.shared").count() > 5
    # The slider stands for the number, and the address for the whole.
    page.locator("[data-slides=size]").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.getElementById('yaml').textContent.includes('size: 88')")
    assert cut(page) == preview(shelf, type="token", size=88, overlap=30)
    address = page.url
    assert "size=88" in address and "percentile" not in address
    page.reload()
    assert page.url == address
    assert cut(page) == preview(shelf, type="token", size=88, overlap=30)
    page.get_by_role("link", name="As indexed").click()
    assert cut(page) == preview(shelf, type="heading", size=256)


def test_a_wrong_number_is_said_and_the_drawing_stays(browser: Browser, live: Inspected, shelf: Shelf) -> None:
    with watched(browser) as found:
        page = found.page
        page.goto(live.address)
        go(page, live, "document", source="guide", id=GUIDE)
        before = cut(page)
        page.get_by_label("overlap", exact=True).fill("200")
        assert "must be at most half of size" in page.get_by_role("alert").inner_text()
        assert cut(page) == before
        page.get_by_label("overlap", exact=True).fill("0")
        page.get_by_role("alert").wait_for(state="detached")
        # The browser itself notes the refused request.
        assert all("400 (Bad Request)" in one for one in found.complaints)


def test_only_the_settings_of_the_chosen_chunker_are_shown(opened: Watched, live: Inspected) -> None:
    page = opened.page
    go(page, live, "document", source="guide", id=GUIDE)
    assert page.get_by_label("rows", exact=True).is_hidden()
    page.get_by_label("Chunker").select_option("rows")
    assert page.get_by_label("rows", exact=True).is_visible()
    page.get_by_label("Chunker").select_option("whole")
    assert page.get_by_label("size", exact=True).is_hidden()
    page.wait_for_function("() => document.querySelectorAll('.chunk[data-start]').length === 1")


def test_the_text_that_is_drawn_is_the_documents(opened: Watched, live: Inspected, shelf: Shelf) -> None:
    page = opened.page
    go(page, live, "document", source="guide", id=GUIDE, chunker="token", size="50", overlap="20")
    drawn = "".join(page.eval_on_selector_all(".drawing .text", "all => all.map(one => one.textContent)"))
    assert drawn == shelf.preview(GUIDE, source="guide").document.text


def test_a_search_shows_the_traces_columns_and_lights_a_chunk_up_in_all(
    opened: Watched, live: Inspected, shelf: Shelf
) -> None:
    page = opened.page
    go(page, live, "search")
    page.get_by_label("Question").fill(QUESTION)
    page.keyboard.press("Enter")
    page.locator("[data-list=hits] .entry").first.wait_for()
    assert urlsplit(page.url).query == urlencode({"q": QUESTION})
    trace = shelf.searcher.trace(QUESTION)
    chunks = "all => all.map(one => +one.dataset.chunk)"
    for name, scores in (("keywords", trace.keywords), ("vectors", trace.vectors[0]), ("fused", trace.fused)):
        shown = page.eval_on_selector_all(f"[data-list={name}] .entry", chunks)
        assert shown == sorted(scores, key=lambda one: -scores[one])[: len(shown)] and shown
    whys = page.locator("[data-list=hits] .why").all_inner_texts()
    assert [" ".join(one.split()) for one in whys] == [str(hit.why) for hit in trace.hits]
    best = page.locator("[data-list=hits] .entry").first
    best.locator("a").focus()
    number = best.get_attribute("data-chunk")
    lit = page.eval_on_selector_all(".lit", "all => all.map(one => one.closest('[data-list]').dataset.list)")
    assert set(lit) == {"keywords", "vectors", "fused", "hits"}
    assert {one.get_attribute("data-chunk") for one in page.locator(".lit").all()} == {number}
    page.locator("[data-list=keywords] .entry").nth(3).hover()
    assert page.locator(f".lit[data-chunk='{number}']").count() == 0 and page.locator(".lit").count()


def test_a_slider_searches_again_and_the_address_keeps_it(opened: Watched, live: Inspected, shelf: Shelf) -> None:
    page = opened.page
    go(page, live, "search", q=QUESTION)
    page.locator("input[name=keyword_weight]").focus()
    page.keyboard.press("Home")
    page.get_by_text("Not asked: their weight is 0.").wait_for()
    scores = page.locator("[data-list=hits] .score").all_inner_texts()
    assert scores == [score(hit.score) for hit in shelf.search(QUESTION, keyword_weight=0)]
    assert "keyword_weight=0" in page.url and "vector_weight" not in page.url
    page.reload()
    assert page.locator("[data-list=hits] .score").all_inner_texts() == scores
    assert page.locator("output").first.inner_text() == "0"


def test_a_hit_leads_to_its_chunk_in_the_document(opened: Watched, live: Inspected, shelf: Shelf) -> None:
    page = opened.page
    go(page, live, "search", q=QUESTION)
    page.locator("[data-list=hits] .entry a").first.click()
    hit = shelf.search(QUESTION)[0]
    marked = page.locator(".chunk.marked")
    assert int(marked.get_attribute("data-start") or -1) == hit.start
    assert marked.evaluate("one => one.matches(':target')")
    assert hit.text in (marked.locator(".text").text_content() or "")


def test_a_hostile_document_runs_nothing(opened: Watched, live: Inspected) -> None:
    page = opened.page
    for name, given in (
        ("documents", {"source": "odd"}),
        ("document", {"source": "odd", "id": HOSTILE_ID}),
        ("search", {"q": "zyzzyva <script>window.hacked = 4</script>", "why": HOSTILE_ID}),
    ):
        go(page, live, name, **given)
        assert page.evaluate("() => window.hacked") is None
        assert page.locator("main img, main script, main b:not(.good):not(.bad)").count() == 0
    go(page, live, "document", source="odd", id=HOSTILE_ID)
    assert "<script>window.hacked = 2</script>" in page.locator(".drawing").inner_text()
    page.get_by_label("Chunker").select_option("whole")
    page.wait_for_function("() => document.getElementById('yaml').textContent.includes('whole')")
    assert page.evaluate("() => window.hacked") is None
    assert "evil.example" not in " ".join(opened.requests)


def test_no_script_of_another_origin_nor_inline_may_run(opened: Watched, live: Inspected) -> None:
    page = opened.page
    page.evaluate(
        "() => { const made = document.createElement('script'); made.textContent = 'window.inline = 1';"
        " document.body.append(made); }"
    )
    assert page.evaluate("() => window.inline") is None
    assert any("Content Security Policy" in one for one in opened.complaints)
    opened.complaints.clear()


def test_another_page_can_neither_read_it_nor_frame_it(browser: Browser, live: Inspected) -> None:
    with watched(browser) as found:
        page = found.page
        page.goto(live.address)
        # Another port of this machine is another origin; the cookie would be sent there, and still it is refused.
        elsewhere = "http://127.0.0.1:9/"
        page.route(elsewhere, lambda route: route.fulfill(body="<p>elsewhere</p>", content_type="text/html"))
        page.goto(elsewhere)
        fetched = "url => fetch(url, {credentials: 'include'}).then(() => 'read', () => 'refused')"
        assert page.evaluate(fetched, live.url) == "refused"
        framed = "url => { document.body.append(Object.assign(document.createElement('iframe'), {src: url})); }"
        with page.expect_event("framenavigated"):
            page.evaluate(framed, live.url)
        assert len(page.frames) == 2 and "Sources" not in page.frames[1].content()


def test_without_scripts_everything_is_there(browser: Browser, live: Inspected, shelf: Shelf) -> None:
    with watched(browser, java_script_enabled=False) as found:
        page = found.page
        page.goto(live.address)
        go(page, live, "document", source="guide", id=GUIDE)
        page.get_by_label("size", exact=True).fill("100")
        page.get_by_role("button", name="Draw").click()
        spans = re.findall(r'data-start="(\d+)" data-end="(\d+)"', page.content())
        assert [(int(a), int(b)) for a, b in spans] == preview(shelf, type="heading", size=100)
        go(page, live, "search")
        page.get_by_label("Question").fill(QUESTION)
        page.get_by_role("button", name="Search").click()
        assert page.locator("[data-list=hits] .entry").count() == len(shelf.search(QUESTION))
        page.locator("input[name=why]").fill("en/gift-cards.md")
        page.get_by_role("button", name="Explain").click()
        assert "ranked #" in page.locator(".explained").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_scrolls_only_downwards(browser: Browser, live: Inspected, scheme: Any) -> None:
    with watched(browser, viewport={"width": 400, "height": 800}, color_scheme=scheme) as found:
        page = found.page
        page.goto(live.address)
        for name, given in (
            ("", {}),
            ("documents", {}),
            ("document", {"source": "guide", "id": GUIDE, "chunker": "token", "size": "60", "overlap": "20"}),
            ("document", {"source": "odd", "id": HOSTILE_ID}),
            ("search", {"q": QUESTION, "why": "en/gift-cards.md", "all": "1"}),
            ("costs", {}),
            ("health", {"run": "1"}),
        ):
            go(page, live, name, **given)
            assert page.evaluate(WIDE) == 0, name
        assert found.complaints == []


def test_every_control_can_be_reached_and_has_a_name(opened: Watched, live: Inspected) -> None:
    page = opened.page
    nameless = """() => [...document.querySelectorAll('a, button, select, textarea, input:not([type=hidden])')]
        .filter(one => !one.labels?.length && !one.textContent.trim() && !one.getAttribute('aria-label'))
        .map(one => one.outerHTML)"""
    for name, given in (
        ("document", {"source": "guide", "id": GUIDE}),
        ("search", {"q": QUESTION}),
        ("documents", {}),
    ):
        go(page, live, name, **given)
        assert page.evaluate(nameless) == []
        assert page.evaluate("() => document.querySelectorAll('[tabindex]:not([tabindex=\"0\"], main)').length") == 0
    go(page, live, "documents")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
