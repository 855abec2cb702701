"""The whole server: files put in over HTTP are found and cited, a source of the YAML is too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.retrieval.wire import Says
from tests.server.live import ARTICLES, Live, open_shelf, serving
from tests.server.responses.house import KEY
from tests.server.responses.provider import Provider, Stalls
from tests.server.responses.saying import finds, given

RETURNS = "You may return unworn shoes within 60 days of delivery"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, _upstream: Provider) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("whole")
    (folder / "faq").mkdir()
    (folder / "faq" / "wool.md").write_text("# Wool\n\nWool socks are washed cold and dry flat.")
    config: dict[str, Any] = {
        "sources": {"faq": {"type": "files", "path": str(folder / "faq")}},
        "answer": {"base_url": _upstream.url, "api_key": KEY},
    }
    with open_shelf(folder, **config) as shelf:
        assert [report.outcome for report in shelf.sync()] == ["clean"]
        with serving(shelf) as running:
            yield running


@pytest.fixture(scope="module")
def stored(live: Live) -> tuple[str, dict[str, str]]:
    return live.store_with(ARTICLES)


def test_an_uploaded_file_is_cited(live: Live, provider: Provider, stored: tuple[str, dict[str, str]]) -> None:
    store, files = stored
    provider.script(finds("return shoes"), Says(f"{RETURNS} [1]."))
    tool: Any = {"type": "file_search", "vector_store_ids": [store]}
    with live.client().responses.stream(
        model="gpt-5-mini", input="How long can I return shoes?", tools=[tool]
    ) as events:
        final = events.get_final_response()
    (citation,) = final.output[1].content[0].annotations  # type: ignore[union-attr]
    assert (citation.file_id, citation.filename) == (files["returns.md"], "returns.md")
    assert citation.model_extra["openshelf"]["vector_store_id"] == store
    assert RETURNS in given(provider.bodies[1])


def test_a_source_of_the_yaml_is_a_store_beside_it(live: Live, provider: Provider, stored: tuple[str, Any]) -> None:
    provider.script(finds("wash wool socks", "return shoes"), Says("Wool socks are washed cold and dry flat."))
    tool: Any = {"type": "file_search", "vector_store_ids": [stored[0], "vs_faq"]}
    response = live.client().responses.create(
        model="gpt-5-mini", input="How?", tools=[tool], include=["file_search_call.results"]
    )
    stores = {result.model_extra["vector_store_id"] for result in response.output[0].results}  # type: ignore[union-attr]
    assert stores == {stored[0], "vs_faq"}
    (citation,) = response.output[1].content[0].annotations  # type: ignore[union-attr]
    assert citation.file_id.startswith("doc_")


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"vector_store_ids": ["vs_none"]}, openai.NotFoundError, "vector_store_not_found"),
        ({"filters": {"type": "eq", "key": "a", "value": {}}}, openai.BadRequestError, None),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_sent(
    live: Live, provider: Provider, stored: tuple[str, Any], change: Any, error: type[Exception], code: str | None
) -> None:
    tool: Any = {"type": "file_search", "vector_store_ids": [stored[0]], **change}
    for streamed in (False, True):
        with pytest.raises(error) as caught:
            live.client().responses.create(model="gpt-5-mini", input="How?", tools=[tool], stream=streamed)
        assert code in (None, caught.value.code)  # type: ignore[attr-defined]
    assert not provider.requests


def test_leaving_closes_the_upstream(live: Live, provider: Provider) -> None:
    provider.script(Stalls(Says("It is a long answer.", piece=3), 6, threading.Event()))
    with live.client().responses.create(model="gpt-5-mini", input="a", stream=True) as events:
        for event in events:
            if event.type == "response.output_text.delta":
                break
    assert provider.hung_up.wait(30)
