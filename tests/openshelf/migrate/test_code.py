"""What is found in code: held line by line against tables, and against what Python's parser says."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openshelf.migrate import python_code, script_code, text_code
from openshelf.migrate.code import examine
from tests.openshelf.command import invoke, sentence_of
from tests.openshelf.migrate.reading import NAMES, SAMPLES, found_in, put, rows

OLD = "from openai import OpenAI\nclient = OpenAI()\nclient.beta.threads.create()\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_has_these_findings_and_no_others(name: str, tmp_path: Path) -> None:
    report = examine([put(name, tmp_path)])
    found = [f"{one.line} {one.severity} {one.rule}{' *' if one.rewritten else ''}" for one in report.findings]
    assert found == (SAMPLES / f"{name}.expected").read_text().splitlines()
    lines = (tmp_path / name).read_text().splitlines()
    assert all(one.code == lines[one.line - 1].strip() for one in report.findings)


@pytest.mark.parametrize(
    ("code", "rules"),
    [
        ("import openai\nopenai.beta.threads.create()", [(2, "threads-create")]),
        ("import openai as o\no.beta.threads.create()", [(2, "threads-create")]),
        ("t = client.beta.threads\nt.create()", [(1, "beta-alias"), (2, "threads-create")]),
        ("def f(c):\n    b = c.beta\n    return b.threads.runs.cancel()", [(3, "runs-cancel")]),
        ("r = client.beta.threads.create_and_run_poll(assistant_id=a)\nprint(r.status)",
         [(1, "threads-create-and-run"), (1, "run-assistant"), (2, "run-status")]),
        ("client.with_options(timeout=3).beta.threads.create()", [(1, "threads-create")]),
        ("client.beta.threads.with_raw_response.create()", [(1, "threads-create")]),
        ("(client\n .beta\n .threads\n .create)()", [(4, "threads-create")]),
        ("while True:\n    def f():\n        client.beta.threads.runs.retrieve(1)", [(3, "runs-retrieve")]),
        ("[client.beta.threads.delete(t) for t in ts]", [(1, "threads-delete")]),
        ("f'{client.beta.threads.create().id}'", [(1, "threads-create")]),
        ("'''client.beta.threads.create()'''\n# client.beta.threads.create()", []),
        ("server.threads.create()\nbeta.create()\nlog.messages.list()", []),
        ("d = {'type': 'retrieval'}\nx = run.required_action\ny = text.value", []),  # nothing says Assistants
        ("client.responses.create(tools=[{'type': 'file_search', 'vector_store_ids': ids}])", []),
        ("client.chat.completions.create(response_format={'type': 'text'})", []),
    ],
)  # fmt: skip
def test_python_is_followed(code: str, rules: list[tuple[int, str]], tmp_path: Path) -> None:
    assert [(line, rule) for line, _, rule in found_in(tmp_path, "a.py", code)] == rules


@pytest.mark.parametrize(
    ("code", "rules"),
    [
        ("client.beta.threads.create()", [(1, "threads-create")]),
        ("const { threads } = client.beta;\nthreads.create()", [(1, "beta-alias"), (2, "threads-create")]),
        ("const t = client.beta.threads;\nt\n  .create()", [(1, "beta-alias"), (3, "threads-create")]),
        ("await client.beta!.threads?.create()", [(1, "threads-create")]),
        ("class A { #c = 1; c = new B(); go() { return this.c.beta.threads.del(1); } }", [(1, "threads-delete")]),
        ("const OpenAI = require('openai');\nconst c = new OpenAI();", [(2, "client-base-url")]),
        ("// client.beta.threads.create()\n/* client.beta.threads.create() */", []),
        ("const a = <div>client.beta.threads.create()</div>;", []),
    ],
)
def test_scripts_are_followed(code: str, rules: list[tuple[int, str]], tmp_path: Path) -> None:
    assert [(line, rule) for line, _, rule in found_in(tmp_path, "a.tsx", code)] == rules


@pytest.mark.parametrize("name", ["a.rb", "b.go", "c.ipynb", "Dockerfile", ".env.local"])
def test_other_files_are_read_as_text(name: str, tmp_path: Path) -> None:
    text = "one\nclient.Beta.Threads.Runs.create(x)\ncurl https://api.openai.com/v1/assistants/asst_abcdefgh1\n"
    assert found_in(tmp_path, name, text) == [
        (2, "change", "runs-create"),
        (3, "change", "assistants-other"),
        (3, "review", "assistant-id"),
    ]


def test_python_that_cannot_be_parsed_is_one_finding_with_its_line(tmp_path: Path) -> None:
    assert found_in(tmp_path, "a.py", "import openai\nprint 'client.beta.threads.create()'\n") == [
        (2, "review", "unreadable")
    ]
    assert [rule for *_, rule in found_in(tmp_path, "b.py", "x = " + "(" * 5000 + ")" * 5000)] == ["unreadable"]


def test_a_script_that_cannot_be_parsed_is_read_as_far_as_it_can(tmp_path: Path) -> None:
    found = found_in(tmp_path, "a.ts", "client.beta.threads.create();\nconst = = {;\n")
    assert (1, "change", "threads-create") in found
    assert ("review", "unreadable") in [(severity, rule) for _, severity, rule in found]


def test_without_the_parser_scripts_are_left_out_and_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter_typescript", None)
    (tmp_path / "a.ts").write_text("client.beta.threads.create()")
    (tmp_path / "a.py").write_text(OLD)
    report = examine([tmp_path])
    assert report.files == 1
    assert any("openshelf[migrate]" in why for why in report.skipped)


def test_what_is_not_code_is_left_out_and_counted(tmp_path: Path) -> None:
    for name in ("node_modules/x", ".git", "env", "src"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.py").write_text(OLD)
    (tmp_path / "env" / "pyvenv.cfg").write_text("home = /usr")
    (tmp_path / "src" / "b.py").write_bytes(b"\0\1client.beta.threads.create()")
    (tmp_path / "src" / "c.py").write_text(OLD + "#" * 3000)
    (tmp_path / "src" / "d.png").write_bytes(b"x")
    (tmp_path / "src" / "e.py").write_bytes(OLD.encode() + b"# caf\xe9")
    (tmp_path / "src" / "loop").symlink_to(tmp_path)
    report = examine([tmp_path, tmp_path / "src" / "a.py"], max_bytes=2000)
    assert sorted({Path(one.path).name for one in report.findings}) == ["a.py", "e.py"]
    assert report.files == 2
    assert report.skipped == {
        "folder node_modules": 1,
        "folder .git": 1,
        "folder linked or virtual environment": 2,
        "binary": 1,
        "larger than 2,000 bytes": 1,
        "not code": 1,
    }


# --- the diff -------------------------------------------------------------------------------------


def test_the_diff_changes_what_is_certain_and_applies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("help_desk.py", "chat.ts"):
        put(name, tmp_path)
    before = examine([Path()])
    assert {one.rule for one in before.findings if one.rewritten} == {
        "client-base-url", "vector-stores-beta", "threads-create", "threads-delete",
    }  # fmt: skip
    done = invoke("migrate", "code", ".", "--diff", "--base-url", "http://shelf/v1")
    assert done.code == 1
    subprocess.run(["patch", "-p1", "--no-backup-if-mismatch"], input=done.out, text=True, check=True, cwd=tmp_path)
    ast.parse((tmp_path / "help_desk.py").read_text())
    assert 'Client(base_url="http://shelf/v1", api_key=' in (tmp_path / "help_desk.py").read_text()
    assert 'new OpenAI({ baseURL: "http://shelf/v1", apiKey' in (tmp_path / "chat.ts").read_text()
    after = examine([Path()])
    assert after.diffs == {}
    assert not [one for one in after.findings if one.rewritten]
    gone = [row for row in zip(rows(before), before.findings, strict=True) if row[1].rewritten]
    assert not {row for row, _ in gone if row[1] == "change"} & set(rows(after))


@pytest.mark.parametrize(
    "code",
    [
        "client.beta.threads.create(messages=[])",
        "client.beta.threads.create(**options)",
        "client.beta.threads.retrieve(*ids)",
        "beta = client.beta\nbeta.threads.create()",
        "client.beta.threads.update(t, metadata={}, tool_resources={})",
        "from openai import OpenAI\nOpenAI(**settings)",
        "from openai import OpenAI\nc = OpenAI()\nc.beta.threads.runs.create()\nc.embeddings.create()",
    ],
)
def test_what_is_not_certain_is_not_rewritten(code: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(code)
    report = examine([tmp_path])
    assert report.findings
    assert report.diffs == {}


_WORD = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\"\\'{}", exclude_categories=["Cs", "Cc"]))


@settings(max_examples=60, deadline=None)
@given(words=st.lists(_WORD, max_size=4), end=st.sampled_from(["\n", "\r\n"]))
def test_edits_hit_their_place_behind_any_letters(words: list[str], end: str) -> None:
    from openshelf.migrate.rewriting import applied, edits
    from openshelf.migrate.rules import rule_for

    template = '{}x = ["{}", client.beta.threads.retrieve(thread_id="{}")]; y = "{}"{}'
    padded = [*words, "", "", "", ""][:4]
    text = template.format(f'"{padded[0]}"; ', padded[1], padded[2], padded[3], end) * 2
    wanted = text.replace("beta.threads.retrieve(thread_id=", "conversations.retrieve(conversation_id=")
    use = [one for one in python_code.uses(text) if one.kind == "call"]
    assert len(use) == 2
    found = [edit for one in use if (rule := rule_for(one)) and rule.rewrite
             for edit in edits(rule.rewrite, one, "python", None, text)]  # fmt: skip
    assert applied(text, found) == wanted
    script = text.replace('thread_id="', 'q, "')
    calls = [one for one in script_code.uses(script, typed=True) if one.kind == "call"]
    found = [edit for one in calls if (rule := rule_for(one)) and rule.rewrite
             for edit in edits(rule.rewrite, one, "typescript", None, script)]  # fmt: skip
    assert applied(script, found) == script.replace("beta.threads.retrieve", "conversations.retrieve")


_PIECES = st.sampled_from(
    ["client", ".beta", ".threads", ".create", "(", ")", "{", "}", "[", "]", "`", "${", "'", '"', "\n", " ", "=", ":",
     "while ", "class A", "def f", "=>", "import ", "from 'openai'", "/v1/threads/", "asst_abcdefgh", "é", "\u2028",
     "\f", "\r", "\0", "\ud800", "#", "//", "/*", "async ", "for x of ", ","]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(_PIECES, max_size=40))
def test_no_text_breaks_a_reader_and_every_line_is_there(pieces: list[str]) -> None:
    text = "".join(pieces)
    lines = text.count("\n") + text.count("\r") + text.count("\u2028") + text.count("\f") + 1
    for uses in (
        python_code.uses(text),
        script_code.uses(text, typed=True),
        script_code.uses(text, typed=False),
        text_code.uses(text),
    ):
        for use in uses:
            assert 1 <= use.line <= lines + 1


# --- the command ----------------------------------------------------------------------------------


def test_the_exit_code_says_whether_something_has_to_change(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(OLD)
    done = invoke("migrate", "code", tmp_path)
    assert done.code == 1
    assert f"{tmp_path}/a.py:3  change  threads-create" in done.out
    assert "client.beta.threads.create()" in done.out
    assert "client.conversations.create(" in done.out
    (tmp_path / "a.py").write_text("print('nothing')")
    done = invoke("migrate", "code", tmp_path, terminal=True)
    assert done.code == 0
    assert "Nothing uses Assistants" in done.out


def test_json_has_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(OLD)
    done = invoke("migrate", "code", tmp_path, "--json", "--only", "change")
    assert done.code == 1
    assert done.json["counts"] == {"change": 1, "review": 1, "keep": 0}
    (finding,) = done.json["findings"]
    assert (finding["line"], finding["rule"], finding["code"]) == (3, "threads-create", "client.beta.threads.create()")
    assert list(done.json["diffs"])


def test_a_path_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    assert "There is no" in sentence_of(invoke("migrate", "code", tmp_path / "nowhere"))
