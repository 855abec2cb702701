"""``search explain ask chat costs`` over one synced shelf, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openshelf.command import CONFIG, invoke, sentence_of, write_shelf
from tests.retrieval.server import Provider, Refuses
from tests.retrieval.wire import Says

QUESTION = "Can worn shoes be exchanged?"
KEY = "sk-test-0123456789abcdef"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synced shelf; questions are asked of it, its documents stay as they are."""
    path = write_shelf(tmp_path_factory.mktemp("asking"))
    assert invoke("-c", path, "sync").code == 0
    return path


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        yield server


@pytest.fixture
def with_model(config: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same shelf, answered by a model that has a price."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    path = config.with_name("model.yaml")
    path.write_text(
        f"{CONFIG}answer: {{base_url: '{provider.url}'}}\n"
        "costs: {prices: {gpt-5-mini: {input: 1.0, cached_input: 0.1, output: 10.0}}}\n"
    )
    return path


def test_search_shows_where_each_hit_is_from_and_why(config: Path) -> None:
    done = invoke("-c", config, "search", QUESTION)
    assert done.code == 0 and done.err == ""
    first = done.out.split("\n\n")[0]
    assert first.startswith("1  ")
    for part in ("kb / returns.md", "https://help.example.com/returns", "Returns", "characters", "keywords #1"):
        assert part in first
    assert max(map(len, done.out.splitlines())) <= 100
    hit = invoke("-c", config, "search", QUESTION, "--json").json["hits"][0]
    assert (hit["source"], hit["document_id"], hit["why"]["keyword_rank"]) == ("kb", "returns.md", 1)
    assert hit["heading_path"] == ["Returns"] and "Worn shoes can be exchanged" in hit["text"]


def test_search_options_reach_the_search(config: Path) -> None:
    def found(*options: str) -> list[str]:
        return [hit["document_id"] for hit in invoke("-c", config, "search", "parcel", *options, "--json").json["hits"]]

    assert "goodwill.md" not in found()
    assert "goodwill.md" in found("--group", "agents")
    assert found("--top-k", "1") == ["shipping.md"]
    assert found("--set", "top_k=1") == ["shipping.md"]
    assert found("--group", "agents", "--filter", "source!=kb") == ["goodwill.md"]
    assert found("--filters", '{"source": {"in": ["runbook"]}}', "--group", "agents") == ["goodwill.md"]
    assert len(set(found("--set", "per_document=1"))) == len(found("--set", "per_document=1"))
    assert found("--set", "vector_weight=0", "--filter", "source=kb") == ["shipping.md"]


def test_search_without_a_hit_says_so_and_succeeds(config: Path) -> None:
    done = invoke("-c", config, "search", "shoes", "--filter", "source=none")
    assert done.code == 0 and "Nothing was found" in done.out
    assert invoke("-c", config, "search", "shoes", "--filter", "source=none", "--json").json["hits"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "query is empty"),
        (["x", "--filters", '{"price": {"near": 3}}'], "'near' is no filter operator"),
        (["x", "--set", "top_k=many"], "top_k"),
    ],
)
def test_a_bad_search_is_one_sentence(config: Path, arguments: list[str], words: str) -> None:
    assert words in sentence_of(invoke("-c", config, "search", *arguments))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--filter", "price"], "KEY=VALUE"),
        (["--filters", "{"], "not JSON"),
        (["--filters", "[]"], "JSON object"),
        (["--set", "topk=3"], "Did you mean 'top_k'"),
        (["--set", "groups=agents"], "knows no 'groups'"),
    ],
)
def test_malformed_options_are_usage_errors(config: Path, arguments: list[str], words: str) -> None:
    done = invoke("-c", config, "search", "shoes", *arguments)
    assert done.code == 2 and words in done.err and done.out == ""


