"""A small real shelf behind a small app, and a fake upstream that checks what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from openshelf import Shelf
from tests.retrieval import stock
from tests.server.responses.house import KEY, PRICES, House, StoreSearch, serving
from tests.server.responses.provider import Provider

Serve = Callable[..., House]


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Shelf]]:
    """A synced shelf with the articles of ``stock``, and the folder of its files."""
    folder = tmp_path_factory.mktemp("stock")
    (folder / "kb").mkdir()
    for article in stock.articles():
        article.write(folder / "kb")
    with Shelf.open(stock.config(folder)) as shelf:
        assert [report.outcome for report in shelf.sync()] == ["clean"]
        yield folder, shelf


@pytest.fixture(scope="session")
def _upstream() -> Iterator[Provider]:
    server = Provider()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def provider(_upstream: Provider) -> Iterator[Provider]:
    """The upstream; at the end all that was said must have been valid, and all that was scripted asked for."""
    _upstream.forget()
    yield _upstream
    _upstream.ended_well()


@pytest.fixture(scope="session")
def _served(stocked: tuple[Path, Shelf], _upstream: Provider) -> Iterator[Serve]:
    folder, shelf = stocked
    made: dict[str, House] = {}
    with ExitStack() as stack:

        def serve(search: Any = None, costs: dict[str, Any] | None = None, most: int = 256, **answer: Any) -> House:
            name = repr((search, costs, most, sorted(answer.items())))
            if name not in made:
                settings = {"base_url": _upstream.url, "api_key": KEY, "max_output_tokens": 800, **answer}
                config = stock.config(folder, answer=settings, costs={"prices": PRICES, **(costs or {})})
                other = stack.enter_context(Shelf.open(config))
                made[name] = stack.enter_context(serving(other, search or StoreSearch(shelf), most=most))
            return made[name]

        yield serve


@pytest.fixture
def serve(_served: Serve, provider: Provider) -> Iterator[Serve]:
    """Runs a server: keywords are keys of ``answer``; ``costs`` is that section, ``search`` another way to search,
    ``most`` how many responses it makes in the background. Servers of equal settings are one. All that they say must be
    valid."""
    used: list[House] = []

    def serve(**settings: Any) -> House:
        house = _served(**settings)
        house.problems.clear()
        used.append(house)
        return house

    yield serve
    assert [problem for house in used for problem in house.problems] == []


@pytest.fixture
def house(serve: Serve) -> House:
    """A server with the usual settings."""
    return serve()


@pytest.fixture
def client(house: House) -> Iterator[OpenAI]:
    """The official client, of a caller on loopback."""
    with house.client() as client:
        yield client


@pytest.fixture
def quoting(serve: Serve) -> Iterator[OpenAI]:
    """The official client of a server without a model."""
    with serve(provider="extractive").client() as client:
        yield client
