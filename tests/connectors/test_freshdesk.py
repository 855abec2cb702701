"""Freshdesk's knowledge base against a server that behaves like Freshdesk."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.errors import AuthError, ConnectorError, CursorError
from connectors.contract import Change, Checkpoint, Complete, Delete, Expected, Failed, Upsert
from connectors.freshdesk.connector import Freshdesk, connector
from connectors.freshdesk.options import FreshdeskOptions
from tests.connectors.conformance import Conformance, Shelf
from tests.connectors.differential import follow_changes
from tests.connectors.fakes.freshdesk import KEY, Desk
from tests.connectors.fakes.server import PASSING, Fault, Response

pytestmark = pytest.mark.usefixtures("quick")


class ArticlesWorld:
    """A knowledge base. What was removed lies in a bin, and comes back as it was."""

    def __init__(self, desk: Desk, **options: Any) -> None:
        self.fake = desk
        self.options = options
        category = desk.category("Help")
        self.folders = [desk.folder(category, "Returns")]
        self.folders.append(desk.folder(category, "Worn", 2, self.folders[0]))
        self.folders.append(desk.folder(category, "Staff", 3))
        self.ids: dict[str, int] = {}
        self.bin: dict[str, dict[str, Any]] = {}

    def connector(self) -> Freshdesk:
        return source(self.fake, **self.options)

    def put(self, name: str, text: str) -> None:
        html = f"<p>{text}</p>"
        with self.fake.lock:
            if name in self.ids:
                self.fake.edit(self.fake.articles, self.ids[name], description=html)
            elif name in self.bin and self.bin[name]["description"] == html:
                article = self.bin.pop(name)
                self.fake.articles[article["id"]] = article
                self.ids[name] = article["id"]
            else:
                self.ids[name] = self.fake.article(self.folders[len(self.ids) % 3], name, html)

    def remove(self, name: str) -> None:
        self.bin[name] = self.fake.articles.pop(self.ids.pop(name))

    def rename(self, old: str, new: str) -> None:
        text = self.fake.articles[self.ids[old]]["description"]
        self.remove(old)
        self.put(new, text.removeprefix("<p>").removesuffix("</p>"))

    def mutate(self, rng: random.Random) -> None:
        fake, present = self.fake, sorted(self.ids)
        with fake.lock:
            kind = rng.randrange(11)
            if kind <= 2 or not present:
                self.put(f"doc{rng.randrange(20)}", f"Text {rng.randrange(40)}")
            elif kind == 3:
                self.remove(rng.choice(present))
            elif kind == 4:
                self.rename(rng.choice(present), f"new{rng.randrange(20)}")
            elif kind == 5:
                # A move does not change when the article was updated.
                fake.articles[self.ids[rng.choice(present)]]["folder_id"] = rng.choice(self.folders)
            elif kind == 6:
                fake.edit(fake.articles, self.ids[rng.choice(present)], status=rng.choice([1, 2]))
            elif kind == 7:
                fake.edit(fake.folders, rng.choice(self.folders), visibility=rng.choice([1, 2, 3, 4, 99]))
            elif kind == 8:
                fake.edit(fake.folders, self.folders[1], parent_folder_id=rng.choice([None, self.folders[0]]))
            elif kind == 9:
                number = self.ids[rng.choice(present)]
                fake.translate(number, "fr", "Titre", f"<p>Texte {rng.randrange(9)}</p>", rng.choice([1, 2, 2]))
            elif fake.translations:
                del fake.translations[rng.choice(list(fake.translations))]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as server:
        yield server


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.freshdesk.api.PAGE", 3)


def options(desk: Desk, **more: Any) -> FreshdeskOptions:
    given = {"url": desk.url, "api_key": KEY, "content": "articles", "requests_per_minute": 1_000_000}
    return FreshdeskOptions.model_validate({**given, **more})


def source(desk: Desk, **more: Any) -> Freshdesk:
    return Freshdesk("test", options(desk, **more))


def crawl(desk: Desk, shelf: Shelf | None = None, **more: Any) -> tuple[Shelf, list[Change]]:
    shelf = shelf or Shelf()
    return shelf, shelf.apply(source(desk, **more).changes(shelf.cursor))


class TestArticles(Conformance):
    @pytest.fixture
    def world(self, desk: Desk) -> ArticlesWorld:
        return ArticlesWorld(desk)


class TestTranslated(Conformance):
    @pytest.fixture
    def world(self, desk: Desk) -> ArticlesWorld:
        return ArticlesWorld(desk, languages=["fr"])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_following_equals_reading_afresh(desk: Desk, seed: int) -> None:
    follow_changes(ArticlesWorld(desk, languages=["fr", "pt-BR"][: seed - 1]), seed)


def stocked(desk: Desk, count: int = 7) -> int:
    folder = desk.folder(desk.category("Help"), "Returns")
    for number in range(count):
        desk.article(folder, f"Article {number}", f"<p>Text number {number}.</p>")
    return folder


def only(shelf: Shelf) -> Any:
    (document,) = shelf.documents.values()
    return document


def test_an_article_becomes_a_document(desk: Desk) -> None:
    category = desk.category("Help")
    inner = desk.folder(category, "Worn shoes", 1, desk.folder(category, "Returns"))
    number = desk.article(inner, "Worn?", "<p>Bring <b>them</b>.</p>", tags=["b", "a"])
    document = only(crawl(desk)[0])
    assert (document.id, document.title, document.media_type) == (f"article:{number}", "Worn?", "text/html")
    assert document.content == b"<p>Bring <b>them</b>.</p>"
    assert document.url == f"{desk.url}/support/solutions/articles/{number}"
    assert (document.language, document.readers) == ("en", None)
    made = desk.articles[number]["created_at"]
    assert {key: str(value) for key, value in document.metadata.items() if key.endswith("_at")} == {
        "created_at": made.replace("T", " ").replace("Z", "+00:00"),
        "updated_at": made.replace("T", " ").replace("Z", "+00:00"),
    }
    assert {key: value for key, value in document.metadata.items() if not key.endswith("_at")} == {
        "article_id": str(number),
        "category": "Help",
        "folder": "Worn shoes",
        "folders": ["Returns", "Worn shoes"],
        "tags": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("visibility", "more", "readers"),
    [
        (1, {}, None),
        (2, {}, {"freshdesk-users"}),
        (3, {}, {"freshdesk-agents"}),
        (4, {"company_ids": [5, 6]}, {"freshdesk-company:5", "freshdesk-company:6"}),
        (4, {}, set()),
        (5, {}, {"freshdesk-bots"}),
        (6, {"contact_segment_ids": [8]}, {"freshdesk-contact-segment:8"}),
        (7, {"company_segment_ids": [9]}, {"freshdesk-company-segment:9"}),
        (99, {}, set()),
    ],
)
def test_a_folder_says_who_may_read(desk: Desk, visibility: int, more: dict[str, Any], readers: set | None) -> None:
    folder = desk.folder(desk.category("Help"), "Returns", visibility, **more)
    desk.article(folder, "A", "<p>a</p>")
    assert only(crawl(desk)[0]).readers == (None if readers is None else frozenset(readers))


COMPANY = {"visibility": 4, "company_ids": [5, 6]}


@pytest.mark.parametrize(
    ("outer", "inner", "readers"),
    [
        ({"visibility": 2}, {"visibility": 1}, {"freshdesk-users"}),
        ({"visibility": 1}, {"visibility": 3}, {"freshdesk-agents"}),
        ({"visibility": 2}, COMPANY, {"freshdesk-company:5", "freshdesk-company:6"}),
        (COMPANY, {"visibility": 2}, {"freshdesk-company:5", "freshdesk-company:6"}),
        (COMPANY, {"visibility": 4, "company_ids": [6, 7]}, {"freshdesk-company:6"}),
        (COMPANY, {"visibility": 6, "contact_segment_ids": [1]}, set()),
        (COMPANY, {"visibility": 3}, {"freshdesk-agents"}),
        ({"visibility": 99}, {"visibility": 3}, set()),
        ({"visibility": 99}, {"visibility": 1}, set()),
        ({"visibility": 3}, {"visibility": 2}, {"freshdesk-agents"}),
    ],
)
def test_a_folder_inside_another_is_no_wider(desk: Desk, outer: dict, inner: dict, readers: set[str]) -> None:
    category = desk.category("Help")
    above = desk.folder(category, "Outer", **outer)
    desk.article(desk.folder(category, "Inner", parent=above, **inner), "A", "<p>a</p>")
    assert only(crawl(desk)[0]).readers == frozenset(readers)


def test_a_folder_that_is_restricted_restricts_its_articles(desk: Desk) -> None:
    folder = stocked(desk)
    shelf, _ = crawl(desk)
    desk.folders[folder]["visibility"] = 3
    _, seen = crawl(desk, shelf)
    assert len([change for change in seen if isinstance(change, Upsert)]) == 7
    assert {document.readers for document in shelf.documents.values()} == {frozenset({"freshdesk-agents"})}


def test_drafts_and_empty_articles_are_skipped(desk: Desk) -> None:
    folder = stocked(desk, 2)
    draft = desk.article(folder, "Draft", "<p>d</p>", status=1)
    empty = desk.article(folder, "Empty", " ")
    shelf, _ = crawl(desk)
    assert shelf.skipped == {f"article:{draft}": "draft", f"article:{empty}": "empty"}
    published = next(iter(shelf.documents)).split(":")[1]
    desk.edit(desk.articles, int(published), status=1)
    crawl(desk, shelf)
    assert len(shelf.documents) == 1


def test_an_article_without_its_text_in_the_list_is_asked_for(desk: Desk) -> None:
    stocked(desk, 1)
    answer = desk.answer

    def without(request: Any) -> Response:
        response = answer(request)
        if request.path.endswith("/articles"):
            for one in response.json:
                del one["description"]
        return response

    desk.answer = without  # type: ignore[method-assign]
    shelf, _ = crawl(desk)
    assert shelf.texts == ["<p>Text number 0.</p>"]
    number = next(iter(desk.articles))
    assert desk.paths(f"/solutions/articles/{number}")
    desk.asked.clear()
    crawl(desk, shelf)
    assert not desk.paths("/solutions/articles/")
    # Where its folder was narrowed meanwhile, what others saw does not stay.
    desk.edit(desk.folders, desk.articles[number]["folder_id"], visibility=3)
    desk.break_next(*[Fault("error", 500, path="/solutions/articles/")] * 5)
    _, seen = crawl(desk, shelf)
    assert [type(change) for change in seen][:2] == [Delete, Failed]
    assert not shelf.documents
    crawl(desk, shelf)
    assert only(shelf).readers == {"freshdesk-agents"}


@pytest.mark.parametrize(("status", "gone"), [(403, True), (404, True), (500, False)])
def test_a_text_that_is_refused_leaves_and_one_that_fails_stays(desk: Desk, status: int, gone: bool) -> None:
    stocked(desk, 1)
    shelf, _ = crawl(desk)
    number, answer = next(iter(desk.articles)), desk.answer
    desk.edit(desk.articles, number, title="New")

    def refusing(request: Any) -> Response:
        if "/solutions/articles/" in request.path:
            return Response(status)
        response = answer(request)
        if request.path.endswith("/articles"):
            response.json[0].pop("description")
        return response

    desk.answer = refusing  # type: ignore[method-assign]
    crawl(desk, shelf)
    assert bool(shelf.documents) is not gone
    assert bool(shelf.failed) is not gone


def test_translations_are_documents_of_their_own(desk: Desk) -> None:
    folder = stocked(desk, 1)
    number = next(iter(desk.articles))
    desk.translate(number, "fr", "Article zéro", "<p>Texte.</p>")
    desk.translate(number, "pt-BR", "Rascunho", "<p>Texto.</p>", status=1)
    assert len(crawl(desk)[0].documents) == 1
    shelf, _ = crawl(desk, languages=["fr", "pt-BR"])
    assert set(shelf.documents) == {f"article:{number}", f"article:{number}:fr"}
    assert shelf.skipped == {f"article:{number}:pt-BR": "draft"}
    french = shelf.documents[f"article:{number}:fr"]
    assert (french.title, french.language) == ("Article zéro", "fr")
    assert french.url == f"{desk.url}/fr/support/solutions/articles/{number}"
    assert french.metadata["folder"] == desk.folders[folder]["name"]
    del desk.translations[number, "fr"]
    crawl(desk, shelf, languages=["fr", "pt-BR"])
    assert set(shelf.documents) == {f"article:{number}"}


def test_a_language_that_the_account_has_not_is_named(desk: Desk) -> None:
    stocked(desk, 1)
    with pytest.raises(ConnectorError, match="no articles in 'de'") as caught:
        crawl(desk, languages=["de"])
    assert "Manage languages" in (caught.value.hint or "")
    assert not source(desk, languages=["de"]).check().ok


def test_the_scope_chooses_categories_folders_and_tags(desk: Desk) -> None:
    help_, shop = desk.category("Help"), desk.category("Shop")
    returns = desk.folder(help_, "Returns")
    worn = desk.folder(help_, "Worn", parent=returns)
    other = desk.folder(shop, "Other")
    for folder, tag in ((returns, "vip"), (worn, "old"), (other, "VIP")):
        desk.article(folder, f"In {folder}", f"<p>{folder}</p>", tags=[tag])

    def folders(**more: Any) -> set[int]:
        return {int(text.strip("<p>/")) for text in crawl(desk, **more)[0].texts}

    assert folders() == {returns, worn, other}
    assert folders(categories=["Help"]) == {returns, worn}
    assert folders(categories=[shop]) == {other}
    assert folders(folders=["Returns"]) == {returns, worn}
    assert folders(folders=[str(worn), "Other"]) == {worn, other}
    assert folders(tags=["vip"]) == {returns, other}
    for option in ("categories", "folders"):
        with pytest.raises(ConnectorError, match=r"has no (category|folder) 'Nowhere'"):
            crawl(desk, **{option: ["Nowhere"]})


def test_unchanged_articles_are_recognised(desk: Desk) -> None:
    stocked(desk)
    shelf, seen = crawl(desk)
    assert [change.documents for change in seen if isinstance(change, Expected)] == [7]
    number = next(iter(desk.articles))
    desk.edit(desk.articles, number, description="<p>New.</p>")
    _, seen = crawl(desk, shelf)
    assert [change.document.id for change in seen if isinstance(change, Upsert)] == [f"article:{number}"]
    _, seen = crawl(desk, shelf)
    assert [type(change) for change in seen] == [Checkpoint, Complete]


def test_a_stopped_run_delivers_nothing_twice(desk: Desk) -> None:
    stocked(desk)
    shelf, run = Shelf(), source(desk).changes(None)
    for change in run:
        shelf.replay([change])
        if isinstance(change, Checkpoint):
            break
    assert len(shelf.documents) == 3
    _, seen = crawl(desk, shelf)
    assert len([change for change in seen if isinstance(change, Upsert)]) == 4
    assert KEY not in str(shelf.cursor)


def test_an_article_moved_while_the_lists_are_read_stays(desk: Desk) -> None:
    category = desk.category("Help")
    first, second = desk.folder(category, "First"), desk.folder(category, "Second")
    number = desk.article(second, "Mover", "<p>m</p>")
    shelf, _ = crawl(desk)
    desk.meanwhile = lambda: desk.articles[number].update(folder_id=first)
    _, seen = crawl(desk, shelf)
    assert not any(isinstance(change, Delete) for change in seen)
    assert only(shelf).metadata["folder"] == "First"


def test_an_article_moved_out_of_scope_leaves(desk: Desk) -> None:
    category = desk.category("Help")
    first, second = desk.folder(category, "First"), desk.folder(category, "Second")
    number = desk.article(first, "Mover", "<p>m</p>")
    shelf, _ = crawl(desk, folders=["First"])
    desk.articles[number]["folder_id"] = second
    crawl(desk, shelf, folders=["First"])
    assert not shelf.documents


def test_a_folder_deleted_while_the_lists_are_read_is_gone(desk: Desk) -> None:
    stocked(desk, 1)
    folder = stocked(desk, 2)
    shelf, _ = crawl(desk)
    desk.meanwhile = lambda: desk.folders.pop(folder)
    crawl(desk, shelf)
    assert len(shelf.documents) == 1


def test_a_list_that_breaks_off_deletes_nothing(desk: Desk) -> None:
    folder = stocked(desk)
    shelf, _ = crawl(desk)
    desk.articles.clear()
    desk.break_next(*[Fault("error", 500, path=f"/folders/{folder}/articles")] * 5)
    with pytest.raises(ConnectorError, match="status 500, after 5 tries"):
        crawl(desk, shelf)
    assert len(shelf.documents) == 7


def test_a_proxy_that_drops_the_link_hides_no_page(desk: Desk) -> None:
    stocked(desk)
    desk.linked = False
    assert len(crawl(desk)[0].documents) == 7


def test_a_list_without_pages_is_read_once_and_a_circle_is_an_error(desk: Desk) -> None:
    stocked(desk, 3)
    answer = desk.answer

    def endless(request: Any) -> Response:
        request.query["page"] = ["1"]
        return answer(request)

    desk.answer = endless  # type: ignore[method-assign]
    assert len(crawl(desk)[0].documents) == 3
    stocked(desk, 4)
    with pytest.raises(CursorError, match="does not advance"):
        crawl(desk)


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.retry_after}")
def test_what_passes_is_asked_over(desk: Desk, fault: Fault) -> None:
    stocked(desk, 2)
    for path in ("/categories", "/folders", "/subfolders", "/articles"):
        desk.break_next(Fault(fault.kind, fault.status, fault.retry_after, path=path))
    assert len(crawl(desk)[0].documents) == 2


def test_the_account_is_left_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[float] = []
    monkeypatch.setattr("connectors.retry.RateBudget.hold", lambda _, seconds: held.append(seconds))
    stocked(desk, 1)
    desk.remaining = (400, 41)
    crawl(desk)
    assert not held
    desk.remaining = (400, 39)
    crawl(desk)
    assert set(held) == {6.0}


def test_a_plan_gives_half_its_budget(desk: Desk) -> None:
    given = {"url": desk.url, "api_key": KEY, "content": "tickets"}
    budgets = {
        plan: (one.per_minute, one.lists_per_minute)
        for plan in ("trial", "growth", "pro", "enterprise")
        for one in [FreshdeskOptions.model_validate({**given, "plan": plan})]
    }
    assert budgets == {"trial": (25, 10), "growth": (100, 10), "pro": (200, 50), "enterprise": (350, 100)}
    assert FreshdeskOptions.model_validate({**given, "requests_per_minute": 7}).per_minute == 7


def test_a_wrong_key_is_named_without_showing_it(desk: Desk) -> None:
    wrong = source(desk, api_key="fd-wrong-key")
    reachable = wrong.check()
    assert not reachable.ok
    assert "does not accept the API key" in reachable.detail
    assert "Profile settings" in (reachable.hint or "")
    with pytest.raises(AuthError) as caught:
        list(wrong.changes(None))
    assert "fd-wrong" not in f"{caught.value} {reachable} {wrong.options!r}"


def test_a_role_without_solutions_is_told_where_to_get_it(desk: Desk) -> None:
    stocked(desk)
    shelf, _ = crawl(desk)
    desk.forbidden = "/solutions/"
    reachable = source(desk).check()
    assert "access_denied" in reachable.detail
    assert "Admin › Team › Roles" in (reachable.hint or "")
    with pytest.raises(AuthError):
        crawl(desk, shelf)
    assert len(shelf.documents) == 7


def test_check_says_who_and_how_much(desk: Desk) -> None:
    stocked(desk)
    assert source(desk).check().detail == f"{desk.url} as Ann: 1 folder with about 7 articles."


@pytest.mark.parametrize("body", [{}, [3], [{"name": "x"}]])
def test_answers_beyond_reason_are_errors(desk: Desk, body: Any) -> None:
    desk.answer = lambda _: Response(json=body)  # type: ignore[method-assign]
    desk.problem = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(ConnectorError, match="no list of things"):
        crawl(desk)


def test_a_list_of_folders_that_has_the_inner_ones_too_is_understood(desk: Desk) -> None:
    category = desk.category("Help")
    outer = desk.folder(category, "Outer", 3)
    desk.article(desk.folder(category, "Inner", 1, outer), "A", "<p>a</p>")
    answer = desk.answer

    def flat(request: Any) -> Response:
        if request.path.endswith(f"/categories/{category}/folders"):
            return Response(json=[desk._folder(one) for one in desk.folders.values()])
        return answer(request)

    desk.answer = flat  # type: ignore[method-assign]
    assert only(crawl(desk)[0]).readers == {"freshdesk-agents"}


@pytest.mark.parametrize("status", [403, 500])
def test_a_folder_that_may_be_there_deletes_nothing(desk: Desk, status: int) -> None:
    folder = stocked(desk, 2)
    shelf, _ = crawl(desk)
    answer, statuses = desk.answer, {f"/folders/{folder}/articles": 404, f"/folders/{folder}": status}
    desk.answer = lambda request: (  # type: ignore[method-assign]
        Response(found)
        if (found := next((code for path, code in statuses.items() if request.path.endswith(path)), 0))
        else answer(request)
    )
    with pytest.raises(ConnectorError):
        crawl(desk, shelf)
    assert len(shelf.documents) == 2


def test_what_is_in_no_list_and_cannot_be_asked_for_deletes_nothing(desk: Desk) -> None:
    stocked(desk, 2)
    shelf, _ = crawl(desk)
    gone = desk.articles.popitem()[0]
    desk.break_next(*[Fault("error", 500, path=f"/solutions/articles/{gone}")] * 5)
    with pytest.raises(ConnectorError, match="status 500"):
        crawl(desk, shelf)
    assert len(shelf.documents) == 2


def test_folders_deeper_than_reason_are_an_error(desk: Desk) -> None:
    category, folder = desk.category("Help"), None
    for depth in range(25):
        folder = desk.folder(category, f"Level {depth}", parent=folder)
    with pytest.raises(ConnectorError, match="folders deep"):
        crawl(desk)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"url": "http://x.org"}, "use https"),
        ({"api_key": ""}, "api_key is empty"),
        ({"languages": ["fr/../x"]}, "no language code"),
        ({"statuses": ["resolved"]}, "statuses goes with content: tickets"),
        ({"content": "tickets", "folders": ["a"]}, "folders goes with content: articles"),
        ({"content": "tickets", "statuses": []}, "statuses is empty"),
        ({"content": "tickets", "statuses": ["solved"]}, "is no status; write open"),
        ({"content": "tickets", "since": "2025-01-01", "max_age": "9d"}, "either since or max_age"),
        ({"content": "tickets", "max_age": "old"}, "is not a duration"),
        ({"content": "forums"}, "articles"),
    ],
)
def test_wrong_options_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FreshdeskOptions.model_validate(
            {"url": "https://x.freshdesk.com", "api_key": KEY, "content": "articles", **given}
        )


def test_it_is_built_by_its_type(desk: Desk, tmp_path: Path) -> None:
    built = connector.build("help", options(desk), base_dir=tmp_path)
    assert built.check().ok
    assert connector.options is FreshdeskOptions
