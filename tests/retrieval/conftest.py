"""The parts that several tests of retrieval start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from configs import schema
from ingest.chunk.tokens import CL100K, tokenizer
from ingest.ledger import Ledger
from openshelf import Shelf
from retrieval.answer import Answerer
from retrieval.conversations import Conversations
from retrieval.spend import Spend
from tests.retrieval import stock
from tests.retrieval.hits import Library
from tests.retrieval.server import Provider

KEY = "sk-test-0123456789abcdef"
count_tokens = tokenizer(CL100K).count


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A Responses server; at the end all that was said must have been valid, and all that was scripted asked for."""
    with Provider() as server:
        yield server


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path / "shelf")
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def library() -> Library:
    return Library()


PRICES = {"gpt-5-mini": {"input": 1.0, "cached_input": 0.1, "output": 10.0}}


@pytest.fixture
def answerer(provider: Provider, ledger: Ledger, library: Library) -> Iterator[Callable[..., Answerer]]:
    """Makes answerers that talk to ``provider``: keywords are keys of ``answer``; ``budget``, ``costs``, ``history``
    and ``retries`` are the other sections'."""
    made: list[Answerer] = []

    def make(
        *,
        budget: int = 2000,
        costs: dict[str, Any] | None = None,
        history: dict[str, Any] | None = None,
        retries: int = 0,
        search: Any = None,
        spending: bool = True,
        key: str | None = KEY,
        **settings: Any,
    ) -> Answerer:
        prices = schema.Costs.model_validate({"prices": PRICES, **(costs or {})})
        kept = schema.Conversations.model_validate(history or {})
        one = Answerer(
            search or library,
            schema.Answer.model_validate({"base_url": provider.url, **settings}),
            schema.Context(budget=budget),
            count_tokens=count_tokens,
            body=library.body,
            conversations=Conversations(ledger.engine, kept, count_tokens),
            spend=Spend(ledger.engine, prices) if spending else None,
            environment={"OPENAI_API_KEY": key} if key else {},
            max_retries=retries,
        )
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A synced shelf with the articles of ``stock``; only to be read."""
    folder = tmp_path_factory.mktemp("stock")
    (folder / "kb").mkdir()
    for article in stock.articles():
        article.write(folder / "kb")
    with Shelf.open(stock.config(folder)) as opened:
        assert [report.outcome for report in opened.sync()] == ["clean"]
        yield opened
