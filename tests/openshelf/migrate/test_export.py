"""Dumps of any shape, what their objects become, and conversations that a live server serves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from configs.loader import from_mapping
from openshelf.migrate.assistants import converted
from openshelf.migrate.messages import KnownFile, item_of
from openshelf.migrate.records import Bad, Record, read
from openshelf.migrate.stores import written
from openshelf.migrate.threads import gathered
from openshelf.server import keys, tables
from tests.openshelf.command import invoke, sentence_of
from tests.server.live import Live, open_shelf, serving

CONFIG = "path: shelf\nstore: {mode: embedded}\nsources: {kb: {type: files, path: .}}\n"
THREAD = {"id": "thread_abc", "object": "thread", "created_at": 1_700_000_000, "metadata": {"customer": "42"}}


def message(number: int, role: str = "user", text: str = "Hello", at: int | None = None, **more: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": {"value": text, "annotations": more.pop("annotations", [])}}]
    return {
        "id": f"msg_{number}",
        "object": "thread.message",
        "created_at": 1_700_000_000 + (number if at is None else at),
        "thread_id": "thread_abc",
        "role": role,
        "content": more.pop("content", content),
        "attachments": [],
        "metadata": {},
        **more,
    }


MESSAGES = [message(3, text="And gift cards?"), message(2, "assistant", "Yes."), message(1, text="Can I return them?")]


def listing(data: list[Any]) -> dict[str, Any]:
    return {"object": "list", "data": data, "first_id": None, "last_id": None, "has_more": False}


def dump(folder: Path, *values: Any, name: str = "dump.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{json.dumps(value)}\n" for value in values), encoding="utf-8")
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "openshelf.yaml"
    path.write_text(CONFIG)
    return path


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(json.dumps(one) for one in [THREAD, *MESSAGES]),
        "\n".join(json.dumps(one) for one in [THREAD, listing(MESSAGES)]),
        json.dumps([THREAD, *MESSAGES], indent=2),
        json.dumps(listing([THREAD, *MESSAGES]), indent=1),
        json.dumps({"thread": THREAD, "messages": listing(MESSAGES)}, indent=2),
        json.dumps({"threads": [{**THREAD, "messages": MESSAGES}]}),
        json.dumps({**THREAD, "messages": listing([{**one, "thread_id": None} for one in MESSAGES])}),
        "\ufeff" + json.dumps([[THREAD], MESSAGES]),
        json.dumps([{key: value for key, value in one.items() if key != "object"} for one in [THREAD, *MESSAGES]]),
        f"{json.dumps([THREAD])}\n{json.dumps(MESSAGES)}\n",
    ],
)
def test_every_shape_of_a_dump_holds_the_same(text: str, tmp_path: Path) -> None:
    (tmp_path / "dump.json").write_text(text, encoding="utf-8")
    export = gathered(read([tmp_path / "dump.json"]), {})
    assert not export.bad
    (thread,) = export.conversations
    assert (thread.id, thread.created) == ("conv_abc", 1_700_000_000)
    assert thread.metadata == {"customer": "42", "openai_thread_id": "thread_abc"}
    assert [item["content"][0]["text"] for item in thread.items] == ["Can I return them?", "Yes.", "And gift cards?"]


@pytest.mark.parametrize(
    ("lines", "bad"),
    [
        (['{"id": "thread_a", "object": "thread", "created_at": 1}', "{oops", "", "3"], [2, 4]),
        (["[", '{"id": "msg_1", "created_at": 1, "thread_id": "thread_a"},', "{oops", "]"], [3, 2]),
        (["", "  "], [1]),
        (["[", '{"id": 3},', '{"id": "thread_1", "object": "thread"}', "]"], [2, 3]),
        (['{"object": "list", "data": [', '{"id": "asst_1", "object": "assistant"}', "]}"], [2]),
        (["[" * 3000 + "]" * 3000], [1]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_its_line_and_the_rest_goes_on(
    lines: list[str], bad: list[int], tmp_path: Path
) -> None:
    (tmp_path / "x.json").write_text("\n".join(lines))
    good = dump(tmp_path, THREAD, *MESSAGES)
    export = gathered(read([tmp_path / "x.json", good]), {})
    assert sorted(one.line for one in export.bad) == sorted(bad)
    assert {Path(one.file).name for one in export.bad} == {"x.json"}
    assert "conv_abc" in [one.id for one in export.conversations]


@given(value=st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["thread_1", "msg_1", "list"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "object", "data", "content", "role", "thread_id", "created_at", "text", "tools", "model",
                         "metadata", "messages", "tool_resources", "attachments"]), inner, max_size=5),
    max_leaves=12,
))  # fmt: skip
def test_no_json_breaks_it(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "x.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    for one in read([path]):
        assert isinstance(one, Record | Bad)
        gathered([one], {})
    for kind in ("assistant", "thread", "thread.message", "vector_store", "thread.run"):
        if isinstance(value, dict):
            export = gathered([Record(kind, value, "x", 1)], {})
            assert all(item["content"] for thread in export.conversations for item in thread.items)


# --- converting -----------------------------------------------------------------------------------


def test_an_assistant_becomes_parameters_of_a_response() -> None:
    made = converted(
        {
            "id": "asst_1",
            "name": "Desk",
            "model": "gpt-5-mini",
            "instructions": "Be kind.",
            "temperature": 0.0,
            "top_p": None,
            "reasoning_effort": "low",
            "tools": [
                {"type": "file_search", "file_search": {"max_num_results": 5}},
                {"type": "code_interpreter"},
                {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}},
            ],
            "tool_resources": {
                "file_search": {"vector_store_ids": ["vs_1"]},
                "code_interpreter": {"file_ids": ["file-1"]},
            },
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": None}},
        }
    )
    assert made.parameters == {
        "model": "gpt-5-mini",
        "instructions": "Be kind.",
        "temperature": 0.0,
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
        "tools": [
            {"type": "file_search", "vector_store_ids": ["vs_1"], "max_num_results": 5},
            {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}},
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
        ],
    }
    assert made.answer == {"model": "gpt-5-mini", "instructions": "Be kind."}


@given(
    text=st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]) | st.sampled_from("\n\n ${}:#-"), max_size=60
    )
)
def test_instructions_come_back_from_the_yaml_as_they_were(text: str) -> None:
    made = converted({"model": "gpt-5-mini", "instructions": f"I{text}"})
    raw = YAML(typ="safe").load(written({"answer": made.answer}))
    assert from_mapping(raw, Path(), env={}).config.answer.instructions == f"I{text}"


_TEXT = st.text(st.characters(exclude_characters="【】", exclude_categories=["Cs"]), max_size=12)


@given(pieces=st.lists(st.tuples(_TEXT, st.sampled_from(["file-1", "file-2", "gone"])), max_size=6), last=_TEXT)
def test_markers_leave_the_text_and_annotations_say_where_they_stood(pieces: list[tuple[str, str]], last: str) -> None:
    text, plain, notes, wanted = "", "", [], []
    for number, (piece, file) in enumerate(pieces):
        marker = f"【{number % 2}†source】"
        text, plain = text + piece, plain + piece
        if file != "gone":
            wanted.append({"type": "file_citation", "file_id": f"doc_{file}", "filename": "a.md", "index": len(plain)})
        notes.append({"type": "file_citation", "text": marker, "start_index": len(text),
                      "end_index": len(text) + len(marker), "file_citation": {"file_id": file}})  # fmt: skip
        text += marker
    files = {name: KnownFile(f"doc_{name}", "a.md") for name in ("file-1", "file-2")}
    counts: Counter[str] = Counter()
    item = item_of(message(1, "assistant", text + last, annotations=notes[::-1]), files, counts)
    assert item is not None
    (part,) = item["content"]
    assert part["text"] == plain + last
    assert part["annotations"] == wanted
    assert counts["citations left out"] == len(pieces) - len(wanted)


def test_images_are_kept_where_the_api_has_them_and_counted_where_not() -> None:
    image = [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "image_file", "image_file": {"file_id": "file-1"}},
    ]
    counts: Counter[str] = Counter()
    attached = [{"file_id": "file-2", "tools": [{"type": "file_search"}]}]
    item = item_of(message(1, content=image, attachments=attached), {}, counts)
    assert item is not None
    assert item["content"] == [
        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
        {"type": "input_image", "file_id": "file-1", "detail": "auto"},
    ]
    assert item_of(message(1, "assistant", content=image), {}, counts) is None
    assert counts == {
        "images": 2, "images left out": 2, "attachments left out": 1, "messages": 1,
        "messages without content left out": 1,
    }  # fmt: skip


def test_messages_of_one_second_keep_the_order_of_the_conversation(tmp_path: Path) -> None:
    newest_first = [message(4, at=9), message(3, at=5), message(2, at=5), message(1, at=1)]
    for data in (newest_first, newest_first[::-1]):
        export = gathered(read([dump(tmp_path, THREAD, listing(data))]), {})
        assert [item["id"] for item in export.conversations[0].items] == ["msg_1", "msg_2", "msg_3", "msg_4"]


def test_a_thread_with_all_sixteen_keys_of_metadata_loses_one_and_says_so(tmp_path: Path) -> None:
    full = {**THREAD, "metadata": {f"k{n}": "v" for n in range(16)}}
    (thread,) = gathered(read([dump(tmp_path, full)]), {}).conversations
    assert len(thread.metadata) == 16
    assert thread.metadata["openai_thread_id"] == "thread_abc"
    assert thread.counts["metadata keys left out"] == 1


# --- copying --------------------------------------------------------------------------------------


@pytest.fixture
def served(config: Path) -> Iterator[Live]:
    with open_shelf(config.parent) as shelf, serving(shelf) as live:
        yield live


def rich() -> list[Any]:
    citation = {
        "type": "file_citation",
        "text": "【1†a】",
        "start_index": 4,
        "end_index": 8,
        "file_citation": {"file_id": "f"},
    }
    many = [message(n, "user" if n % 2 else "assistant", f"Number {n}") for n in range(10, 60)]
    return [
        THREAD,
        {"id": "thread_empty", "object": "thread", "created_at": 1_700_000_100, "metadata": {}},
        message(1, content=[{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                            {"type": "text", "text": {"value": "What is it?", "annotations": []}}]),
        message(2, "assistant", "Yes.【1†a】", annotations=[citation]),
        message(3, "assistant", content=[{"type": "refusal", "refusal": "No."}]),
        message(4, "assistant", "Half", status="incomplete"),
        *many,
    ]  # fmt: skip


def test_copied_threads_are_conversations_of_the_official_client(served: Live, tmp_path: Path, config: Path) -> None:
    path = dump(tmp_path, *rich())
    dry = invoke("migrate", "export", path, "--config", config)
    assert dry.code == 0
    assert "thread_abc → conv_abc  messages 54" in dry.out
    assert "Nothing was written" in dry.out
    client = served.client()
    with pytest.raises(Exception, match="conv_abc"):
        client.conversations.retrieve("conv_abc")

    done = invoke("migrate", "export", path, "--into", config, "--write")
    assert "Copied: 2 new conversations, 0 there already, 54 items added." in done.out
    conversation = client.conversations.retrieve("conv_abc")
    assert conversation.created_at == 1_700_000_000
    assert conversation.metadata == {"customer": "42", "openai_thread_id": "thread_abc"}
    items = list(client.conversations.items.list("conv_abc", order="asc", limit=100))
    assert [item.id for item in items] == [f"msg_{n}" for n in [1, 2, 3, 4, *range(10, 60)]]
    assert [part.type for part in items[0].content] == ["input_image", "input_text"]
    assert items[1].content[0].text == "Yes."
    assert items[2].content[0].refusal == "No."
    assert items[3].status == "incomplete"

    # And it goes on from there.
    store, _ = served.store_with({"returns.md": "# Returns\n\nWorn shoes can be exchanged within 30 days."})
    answer = client.responses.create(
        model="any",
        conversation="conv_abc",
        input="Can I return worn shoes?",
        tools=[{"type": "file_search", "vector_store_ids": [store]}],
    )
    assert "30 days" in answer.output_text
    assert len(list(client.conversations.items.list("conv_abc", limit=100))) > 55

    again = invoke("migrate", "export", path, "--into", config, "--write")
    assert "Copied: 0 new conversations, 2 there already, 0 items added." in again.out
    more = invoke("migrate", "export", dump(tmp_path, *rich(), message(99)), "--into", config, "--write", "--json")
    assert more.json["copied"] == {"new": 0, "there": 2, "items": 1}


def test_with_keys_a_copy_belongs_to_the_key_that_is_named(tmp_path: Path, config: Path) -> None:
    path = dump(tmp_path, *rich())
    with open_shelf(tmp_path) as shelf:
        tables.ensure(shelf.ledger)
        with shelf.ledger.writing() as connection:
            mine, other = (keys.create(connection, name, scopes=["read"]) for name in ("mine", "other"))
        assert "--key: mine, other" in sentence_of(invoke("migrate", "export", path, "--write", "--config", config))
        assert "no key 'me'" in sentence_of(
            invoke("migrate", "export", path, "--write", "--key", "me", "--config", config)
        )
        assert invoke("migrate", "export", path, "--write", "--key", "mine", "--config", config).code == 0
        with serving(shelf) as live:
            assert live.client(mine).conversations.retrieve("conv_abc").metadata["customer"] == "42"
            with pytest.raises(Exception, match="conv_abc"):
                live.client(other).conversations.retrieve("conv_abc")
        taken = invoke("migrate", "export", path, "--write", "--key", "other", "--config", config)
        assert "belongs to another key" in sentence_of(taken)


def test_bad_records_are_on_stderr_the_exit_code_says_so_and_the_others_are_copied(
    tmp_path: Path, config: Path
) -> None:
    path = dump(tmp_path, THREAD, message(1), {**message(2), "role": "robot"}, {**message(3), "created_at": None})
    done = invoke("migrate", "export", path, "--write", "--config", config)
    assert done.code == 3
    assert f"{path}:3: a message's role is user or assistant, not 'robot'" in done.err
    assert f"{path}:4: created_at" in done.err
    assert "1 item added" in done.out


def test_without_a_shelf_a_dump_can_be_read_and_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assistant = {"id": "asst_1", "object": "assistant", "model": "gpt-5-mini", "name": "Desk", "tools": []}
    path = dump(tmp_path, assistant, THREAD, {"id": "vs_1a", "object": "vector_store", "name": "Help: centre"})
    done = invoke("migrate", "export", path)
    assert done.code == 0
    assert "answer:\n  model: gpt-5-mini\n" in done.out
    assert "- vs_1a" in done.out
    assert "openshelf init" in sentence_of(invoke("migrate", "export", path, "--write"))
    assert "--write" in sentence_of(invoke("migrate", "export", path, "--key", "a"))
    assert "nowhere" in sentence_of(invoke("migrate", "export", tmp_path / "nowhere.json"))
