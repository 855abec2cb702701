"""The table of rules against OpenAI's own document, the installed client, and Python's and TypeScript's parsers."""

from __future__ import annotations

import ast
import gzip
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache, reduce
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from openshelf.migrate import script_code
from openshelf.migrate.rules import Rule, rule_for, rules
from openshelf.migrate.uses import Use, camel

DOCUMENT = Path(__file__).parents[4] / "shared" / "specs" / "openai" / "openapi.json.gz"
needs_document = pytest.mark.skipif(not DOCUMENT.exists(), reason="OpenAI's document is not in ../shared/specs")
ids = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)


@cache
def document() -> dict[str, Any]:
    return json.loads(gzip.decompress(DOCUMENT.read_bytes()))


def properties(name: str) -> set[str]:
    """A schema's fields, those of what it is made of included."""
    schema = document()["components"]["schemas"][name]
    found = set(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found |= properties(part["$ref"].rpartition("/")[2]) if "$ref" in part else set(part.get("properties", {}))
    return found


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with OpenAI(api_key="none") as made:
        yield made


# --- nothing of the old API gets past --------------------------------------------------------------


@needs_document
def test_every_path_that_was_switched_off_has_a_rule() -> None:
    old = [path for path in document()["paths"] if re.match(r"/(assistants|threads)\b", path)]
    assert len(old) > 10
    for path in old:
        rule = rule_for(Use("path", re.sub(r"\{\w+\}", "{}", path).strip("/"), 1))
        assert rule is not None and rule.severity == "change", path


def methods(resource: Any, path: str) -> Iterator[str]:
    for name, member in inspect.getmembers(type(resource)):
        if name.startswith(("_", "with_")):
            continue
        if inspect.isfunction(member):
            yield f"{path}.{name}"
        elif hasattr(member, "__get__") and name in ("threads", "assistants", "runs", "steps", "messages"):
            yield from methods(getattr(resource, name), f"{path}.{name}")


def test_every_method_of_the_installed_client_that_was_switched_off_has_a_rule(client: OpenAI) -> None:
    old = [*methods(client.beta.threads, "client.beta.threads"), *methods(client.beta.assistants, "x.beta.assistants")]
    assert len(old) > 25
    for name in old:
        rule = rule_for(Use("call", name, 1))
        assert rule is not None and rule.severity == "change", name
    # Of the calls that programs really make none ends in the rule for the rest.
    assert [name for name in old if (rule := rule_for(Use("call", name, 1))) and rule.id == "threads-other"] == []


@needs_document
def test_every_event_that_was_switched_off_has_a_new_name_that_exists() -> None:
    schemas = document()["components"]["schemas"]
    old = {
        event["properties"]["event"]["enum"][0]
        for group in ("ThreadStreamEvent", "RunStreamEvent", "RunStepStreamEvent", "MessageStreamEvent")
        for event in schemas[group].get("anyOf") or schemas[group]["oneOf"]
    }
    (table,) = [rule.names for rule in rules() if rule.id == "event-name"]
    assert old == set(table)
    new = json.dumps(schemas)
    for rule in rules():
        for name in rule.names.values():
            for event in re.findall(r"response\.[a-z_.]+", name):
                assert f'"{event}"' in new, event


@needs_document
@pytest.mark.parametrize(
    ("schema", "call"),
    [
        ("CreateAssistantRequest", "client.beta.assistants.create"),
        ("CreateRunRequest", "client.beta.threads.runs.create"),
        ("CreateThreadAndRunRequest", "client.beta.threads.create_and_run"),
        ("CreateThreadRequest", "client.beta.threads.create"),
        ("CreateMessageRequest", "client.beta.threads.messages.create"),
    ],
)
def test_every_field_that_is_gone_has_a_rule(schema: str, call: str) -> None:
    new = properties("CreateResponse") | properties("CreateConversationBody")
    # What the call's own rule says: the thread, the assistant's name, a message's role and content.
    said = {"name", "description", "thread", "messages", "role", "content"}
    for name in properties(schema) - new - said:
        rule = rule_for(Use("key", name, 1, inside=call))
        assert rule is not None and rule.severity == "change", name


def test_every_handler_of_the_old_classes_has_a_new_event() -> None:
    handlers = {name for name in dir(openai.AssistantEventHandler) if name.startswith("on_")}
    (table,) = [rule.names for rule in rules() if rule.id == "event-method"]
    assert {name.removeprefix("on_") for name in handlers} == set(table)


# --- what is written instead works -----------------------------------------------------------------


def calls(code: str) -> Iterator[tuple[str, list[str], int]]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)).startswith("client."):
            yield name, [keyword.arg for keyword in node.keywords if keyword.arg], len(node.args)


@ids
def test_the_python_of_a_rule_calls_what_the_installed_client_has(rule: Rule, client: OpenAI) -> None:
    code = rule.code.get("python", "")
    ast.parse(code)
    for name, keywords, positional in calls(code):
        assert "beta" not in name
        function = reduce(getattr, name.split(".")[1:], client)
        known = inspect.signature(function).parameters
        assert set(keywords) <= set(known), f"{rule.id}: {name}"
        own = [one for one in known.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
        assert positional <= len(own), f"{rule.id}: {name}"


@ids
def test_the_python_of_a_rule_imports_what_is_there(rule: Rule) -> None:
    for node in ast.walk(ast.parse(rule.code.get("python", ""))):
        if isinstance(node, ast.ImportFrom):
            exec(compile(ast.Module([node], []), rule.id, "exec"), {})


@ids
def test_the_typescript_of_a_rule_can_be_parsed(rule: Rule) -> None:
    assert [use for use in script_code.uses(rule.code.get("typescript", ""), typed=True) if use.kind == "broken"] == []


@ids
def test_what_is_written_instead_needs_no_change(rule: Rule) -> None:
    from openshelf.migrate import python_code

    for uses in (
        python_code.uses(rule.code.get("python", "")),
        script_code.uses(rule.code.get("typescript", ""), typed=True),
    ):
        assert [found.id for use in uses if (found := rule_for(use)) and found.severity == "change"] == []


@ids
def test_a_rewriting_leads_to_a_method_of_the_installed_client(rule: Rule, client: OpenAI) -> None:
    if rule.rewrite is None or not rule.rewrite.to:
        return
    target = reduce(getattr, rule.rewrite.to, client)
    if inspect.ismethod(target):
        known = set(inspect.signature(target).parameters)
        kept = (rule.rewrite.only or frozenset()) - set(rule.rewrite.rename)
        assert kept | set(rule.rewrite.rename.values()) <= known


def test_ids_are_one_of_each_and_every_sentence_is_one() -> None:
    names = [rule.id for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
        assert rule.what.endswith("."), rule.id
        assert "\n" not in rule.what, rule.id
        assert rule.names or "{new}" not in rule.what


def test_names_are_spelled_both_ways() -> None:
    from openshelf.migrate.uses import snake

    for name in ("vector_stores", "create_and_poll", "conversations"):
        assert snake(camel(name)) == name