def test_explain_says_why_a_document_came_back_or_did_not(config: Path) -> None:
    came = invoke("-c", config, "explain", QUESTION, "--document", "returns.md")
    assert came.code == 0 and "returned as #1" in came.out
    hidden = invoke("-c", config, "explain", "goodwill", "--document", "goodwill.md", "--json").json
    assert hidden["reason"] == "hidden" and "agents" in hidden["detail"]
    shown = invoke("-c", config, "explain", "goodwill", "--document", "goodwill.md", "--group", "agents").out
    assert "returned as #1" in shown
    filtered = invoke("-c", config, "explain", "goodwill", "--document", "returns.md", "--filter", "source=runbook")
    assert "leaves it out" in filtered.out
    unknown = invoke("-c", config, "explain", "goodwill", "--document", "nope.md")
    assert unknown.code == 0 and "No source has reported" in unknown.out
    assert "no source" in sentence_of(invoke("-c", config, "explain", "x", "--document", "y", "--source", "nope"))
    assert invoke("-c", config, "explain", "x").code == 2


def test_ask_quotes_with_sources_and_reasons_where_there_is_no_key(config: Path) -> None:
    done = invoke("-c", config, "ask", QUESTION)
    assert done.code == 0
    assert "exchanged" in done.out and "[1] Returns" in done.out and "keywords #1" in done.out
    assert "It cost nothing" in done.out
    assert "keywords #1" not in invoke("-c", config, "ask", QUESTION, "--no-why").out
    answer = invoke("-c", config, "ask", QUESTION, "--json").json
    assert answer["mode"] == "extractive" and answer["citations"][0]["document_id"] == "returns.md"
    refused = invoke("-c", config, "ask", "zyzzyva quokka", "--json").json
    assert refused["refused"] and refused["reason"] == "threshold"
    assert "no model was asked" in invoke("-c", config, "ask", "zyzzyva quokka").out


def test_ask_streams_events_as_json_lines(config: Path) -> None:
    lines = invoke("-c", config, "ask", QUESTION, "--json", "--stream").lines
    assert [line["event"] for line in lines][:2] == ["searching", "sources"]
    assert lines[-1]["event"] == "done"
    assert "".join(line["text"] for line in lines if line["event"] == "delta") == lines[-1]["answer"]["text"]
    assert invoke("-c", config, "ask", QUESTION, "--stream").code == 2


def test_ask_a_model_shows_text_citations_tokens_and_cost(with_model: Path, provider: Provider) -> None:
    provider.script(Says("Yes, within 30 days [1]."), Says("Yes [1]."))
    done = invoke("-c", with_model, "ask", QUESTION)
    assert done.code == 0
    assert done.out.startswith("Yes, within 30 days [1].\n")
    assert "[1] Returns" in done.out
    assert "100 tokens in (40 cached), 20 out" in done.out and "cost 0.0003 USD" in done.out
    answer = invoke("-c", with_model, "ask", QUESTION, "--json").json
    assert answer["text"] == "Yes [1]." and answer["usage"]["input"] == 100
    assert answer["cost"] == pytest.approx(0.000264)


def test_a_model_that_fails_is_one_sentence_without_the_key(with_model: Path, provider: Provider) -> None:
    provider.script(Refuses(401, "Incorrect API key provided: {key}", "invalid_api_key"))
    said = sentence_of(invoke("-c", with_model, "ask", QUESTION, "--json"))
    assert "key" in said and KEY not in said


def test_bad_questions_are_one_sentence(config: Path) -> None:
    assert "question is empty" in sentence_of(invoke("-c", config, "ask", " ", "--json"))
    assert "chat --list" in sentence_of(invoke("-c", config, "ask", QUESTION, "--conversation", "nope", "--json"))
    assert invoke("-c", config, "ask", QUESTION, "--mode", "guess").code == 2


