"""The API embedder against a real server: batches, retries, counts, and a key that is never shown."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator

import numpy as np
import pytest

from configs.errors import ConfigError, EmbedError
from configs.schema import Embedder as Settings
from ingest.embed import openai_api
from ingest.embed.openai_api import OpenAIEmbedder
from tests.ingest.embed.embeddings_server import EmbeddingsServer, answer, refusal, vector_of, whole

KEY = "sk-very-s3cret-key"


@pytest.fixture
def server() -> Iterator[EmbeddingsServer]:
    running = EmbeddingsServer()
    yield running
    running.close()


def embedder(server: EmbeddingsServer, **options) -> OpenAIEmbedder:
    given = {"provider": "openai", "model": "m", "base_url": server.url, "api_key": KEY, "requests_per_minute": 10**9}
    return OpenAIEmbedder(Settings.model_validate({**given, **options}))


def unit(text: str, dimensions: int = 8) -> np.ndarray:
    vector = np.array(vector_of(text, dimensions), np.float32)
    return vector / np.linalg.norm(vector)


def test_vectors_come_back_in_order_and_of_length_one(server: EmbeddingsServer) -> None:
    texts = ["one", "two words", "three", ""]
    made = embedder(server, document_prefix="passage: ").embed_documents(texts)
    assert (made.shape, made.dtype) == ((4, 8), np.float32)
    assert np.allclose(made, [unit(f"passage: {text}") for text in texts], atol=1e-6)
    assert server.asked[0].body["model"] == "m"
    assert "dimensions" not in server.asked[0].body


def test_a_question_has_its_own_prefix_and_dimensions_are_asked_for(server: EmbeddingsServer) -> None:
    used = embedder(server, query_prefix="query: ", dimensions=5)
    assert np.allclose(used.embed_query("why"), unit("query: why", 5), atol=1e-6)
    assert server.asked[0].body["dimensions"] == 5
    assert used.dimensions == 5
    assert len(server.asked) == 1


def test_dimensions_are_known_or_asked_for_once(server: EmbeddingsServer) -> None:
    assert embedder(server, model="text-embedding-3-large").dimensions == 3072
    assert not server.asked
    used = embedder(server)
    assert (used.dimensions, used.dimensions, len(server.asked)) == (8, 8, 1)
    assert embedder(server, dimensions=4).embed_documents([]).shape == (0, 4)


def test_an_empty_text_is_sent_as_a_space(server: EmbeddingsServer) -> None:
    embedder(server).embed_documents(["", "a"])
    assert server.asked[0].body["input"] == [" ", "a"]


def test_requests_keep_to_the_limits_of_inputs_and_tokens(server: EmbeddingsServer, monkeypatch) -> None:
    monkeypatch.setattr(openai_api, "_MAX_INPUTS", 3)
    monkeypatch.setattr(openai_api, "_MAX_REQUEST", 10)
    texts = ["a", "b", "c", "d", "one two three four five six", "one two three four five", "e"]
    made = embedder(server).embed_documents(texts)
    assert [len(asked.body["input"]) for asked in server.asked] == [3, 2, 2]
    assert np.allclose(made, [unit(text) for text in texts], atol=1e-6)


def test_an_input_beyond_the_limit_is_cut_to_it(server: EmbeddingsServer, monkeypatch) -> None:
    monkeypatch.setattr(openai_api, "_MAX_INPUT", 4)
    embedder(server).embed_documents(["one two three four five six", "返品" * 50])
    first, second = server.asked[0].body["input"]
    assert first == "one two three four"
    assert second
    assert ("返品" * 50).startswith(second)


def test_a_busy_server_is_asked_again(server: EmbeddingsServer) -> None:
    server.script = [refusal(429, "slow down", retry_after_ms="1"), refusal(503, "busy", retry_after_ms="1")]
    assert np.allclose(embedder(server).embed_query("a"), unit("a"), atol=1e-6)
    assert len(server.asked) == 3


def test_a_server_that_stays_busy_is_one_error(server: EmbeddingsServer) -> None:
    server.script = [refusal(429, "slow down", retry_after_ms="1")] * 10
    with pytest.raises(EmbedError, match="answered 429"):
        embedder(server).embed_query("a")
    assert len(server.asked) == 6


def test_tokens_are_what_the_server_counted_also_from_many_threads(server: EmbeddingsServer) -> None:
    used = embedder(server)
    threads = [threading.Thread(target=used.embed_documents, args=(["a b c", "d"],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert used.tokens_used == 32
    server.script = [refusal(400, "no")]
    with pytest.raises(EmbedError):
        used.embed_query("x y z")
    assert used.tokens_used == 32


def test_a_server_that_counts_nothing_is_fine(server: EmbeddingsServer) -> None:
    server.script = [lambda body: answer({k: v for k, v in whole(body).items() if k != "usage"})]
    used = embedder(server)
    used.embed_query("a")
    assert used.tokens_used == 0


def without_first(body: dict) -> dict:
    made = whole(body)
    return {**made, "data": made["data"][1:]}


def ragged(body: dict) -> dict:
    made = whole({**body, "encoding_format": "float"})
    made["data"][0]["embedding"] = [1.0]
    return made


def repeated(body: dict) -> dict:
    made = whole(body)
    return {**made, "data": [{**item, "index": 0} for item in made["data"]]}


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (lambda body: answer(without_first(body)), "returned 1 vectors for 2 texts"),
        (lambda body: answer({**whole(body), "data": whole(body)["data"] * 2}), "returned 4 vectors for 2 texts"),
        (lambda body: answer({**whole(body), "data": []}), "one vector of numbers for each text"),
        (lambda body: answer(ragged(body)), "one vector of numbers for each text"),
        (lambda body: answer(repeated(body)), "one vector of numbers for each text"),
        (lambda body: answer({"object": "list"}), "one vector of numbers for each text"),
        (lambda body: answer({**whole(body), "data": [{"index": 0, "embedding": ["x"]}] * 2}), "one vector of numbers"),
        (lambda body: (200, {"Content-Type": "text/html"}, b"<html>a portal</html>"), "one vector of numbers"),
        (lambda body: (200, {"Content-Type": "application/json"}, b"{"), "one vector of numbers"),
        (lambda body: answer([1, 2]), "one vector of numbers"),
    ],
)
def test_an_answer_that_is_wrong_is_one_error(server: EmbeddingsServer, reply, message: str) -> None:
    server.script = [reply]
    with pytest.raises(EmbedError, match=message):
        embedder(server).embed_documents(["a", "b"])


def test_vectors_that_are_no_numbers_never_pass(server: EmbeddingsServer) -> None:
    def nan(body: dict):
        made = whole({**body, "encoding_format": "float"})
        made["data"][0]["embedding"][0] = float("nan")
        return answer(made)

    server.script = [nan]
    with pytest.raises(EmbedError):
        embedder(server).embed_query("a")


def test_another_length_than_before_is_an_error(server: EmbeddingsServer) -> None:
    used = embedder(server)
    used.embed_query("a")
    server.script = [lambda body: answer(whole({**body, "dimensions": 4}))]
    with pytest.raises(EmbedError, match="vectors of 4 dimensions, not 8"):
        used.embed_query("b")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_key_is_never_in_an_error_even_if_the_server_repeats_it(server: EmbeddingsServer, status: int) -> None:
    server.script = [refusal(status, f"Incorrect API key provided: {KEY}.")]
    with pytest.raises(EmbedError) as caught:
        embedder(server).embed_query("a")
    assert KEY not in str(caught.value)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert "127.0.0.1" in str(caught.value)
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_server_that_is_not_there_is_one_error(server: EmbeddingsServer, monkeypatch) -> None:
    monkeypatch.setattr(openai_api, "_RETRIES", 0)
    with pytest.raises(EmbedError, match="cannot be reached"):
        embedder(server, base_url="http://127.0.0.1:9/v1").embed_query("a")


def test_a_missing_key_names_both_places(monkeypatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = Settings(provider="openai", model="m")
    with pytest.raises(ConfigError, match=r"embedder\.api_key.*OPENAI_API_KEY"):
        OpenAIEmbedder(settings)
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert OpenAIEmbedder(settings).model == "m"


def test_requests_start_no_faster_than_the_budget(server: EmbeddingsServer, monkeypatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("ingest.embed.openai_api.time.sleep", slept.append)
    monkeypatch.setattr("ingest.embed.openai_api.time.monotonic", lambda: 100.0)
    used = embedder(server, requests_per_minute=60)
    for _ in range(3):
        used.embed_query("a")
    assert slept == [0.0, 1.0, 2.0]


def test_tokens_are_counted_as_openai_counts_them(server: EmbeddingsServer) -> None:
    assert embedder(server).count_tokens("hello world <|endoftext|>") > 3  # no special token from a text
