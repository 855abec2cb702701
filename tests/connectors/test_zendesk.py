"""Zendesk as a source: the suite that every connector passes, for articles and for tickets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.contract import Connector
from connectors.zendesk.connector import Zendesk
from connectors.zendesk.options import ZendeskOptions
from tests.connectors.conformance import Conformance
from tests.connectors.differential import follow_changes
from tests.connectors.fakes.zendesk import ZendeskFake


def options(fake: ZendeskFake, **changed: Any) -> ZendeskOptions:
    raw = {
        "url": fake.url,
        "content": "articles",
        "token": "ready-token",
        "requests_per_minute": 10_000_000,
        "incremental_per_minute": 10_000_000,
        "sweep_every": "0s",
        **changed,
    }
    if {"oauth", "api_token"} & changed.keys():
        raw.pop("token")
    return ZendeskOptions.model_validate(raw)


class ArticleWorld:
    """A help centre with one article for each name."""

    def __init__(self, fake: ZendeskFake, **changed: Any) -> None:
        self.fake, self.changed = fake, changed
        self.ids: dict[str, int] = {}

    def connector(self) -> Connector:
        return Zendesk("test", options(self.fake, **self.changed))

    def put(self, name: str, text: str) -> None:
        body = f"<p>{text}</p>"
        if name not in self.ids:
            self.ids[name] = self.fake.add_article(name, body)
        elif self.ids[name] in self.fake.archived:
            # What was archived and comes back is the same article as before.
            self.fake.restore(self.ids[name])
        else:
            self.fake.edit(self.ids[name], body=body)

    def remove(self, name: str) -> None:
        self.fake.archive(self.ids[name])

    def rename(self, old: str, new: str) -> None:
        number = self.ids.pop(old)
        body = self.fake.translations[number]["en-us"]["body"]
        self.fake.archive(number)
        self.ids[new] = self.fake.add_article(new, body)

    def mutate(self, rng: random.Random) -> None:
        fake = self.fake
        alive = [number for number in fake.articles if number not in fake.archived]
        text = f"<p>Words {rng.random()}</p>"
        if not alive or rng.random() < 0.25:
            segments = [rng.choice(list(fake.segments))] if fake.segments and rng.random() < 0.4 else []
            section = rng.choice(list(fake.sections))
            fake.add_article(f"Article {rng.random()}", text, section=section, segments=segments)
            return
        number = rng.choice(alive)
        match rng.randrange(12):
            case 0:
                fake.edit(number, body=text)
            case 1:
                fake.edit(number, title=f"Title {rng.random()}")
            case 2:
                fake.edit(number, "fr", title="Titre", body=text, quietly=rng.random() < 0.5)
            case 3:
                if "fr" in fake.translations[number]:
                    fake.remove_translation(number, "fr")
            case 4:
                fake.edit(number, draft=rng.random() < 0.5)
            case 5:
                locale = rng.choice(list(fake.translations[number]))
                fake.edit(number, locale, outdated=rng.random() < 0.5)
            case 6:
                fake.archive(number)
            case 7:
                if fake.archived:
                    fake.restore(rng.choice(sorted(fake.archived)))
            case 8:
                if len(fake.segments) < 3:
                    fake.add_segment(f"Segment {len(fake.segments)}")
                fake.change(number, segments=rng.sample(list(fake.segments), rng.randint(0, len(fake.segments))))
            case 9:
                if rng.random() < 0.5 or not fake.segments:
                    fake.hidden_segments.clear()
                else:
                    fake.hidden_segments.add(rng.choice(list(fake.segments)))
            case 10:
                if rng.random() < 0.3:
                    fake.add_section(f"Section {rng.random()}", rng.choice(list(fake.categories)))
                elif rng.random() < 0.3:
                    fake.sections[rng.choice(list(fake.sections))]["name"] = f"Renamed {rng.random()}"
                else:
                    own = [one for one in fake.sections if fake._brand_of[one] == fake._brand_of[number]]
                    fake.change(number, section_id=rng.choice(own))
            case _:
                fake.change(number, promoted=rng.random() < 0.5, label_names=[rng.choice(["a", "b"])])


class TicketWorld:
    """A desk with one solved ticket for each name."""

    def __init__(self, fake: ZendeskFake, **changed: Any) -> None:
        self.fake, self.changed = fake, {"content": "tickets", **changed}
        self.ids: dict[str, int] = {}

    def connector(self) -> Connector:
        self.fake.wait()  # a run is a while after the changes that it is to find
        return Zendesk("test", options(self.fake, **self.changed))

    def put(self, name: str, text: str) -> None:
        if name not in self.ids:
            self.ids[name] = self.fake.add_ticket(name, text)
        elif self.fake.tickets[self.ids[name]]["status"] == "deleted":
            self.undelete(name, text)
        else:
            number = self.ids[name]
            self.fake.rewrite(number, self.fake.comments[number][0]["id"], plain_body=text)

    def undelete(self, name: str, text: str) -> None:
        """Restored by an agent: as it was, apart from when the system last touched it."""
        number = self.ids[name]
        self.fake.tickets[number]["status"] = "solved"
        self.fake.comments[number] = []
        self.fake._comment(number, text, 100)
        self.fake._comment(number, "Answered.", 200)
        self.fake.touch(number, system=True)

    def remove(self, name: str) -> None:
        number = self.ids[name]
        self.fake.touch(number, status="deleted", system=True)

    def rename(self, old: str, new: str) -> None:
        number = self.ids.pop(old)
        text = self.fake.comments[number][0]["plain_body"]
        self.fake.delete_ticket(number)
        self.ids[new] = self.fake.add_ticket(new, text)

    def mutate(self, rng: random.Random) -> None:
        fake = self.fake
        alive = [number for number, one in fake.tickets.items() if one["status"] != "deleted"]
        if not alive or rng.random() < 0.25:
            answer = f"Answer {rng.random()}" if rng.random() < 0.8 else None
            fake.add_ticket(f"Subject {rng.random()}", f"Question {rng.random()}", answer)
            return
        number = rng.choice(alive)
        comment = rng.choice(fake.comments[number])["id"]
        match rng.randrange(9):
            case 0:
                fake.add_comment(number, f"More {rng.random()}", rng.choice([100, 101, 200]), public=rng.random() < 0.7)
            case 1:
                fake.touch(number, status=rng.choice(["open", "pending"]))
            case 2 | 3:
                fake.touch(number, status=rng.choice(["solved", "closed"]))
            case 4:
                fake.rewrite(number, comment, plain_body="▇▇▇")
            case 5:
                fake.rewrite(number, comment, public=False)
            case 6:
                fake.delete_ticket(number)
            case 7:
                fake.touch(number, tags=[rng.choice(["vip", "spam"])])
            case _:
                fake.touch(number, subject=f"Subject {rng.random()}", system=rng.random() < 0.5)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[ZendeskFake]:
    monkeypatch.setattr("connectors.zendesk.api.PAGE", 2)
    monkeypatch.setattr("connectors.zendesk.centre.EXPORT_PAGE", 3)
    monkeypatch.setattr("connectors.zendesk.tickets.CHECKPOINT", 2)
    monkeypatch.setattr("connectors.zendesk.tickets.LAG", 0.0)
    with ZendeskFake(page=2, export_page=3) as server:
        yield server


class TestArticles(Conformance):
    @pytest.fixture
    def world(self, fake: ZendeskFake) -> ArticleWorld:
        return ArticleWorld(fake)


class TestTickets(Conformance):
    @pytest.fixture
    def world(self, fake: ZendeskFake) -> TicketWorld:
        return TicketWorld(fake)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_articles_are_followed_through_anything(fake: ZendeskFake, quick: None, seed: int) -> None:
    fake.add_section("Second", fake.category)
    fake.add_section("Other brand", fake.add_category("Elsewhere", fake.add_brand("Beta", "acme-beta")))
    fake.sideload = seed != 3
    follow_changes(ArticleWorld(fake), seed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_tickets_are_followed_through_anything(fake: ZendeskFake, quick: None, seed: int) -> None:
    follow_changes(TicketWorld(fake), seed)
