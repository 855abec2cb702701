"""A schema-driven fuzz run of responses and conversations: no 5xx, and no answer that a document does not describe.

Bodies come from our own document, from OpenAI's own schemas of a request and of items, and from a small schema that is
always there, so that most of them are taken and not refused at the door.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.retrieval import openai_schema
from tests.retrieval.wire import Says
from tests.server.live import ARTICLES, Live, open_shelf, serving
from tests.server.responses import bodies
from tests.server.responses.house import KEY
from tests.server.responses.provider import Provider
from tests.server.responses.saying import finds

_CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
_OURS = ("/v1/responses", "/v1/conversations")
_EXAMPLES = int(os.environ.get("OPENSHELF_FUZZ", "10"))
_FEW = settings(
    max_examples=_EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
    database=None,
)
_MORE = settings(_FEW, max_examples=4 * _EXAMPLES)
THEIRS = pytest.mark.skipif(not openai_schema.HERE, reason="OpenAI's document is not here (../shared/specs/openai)")
SOURCES = [pytest.param("small"), pytest.param("theirs", marks=THEIRS)]


class Served:
    """A running server with a vector store, and its upstream."""

    def __init__(self, live: Live, upstream: Provider | None) -> None:
        self.live, self.upstream = live, upstream
        self.store, _ = live.store_with(ARTICLES)

    def said(self) -> tuple[str, str]:
        """A response and a conversation in which nobody has put anything else."""
        tool: Any = {"type": "file_search", "vector_store_ids": [self.store]}
        with self.live.client() as client:
            made = client.responses.create(model="gpt-5-mini", input="How to return shoes?", tools=[tool])
            return made.id, client.conversations.create(items=[{"role": "user", "content": "shoes"}]).id

    def script(self) -> None:
        """The upstream searches if it can, and answers; it never runs out of words."""
        if self.upstream is not None:
            self.upstream.script(*([Says("You may return shoes [1]."), finds("return shoes")] * 200))


@pytest.fixture(scope="module", params=["extractive", "upstream"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _upstream: Provider
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("fuzzed")
    asked = request.param == "upstream"
    answer = {"base_url": _upstream.url, "api_key": KEY} if asked else {"provider": "extractive"}
    _upstream.forget()
    with open_shelf(folder, answer=answer) as shelf, serving(shelf) as live:
        yield Served(live, _upstream if asked else None)
    _upstream.forget()


@pytest.fixture(scope="module")
def operations(served: Served) -> list[Any]:
    api = schemathesis.openapi.from_url(f"{served.live.url}/openapi.json")
    found = [result.ok() for result in api.get_all_operations()]
    return [operation for operation in found if operation.path.startswith(_OURS)]


@pytest.fixture(scope="module", autouse=True)
def a_message_may_be_two_things() -> Iterator[None]:
    """A message whose content is a list is two of the things that an item may be in OpenAI's document, which says that
    an item is exactly one of them."""
    if not openai_schema.HERE:
        yield
        return
    item = openai_schema._schemas()["InputItem"]
    item["anyOf"] = item.pop("oneOf")
    openai_schema._validator.cache_clear()
    yield
    item["oneOf"] = item.pop("anyOf")
    openai_schema._validator.cache_clear()


@pytest.fixture(autouse=True)
def everything_fits(served: Served) -> Iterator[None]:
    """What was said must have been valid, to both sides, unless the test says that what it asked was not."""
    served.live.watched.problems.clear()
    if served.upstream is not None:
        served.upstream.problems.clear()
    served.script()
    yield
    said = [*served.live.watched.problems, *(served.upstream.problems if served.upstream is not None else [])]
    # ``$recursiveRef`` is no word of JSON Schema 2020, see ``checking``.
    assert [problem for problem in said if "$recursiveRef" not in problem] == []


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_that_is_sent_breaks_the_server(served: Served, operations: list[Any], mode: GenerationMode) -> None:
    assert len(operations) == 14
    rng = random.Random(7)
    response, conversation = served.said()
    there = {"response_id": response, "conversation_id": conversation}
    tried = 0

    def ask(case: Case) -> None:
        nonlocal tried
        if case.method != "DELETE" and rng.random() < 0.8:
            case.path_parameters.update({name: there[name] for name in case.path_parameters if name in there})
        _events_fit(case.call_and_validate(checks=_CHECKS))
        tried += 1

    for operation in operations:
        if mode is GenerationMode.POSITIVE or len(operation.body) or len(operation.query):
            _FEW(given(case=operation.as_strategy(generation_mode=mode))(ask))()
            served.script()
    assert tried >= 4 * _EXAMPLES
    # Of requests that OpenAI's document does not know: an item that is nonsense is answered as it came.
    served.live.watched.problems.clear()
    if served.upstream is not None:
        served.upstream.problems.clear()


@pytest.mark.parametrize("source", SOURCES)
def test_requests_of_the_schema_are_answered_as_the_documents_say(
    served: Served, operations: list[Any], source: str
) -> None:
    create = _operation(operations, "POST", "/v1/responses")
    input_items = _operation(operations, "GET", "/v1/responses/{response_id}/input_items")
    tool = {"type": "file_search", "vector_store_ids": [served.store]}
    body = bodies.small_request() if source == "small" else bodies.their_request()
    others = st.just([]) if source == "small" else bodies.their_tools()
    first, conversation = served.said()
    before = st.sampled_from([{}, {}, {"conversation": conversation}, {"previous_response_id": first}])
    taken, tried = 0, 0

    def ask(body: dict[str, Any], others: list[dict[str, Any]], before: dict[str, Any], searching: bool) -> None:
        nonlocal taken, tried
        if served.upstream is None:  # which can do nothing but answer a question by searching
            searching = True
            if isinstance(body["input"], list):
                body["input"].append({"role": "user", "content": "Which shoes can I return?"})
        tools = [other for other in others if other.get("type") != "file_search"] + ([tool] if searching else [])
        body = {**body, "input": with_ids(body["input"])}
        asked = {"model": "gpt-5-mini", **body, **before, "tools": tools}
        response = create.Case(body=asked, media_type="application/json").call_and_validate(checks=_CHECKS)
        tried += 1
        if response.status_code != 200:
            return
        taken += 1
        key = _events_fit(response)[-1]["response"]["id"] if asked.get("stream") else response.json()["id"]
        if asked.get("store") is not False:
            listed = input_items.Case(path_parameters={"response_id": key}).call_and_validate(checks=_CHECKS)
            assert listed.status_code == 200
        served.script()

    _MORE(given(body=body, others=others, before=before, searching=st.booleans())(ask))()
    assert taken > tried / 4, f"{taken} of {tried} were taken"


@pytest.mark.parametrize("source", SOURCES)
def test_items_of_the_schema_are_kept_and_listed_as_the_documents_say(
    served: Served, operations: list[Any], source: str
) -> None:
    create = _operation(operations, "POST", "/v1/conversations")
    add = _operation(operations, "POST", "/v1/conversations/{conversation_id}/items")
    every = _operation(operations, "GET", "/v1/conversations/{conversation_id}/items")
    one = _operation(operations, "GET", "/v1/conversations/{conversation_id}/items/{item_id}")
    taken, tried = 0, 0

    def ask(given_items: list[dict[str, Any]], at_once: bool) -> None:
        nonlocal taken, tried
        tried += 1
        given_items = with_ids(given_items)
        first = {"items": given_items} if at_once else {}
        made = create.Case(body=first, media_type="application/json").call_and_validate(checks=_CHECKS)
        if made.status_code != 200:
            return
        at = {"conversation_id": made.json()["id"]}
        if not at_once:
            case = add.Case(path_parameters=at, body={"items": given_items}, media_type="application/json")
            if case.call_and_validate(checks=_CHECKS).status_code != 200:
                return
        taken += 1
        listed = every.Case(path_parameters=at).call_and_validate(checks=_CHECKS).json()["data"]
        assert [item.get("type") for item in reversed(listed)] == [item.get("type", "message") for item in given_items]
        single = one.Case(path_parameters={**at, "item_id": listed[0]["id"]}).call_and_validate(checks=_CHECKS)
        assert single.json() == listed[0]

    items = bodies.small_items() if source == "small" else bodies.their_items()
    _MORE(given(given_items=items, at_once=st.booleans())(ask))()
    assert taken > tried / 4, f"{taken} of {tried} were taken"


def with_ids(value: Any) -> Any:
    """Items whose ids can be ids: nearly none of those that a schema of any text makes is."""
    if isinstance(value, list):
        return [with_ids(one) for one in value]
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        return {**value, "id": f"i{re.sub(r'[^A-Za-z0-9_.:-]', '', value['id'])[:200]}"}
    return value


def _operation(operations: list[Any], method: str, path: str) -> Any:
    (found,) = [one for one in operations if (one.method.upper(), one.path) == (method, path)]
    return found


def _events_fit(response: Any) -> list[dict[str, Any]]:
    """The events of a stream, each held against OpenAI's document."""
    if not response.headers.get("content-type", [""])[0].startswith("text/event-stream"):
        return []
    events = [json.loads(line[6:]) for line in response.text.split("\n") if line.startswith("data: ")]
    for event in events:
        problem = openai_schema.event_problem(event)
        assert problem is None or "$recursiveRef" in problem, problem
    return events