def test_chat_reads_piped_questions_keeps_them_and_can_be_resumed_and_deleted(config: Path) -> None:
    done = invoke("-c", config, "chat", "--json", stdin=f"{QUESTION}\n\nAnd how long does it take?\n/quit\nnever\n")
    assert done.code == 0
    assert [line["question"] for line in done.lines] == [QUESTION, "And how long does it take?"]
    key = done.lines[0]["answer"]["conversation"]
    assert f"--resume {key}" in done.err
    plain = invoke("-c", config, "chat", "--resume", key, stdin="Is there a gift card?\n")
    assert plain.code == 0 and "> Is there a gift card?" in plain.out and "[1] Gift cards" in plain.out
    listed = invoke("-c", config, "chat", "--list", "--json").json["conversations"]
    assert [(item["id"], item["turns"], item["title"]) for item in listed if item["id"] == key] == [(key, 6, QUESTION)]
    assert key in invoke("-c", config, "chat", "--list").out
    assert invoke("-c", config, "ask", "And worn ones?", "--conversation", key, "--json").json["conversation"] == key
    assert "Deleted" in invoke("-c", config, "chat", "--delete", key).out
    assert "no conversation" in sentence_of(invoke("-c", config, "chat", "--resume", key))
    assert "no conversation" in sentence_of(invoke("-c", config, "chat", "--delete", key))


def test_chat_starts_anew_and_keeps_nothing_of_a_look(config: Path) -> None:
    before = invoke("-c", config, "chat", "--list", "--json").json["conversations"]
    assert invoke("-c", config, "chat", stdin="/help\n/new\n").code == 0
    assert invoke("-c", config, "chat", "--list", "--json").json["conversations"] == before
    two = invoke("-c", config, "chat", "--json", stdin=f"{QUESTION}\n/new\n{QUESTION}\n").lines
    assert two[0]["answer"]["conversation"] != two[1]["answer"]["conversation"]
    for line in two:
        gone = line["answer"]["conversation"]
        assert invoke("-c", config, "chat", "--delete", gone, "--json").json == {"deleted": gone}


def test_chat_at_a_terminal_prompts_and_shows_what_was_said_before(config: Path) -> None:
    first = invoke("-c", config, "chat", stdin=f"{QUESTION}\n/new\n/quit\n", terminal=True)
    assert first.code == 0
    assert first.out.startswith("you › ") and first.out.count("you › ") == 3
    assert "/quit (or Ctrl-D) ends" in first.err and "A new conversation" in first.err
    key = invoke("-c", config, "chat", "--list", "--json").json["conversations"][0]["id"]
    again = invoke("-c", config, "chat", "--resume", key, terminal=True)
    assert again.code == 0 and QUESTION in again.out and again.out.endswith("you › \n")
    assert invoke("-c", config, "chat", "--delete", key).code == 0


def test_chat_goes_on_after_a_failed_question_but_does_not_hide_it(with_model: Path, provider: Provider) -> None:
    provider.script(Refuses(400, "no such model"), Says("Yes [1]."))
    done = invoke("-c", with_model, "chat", "--json", stdin=f"{QUESTION}\n{QUESTION}\n")
    assert done.code == 1
    assert [line["answer"]["text"] for line in done.lines] == ["Yes [1]."]
    assert done.err.startswith("Error: ")
    assert invoke("-c", with_model, "chat", "--list", "--resume", "x").code == 2


def test_costs_add_up_by_day_conversation_and_model(with_model: Path, provider: Provider) -> None:
    provider.script(Says("Yes [1]."))
    assert invoke("-c", with_model, "ask", QUESTION).code == 0
    by_model = invoke("-c", with_model, "costs", "--by", "model", "--json").json
    line = by_model["lines"][0]
    assert line["key"].startswith("gpt-5-mini") and line["input_tokens"] == 100 * line["calls"]
    assert line["cost"] == pytest.approx(0.000264 * line["calls"])
    assert "gpt-5-mini" in invoke("-c", with_model, "costs", "--by", "model").out
    assert "USD" in invoke("-c", with_model, "costs").out
    for by in ("day", "source", "conversation"):
        assert invoke("-c", with_model, "costs", "--by", by, "--json").json["by"] == by


def test_costs_of_a_shelf_that_paid_for_nothing(tmp_path: Path) -> None:
    config = write_shelf(tmp_path)
    assert "No paid call" in invoke("-c", config, "costs").out
    assert invoke("-c", config, "costs", "--json").json == {"by": "day", "lines": []}
