"""The reports as a reader meets them: in Chromium, with a mouse, a keyboard, a phone and a printer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evaluation.compare import compare
from evaluation.outcome import Outcome, Run
from evaluation.reports import eval_report, simulation_report, tune_report
from evaluation.summary import summarise
from evaluation.tune.result import Change, Difference, KnobEffect, StudyResult, Trial, ValueEffect
from tests.browser import Watched, watched
from tests.evaluation.reports.worlds import DOCUMENT, QUOTE, TEXT, gold_and_run, simulation

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_OUTSIDE = """plot => {
  const all = plot.getBoundingClientRect();
  return Array.from(plot.querySelectorAll("text, circle, rect")).filter(one => {
    const box = one.getBoundingClientRect();
    return box.left < all.left - 1 || box.right > all.right + 1 || box.top < all.top - 1 || box.bottom > all.bottom + 1;
  }).map(one => one.outerHTML);
}"""
REPORTS = ("eval", "tune", "simulate")


def _eval(extra: int = 8) -> str:
    gold, run = gold_and_run(extra)
    before = dataclasses.replace(run, name="before", outcomes=tuple(_earlier(one) for one in run.outcomes))
    return eval_report(run, gold, summarise(run, gold), compare(before, run, gold), {("kb", DOCUMENT): TEXT})


def _earlier(one: Outcome) -> Outcome:
    lower = {name: value * 0.5 if name == "ndcg@10" else value for name, value in one.measures.items()}
    if one.case == "missed":
        lower["context_recall"] = 1.0
    return dataclasses.replace(one, measures=lower)


def _study() -> StudyResult:
    gold, run = gold_and_run()
    config = {"retrieval": {"top_k": 5}, "file": "x.yaml"}
    base_run = Run("base", {**run.manifest, "config": config}, run.outcomes)
    trials = tuple(
        Trial(
            number, f"k{number}", {} if number == 0 else {"retrieval.top_k": number},
            "base" if number == 0 else f"retrieval.top_k={number}", "v",
            means={"context_recall": recall, "context_tokens": tokens},
            cases={"context_recall": 28, "context_tokens": 30},
            intervals={"context_recall": (recall - 0.1, recall + 0.05), "context_tokens": (tokens - 9, tokens + 9)},
            chunks=100 + number, seconds=number + 0.5,
        )
        for number, recall, tokens in ((2, 0.91, 450.0), (0, 0.83, 700.0), (1, 0.7, 200.0), (9, 0.6, 1500.0))
    )  # fmt: skip
    failed = Trial(10, "k10", {"retrieval.top_k": 99}, "retrieval.top_k=99", "v", "failed", reason="<b>no</b>")
    return StudyResult(
        "study", ("context_recall",), ("context_tokens <= 700",), "grid", 0, "complete", (*trials, failed),
        {"overlap is larger than size": 2}, (1, 2), 0, 2,
        (Difference("context_recall", 19, 0.83, 0.9, 0.07, -0.02, 0.16, False),
         Difference("context_tokens", 19, 700.0, 450.0, -250.0, -290.0, -210.0, True)),
        "top_k=2 is better.",
        (KnobEffect("retrieval.top_k", "search",
                    (ValueEffect(1, "1", False, 1, 0.7, 1, -0.13, -0.2, -0.05, -500.0),
                     ValueEffect(5, "5", True, 1, 0.83, 0), ValueEffect(9, "9", False, 1, None, 0)), 0.8),),
        (Change("missed", "What about it?", "held-out", 1.0, 0.0), Change("gone", "An old one?", "tuning", 0.4, 0.2)),
        (Change("found", "Can I return worn shoes?", "tuning", 0.2, 0.6),),
        {"made": "2026-01-01"}, {"tuning": 28, "held-out": 19}, ("A note.",),
        {2: {"context_recall": 0.9, "context_tokens": 455.0}}, base_run=base_run, winner_run=run, gold=gold,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("reports")
    (where / "eval.html").write_text(_eval(), encoding="utf-8")
    (where / "tune.html").write_text(tune_report(_study(), {("kb", DOCUMENT): TEXT}), encoding="utf-8")
    (where / "simulate.html").write_text(simulation_report(simulation()), encoding="utf-8")
    return where


@contextmanager
def _opened(browser: Browser, folder: Path, name: str, **options: object) -> Iterator[Watched]:
    with watched(browser, **options) as found:
        found.page.goto((folder / f"{name}.html").as_uri())
        yield found


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_asks_the_network_for_nothing_and_complains_of_nothing(
    browser: Browser, folder: Path, name: str, scheme: str
) -> None:
    with _opened(browser, folder, name, color_scheme=scheme) as found:
        found.page.locator("details.q > summary").first.click()
        found.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert found.complaints == []
        assert found.requests == [(folder / f"{name}.html").as_uri()]
        dark = found.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"
        assert dark == (scheme == "dark")


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_of_a_document_runs_or_becomes_markup(browser: Browser, folder: Path, name: str) -> None:
    with _opened(browser, folder, name) as found:
        assert found.page.evaluate("window.broken") is None
        assert found.page.locator("script").count() == 1
        assert found.page.locator("img").count() == 0
        assert found.page.locator("[onmouseover], [onerror], [onclick], [style]").count() == 0
        text = found.page.locator("main").text_content() or ""
        assert "<script>window.broken = 1</script> and </script>" in text
        assert "{{ 7*7 }}" in text and "[U+202E]right to left" in text and "\u202e" not in text


@pytest.mark.parametrize("name", REPORTS)
def test_a_script_that_got_in_would_not_run(browser: Browser, folder: Path, name: str) -> None:
    html = (folder / f"{name}.html").read_text(encoding="utf-8")
    (folder / f"{name}-with.html").write_text(html.replace("<main", "<script>window.broken = 9</script><main"))
    with _opened(browser, folder, f"{name}-with") as found:
        assert found.page.evaluate("window.broken") is None
        assert len(found.complaints) == 1 and "Content Security Policy" in found.complaints[0]


@pytest.mark.parametrize("name", REPORTS)
def test_a_phone_never_scrolls_sideways(browser: Browser, folder: Path, name: str) -> None:
    with _opened(browser, folder, name, viewport={"width": 400, "height": 800}) as found:
        found.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert found.page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_prints(browser: Browser, folder: Path, name: str) -> None:
    with _opened(browser, folder, name) as found:
        import pypdfium2

        document = pypdfium2.PdfDocument(found.page.pdf(format="A4"))
        text = "".join(page.get_textpage().get_text_bounded() for page in document)
        assert len(document) > 1
        assert "Skip to the report" not in text
        # What is folded away on a screen is there on paper.
        assert "2026-01-01" in text and "Made with" in text
        assert (QUOTE in " ".join(text.split())) == (name != "simulate")
        document.close()


@pytest.mark.parametrize("name", REPORTS)
def test_each_plot_says_what_it_shows_and_its_values_stand_in_a_table(
    browser: Browser, folder: Path, name: str
) -> None:
    with _opened(browser, folder, name) as found:
        plots = found.page.locator("figure.plot > svg")
        assert plots.count() >= 1
        for plot in plots.all():
            named = (plot.get_attribute("aria-labelledby") or "").split()
            texts = [found.page.locator(f"#{one}").text_content() for one in named]
            assert len(texts) == 2 and all(texts)
            assert plot.locator("xpath=ancestor::section").locator("table").count() >= 1
            box = plot.evaluate(_OUTSIDE)
            assert box == []
    ids = re.findall(r' id="([^"]+)"', (folder / f"{name}.html").read_text(encoding="utf-8"))
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("name", "section", "column"),
    [("eval", "figures", "Mean"), ("tune", "leaderboard", "Context tokens"), ("simulate", "groups", "n")],
)
def test_a_table_is_sorted_from_the_keyboard(
    browser: Browser, folder: Path, name: str, section: str, column: str
) -> None:
    with _opened(browser, folder, name) as found:
        table = found.page.locator(f"#{section} table.sort").first
        button = table.get_by_role("button", name=column, exact=True)
        head = table.locator("th", has=found.page.get_by_role("button", name=column, exact=True))
        place = head.evaluate("h => h.cellIndex")
        values = (
            f"t => Array.from(t.tBodies[0].rows, r => r.cells[{place}].dataset.s ?? r.cells[{place}].textContent)"
            ".filter(x => x !== '').map(x => Number(x.replace(/[^0-9.]/g, '')))"
        )
        button.focus()
        found.page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        first = table.evaluate(values)
        assert first == sorted(first, reverse=True) and len(set(first)) > 1
        found.page.keyboard.press("Space")
        assert head.get_attribute("aria-sort") == "ascending"
        assert table.evaluate(values) == sorted(first)
        assert table.locator("th[aria-sort]").count() == 1
        assert found.page.evaluate("document.activeElement.textContent.trim()") == column


def test_the_skip_link_comes_first_and_is_seen(browser: Browser, folder: Path) -> None:
    with _opened(browser, folder, "eval") as found:
        found.page.keyboard.press("Tab")
        link = found.page.locator(".skip")
        assert link.evaluate("l => l === document.activeElement && l.getBoundingClientRect().left >= 0")
        found.page.keyboard.press("Enter")
        assert found.page.evaluate("document.activeElement.id") == "main"


def test_opening_a_question_shows_its_gold_in_the_document_beside_what_was_retrieved(
    browser: Browser, folder: Path
) -> None:
    with _opened(browser, folder, "eval") as found:
        question = found.page.locator("details.q", has_text="Can I return worn shoes?").first
        question.locator("summary").focus()
        found.page.keyboard.press("Enter")
        gold = question.locator("blockquote").first
        assert gold.locator("mark.g").first.is_visible()
        assert "".join(gold.locator("mark.g").all_text_contents()) == QUOTE
        assert "".join(gold.locator("mark.g.h").all_text_contents()) == QUOTE[:25]
        shown = gold.text_content() or ""
        # Without colours the brackets say the same.
        assert re.search(
            r"\[hit 2.{10,60}\[gold\sWorn shoes can be exchang.hit 2\]ed within 30 days\.\]", shown, re.DOTALL
        )
        hits = question.locator("table.hits tbody tr")
        assert hits.count() == 2
        row = hits.nth(1).text_content() or ""
        assert all(part in row for part in ("7.31", "0.512", "reranked 0.250", "worn, shoe<s>", "diversity: was 3rd"))


def test_the_worst_question_comes_first_and_a_search_finds_the_rest(browser: Browser, folder: Path) -> None:
    with _opened(browser, folder, "eval") as found:
        states = found.page.locator("details.q").evaluate_all("all => all.map(one => one.dataset.state)")
        assert states[:3] == ["failed", "overreached", "missed"] and states[-1] == "found"
        found.page.get_by_role("searchbox").fill("rent out")
        assert found.page.locator("details.q:visible").count() == 1
        assert "1 of 13" in (found.page.locator("#tools output").text_content() or "")
        found.page.get_by_role("searchbox").fill("")
        found.page.get_by_label("Show").select_option("failed")
        assert found.page.locator("details.q:visible").count() == 1
        found.page.get_by_label("Show").select_option("")
        found.page.get_by_label("Order").select_option("most context tokens first")
        tokens = found.page.locator("details.q").evaluate_all("all => all.map(one => Number(one.dataset.tokens))")
        assert tokens == sorted(tokens, reverse=True)


def test_a_link_to_a_question_opens_it(browser: Browser, folder: Path) -> None:
    with _opened(browser, folder, "eval") as found:
        found.page.locator("#moved a").first.click()
        assert found.page.locator("details.q[open]").count() == 1
        assert found.page.evaluate("document.activeElement.tagName") == "SUMMARY"
    with _opened(browser, folder, "simulate") as found:
        found.page.locator("#gaps .gap summary").click()
        found.page.locator("#gaps a").first.click()
        assert found.page.locator("details.q[open]").count() == 1


def test_what_cannot_be_told_apart_says_so(browser: Browser, folder: Path) -> None:
    with _opened(browser, folder, "eval") as found:
        row = found.page.locator("#moved tbody tr", has_text="recall@5")
        assert "not distinguishable (n=11)" in (row.text_content() or "")
        assert "▲ better" in (found.page.locator("#moved tbody tr", has_text="nDCG@10").first.text_content() or "")
    with _opened(browser, folder, "tune") as found:
        assert "not distinguishable (n=19)" in (found.page.locator("#verdict").text_content() or "")


def test_a_study_shows_the_front_the_keys_to_copy_and_what_each_found(browser: Browser, folder: Path) -> None:
    with _opened(browser, folder, "tune") as found:
        assert found.page.locator("#front .dot.winner path").count() == 1
        assert found.page.locator("#front .dot.base rect").count() == 1
        assert found.page.locator("#front .dot.front circle").count() == 1
        assert found.page.locator("#yaml").text_content() == "retrieval:\n  top_k: 2\n"
        found.page.get_by_role("button", name="Copy").click()
        assert found.page.evaluate("getSelection().toString()").strip() == "retrieval:\n  top_k: 2"
        worse = found.page.locator("details.q").first
        worse.locator("summary").click()
        assert worse.get_by_role("heading").all_text_contents() == ["Base", "Winner"]
        assert worse.locator("mark.g").first.is_visible()


def test_a_rehearsal_never_shows_one_rate_alone(browser: Browser, folder: Path) -> None:
    with _opened(browser, folder, "simulate") as found:
        rows = found.page.locator("#outcomes table").first.locator("tbody tr").all_text_contents()
        assert [re.sub(r"\d.*", "", row, flags=re.DOTALL) for row in rows[:3]] == ["right", "wrong", "handed over"]
        assert all(re.search(r"\d+ of 40.*%.* to .*%", row, re.DOTALL) for row in rows)


def test_a_report_reads_without_its_script(browser: Browser, folder: Path) -> None:
    with _opened(browser, folder, "eval", java_script_enabled=False) as found:
        found.page.locator("details.q summary", has_text="Can I return worn shoes?").click()
        assert found.page.locator("details.q[open] mark.g").first.is_visible()
        assert found.page.locator("th button").count() == 0


def test_a_thousand_questions_stay_under_five_megabytes() -> None:
    gold, run = gold_and_run(995)
    hits = run.outcomes[0].hits + tuple(
        dataclasses.replace(run.outcomes[1].hits[0], text="大" * 400, document=f"d{n}") for n in range(8)
    )
    run = dataclasses.replace(run, outcomes=tuple(dataclasses.replace(one, hits=hits) for one in run.outcomes))
    html = eval_report(run, gold, summarise(run, gold), None, {("kb", DOCUMENT): TEXT})
    assert len(html.encode()) <= 5_000_000
    assert html.count('<details class="q"') == 1000
    assert html.count("mark class=") > 1000


def test_a_run_without_texts_shows_the_quotation() -> None:
    gold, run = gold_and_run()
    html = eval_report(run, gold, summarise(run, gold))
    assert "the quotation alone" in html and 'class="g h"' in html
