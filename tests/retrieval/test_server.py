"""The scripted provider itself: what it says is what OpenAI says."""

from __future__ import annotations

import pytest

from tests.retrieval import openai_schema, wire
from tests.retrieval.wire import Says

REQUEST = {"model": "gpt-5-mini", "input": [{"role": "user", "content": "hi"}], "stream": True}
needs_document = pytest.mark.skipif(not openai_schema.HERE, reason=f"OpenAI's document is not at {openai_schema.SPEC}")
EVERY = [
    Says("Yes, within 30 days."),
    Says(calls=(wire.search("worn shoes"),), comment="I look it up."),
    Says("I cannot help with that.", refusal=True),
    Says("It is", incomplete="max_output_tokens"),
    Says(failed=("server_error", "sorry"), tokens=None),
]


@needs_document
@pytest.mark.parametrize("says", EVERY, ids=lambda says: says.status)
def test_every_answer_and_event_fits_openais_document(says: Says) -> None:
    assert openai_schema.problem("Response", wire.whole(says, REQUEST, 1)) is None
    for event in wire.events(says, REQUEST, 1):
        assert openai_schema.event_problem(event) is None


@needs_document
def test_what_does_not_fit_is_found() -> None:
    response = wire.whole(EVERY[0], REQUEST, 1)
    assert openai_schema.problem("Response", {**response, "status": "done"})
    assert openai_schema.event_problem({"type": "response.text"})
    assert openai_schema.event_problem({"type": "response.output_text.delta", "delta": "x"})
    assert openai_schema.request_problem(REQUEST) is None
    assert openai_schema.request_problem({**REQUEST, "max_tokens": 5})
    assert openai_schema.request_problem({**REQUEST, "input": [{"role": "wizard", "content": "hi"}]})


def test_the_events_come_in_openais_order() -> None:
    events = wire.events(Says("Yes, within 30 days.", piece=10), REQUEST, 1)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
