"""A schema-driven fuzz run against our own document: no 5xx, and no answer that the document does not describe."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openai import OpenAI
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.server.live import Live

_CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
_OURS = ("/v1/files", "/v1/uploads", "/v1/vector_stores")
_FEW = settings(
    max_examples=int(os.environ.get("OPENSHELF_FUZZ", "10")),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
    database=None,
)


@pytest.fixture(scope="module")
def ids(live: Live) -> dict[str, str]:
    """What is really there, so that not every request ends at an unknown id."""
    store, names = live.store_with({"returns.md": "Worn shoes can be exchanged within 30 days."})
    batch = live.client().vector_stores.file_batches.create(store, file_ids=list(names.values()))
    return {"vector_store_id": store, "file_id": names["returns.md"], "batch_id": batch.id}


@pytest.fixture(scope="module")
def operations(live: Live) -> list[Any]:
    api = schemathesis.openapi.from_url(f"{live.url}/openapi.json")
    found = [result.ok() for result in api.get_all_operations()]
    return [operation for operation in found if operation.path.startswith(_OURS)]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_that_is_sent_breaks_the_server(
    live: Live, client: OpenAI, operations: list[Any], ids: dict[str, str], mode: GenerationMode
) -> None:
    assert len(operations) == 26
    rng = random.Random(7)
    tried = completed = 0

    def pending(case: Case) -> None:
        """An upload that takes what comes; the run before may have ended it."""
        upload = client.uploads.create(bytes=4, filename="a.txt", mime_type="text/plain", purpose="assistants").id
        case.path_parameters["upload_id"] = upload
        if case.path.endswith("/complete") and isinstance(case.body, dict) and rng.random() < 0.5:
            case.body["part_ids"] = [client.uploads.parts.create(upload, data=b"word").id]

    def ask(case: Case) -> None:
        nonlocal tried, completed
        if "upload_id" in case.path_parameters and rng.random() < 0.8:
            pending(case)
        if case.method != "DELETE" and rng.random() < 0.8:
            case.path_parameters.update({name: ids[name] for name in case.path_parameters if name in ids})
        answer = case.call_and_validate(checks=_CHECKS)
        tried += 1
        completed += case.path.endswith("/complete") and answer.status_code == 200

    for operation in operations:
        # What has neither a body nor a query can hardly be wrong.
        if mode is GenerationMode.POSITIVE or len(operation.body) or len(operation.query):
            _FEW(given(case=operation.as_strategy(generation_mode=mode))(ask))()
    assert tried > 100
    assert completed or mode is GenerationMode.NEGATIVE
    live.watched.problems.clear()  # of requests that OpenAI's document does not know
