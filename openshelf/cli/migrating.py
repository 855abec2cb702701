"""``migrate``: away from OpenAI's Assistants, Threads, Runs and File Search."""

from __future__ import annotations

from pathlib import Path

import click

from openshelf.cli.printing import json_option, print_json
from openshelf.cli.state import App
from openshelf.cli.teaching import FAILED, TeachingCommand, command


class _Migrate(TeachingCommand, click.Group):
    """A group that teaches as its commands do."""


@click.group(
    "migrate",
    cls=_Migrate,
    no_args_is_help=True,
    examples=["openshelf migrate code src", "openshelf migrate stores", "openshelf migrate export dump.jsonl"],
    exits=FAILED,
)
def migrate() -> None:
    """Move from OpenAI's Assistants and File Search.

    Says what to change in your code, brings vector stores over, and copies threads to conversations.
    """


@command(
    "code",
    examples=[
        "openshelf migrate code src",
        "openshelf migrate code app.py --only change",
        "openshelf migrate code src --diff | git apply",
        "openshelf migrate code src --json",
    ],
    exits={0: "nothing has to change", 1: "something has to change, or the code could not be read"},
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--diff", "as_diff", is_flag=True, help="Print only a diff of what can be changed with certainty.")
@click.option(
    "--only",
    type=click.Choice(["change", "review", "keep"]),
    help="Print findings of this severity. Counts and exit code are those of all.",
)
@click.option("--base-url", metavar="URL", help="The shelf's address, for the diff. Default: http://127.0.0.1:8765/v1.")
@click.option(
    "--max-bytes", type=click.IntRange(1), default=1_000_000, show_default=True, help="Larger files are left out."
)
@json_option
@click.pass_obj
def code(
    app: App,
    paths: tuple[Path, ...],
    as_diff: bool,
    only: str | None,
    base_url: str | None,
    max_bytes: int,
    as_json: bool,
) -> int:
    """Read code, and say line by line what to change.

    Python, JavaScript and TypeScript are parsed; shell, YAML, JSON and other languages are read as text. `change`
    fails now, `review` wants a look, `keep` works unchanged. Nothing is written.
    """
    from openshelf.cli.migration_view import files_read, moving, show_code
    from openshelf.migrate.code import BASE_URL, examine

    with moving(app, "files") as told:
        report = examine(paths, max_bytes=max_bytes, base_url=base_url or BASE_URL, told=told)
    if as_json:
        found = [finding for finding in report.findings if only in (None, finding.severity)]
        whole = {"files": report.files, "counts": report.counts, "skipped": report.skipped}
        print_json(app, {**whole, "findings": found, "diffs": report.diffs})
    elif as_diff:
        for text in report.diffs.values():
            click.echo(text, nl=False)
        app.say(files_read(report))
    else:
        show_code(report, only)
    return 1 if report.counts["change"] else 0


@command(
    "export",
    examples=[
        "openshelf migrate export assistants.json threads.jsonl",
        "openshelf migrate export threads.jsonl messages.jsonl --write",
        "openshelf migrate export dump.jsonl --write --key website",
        "openshelf migrate export dump.jsonl --json",
    ],
    exits={0: "done", 1: FAILED[1], 3: "done, but some records could not be read; stderr names file and line"},
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--write", is_flag=True, help="Copy threads to conversations of the shelf. Otherwise nothing is written.")
@click.option(
    "--into", type=click.Path(path_type=Path), metavar="CONFIG", help="The shelf's YAML; the same as --config."
)
@click.option("--key", metavar="NAME", help="The API key that the conversations will belong to, where there are keys.")
@json_option
@click.pass_obj
def export(app: App, files: tuple[Path, ...], write: bool, into: Path | None, key: str | None, as_json: bool) -> int:
    """Read a dump of assistants, threads, messages and vector stores, and say what each becomes.

    Dumps are the API's objects as JSON: one, a list, or one a line. An assistant becomes an `answer` section and the
    parameters of a response, a thread a conversation (thread_X is conv_X), a vector store a source. Copying twice
    adds nothing twice.
    """
    from configs.errors import ConfigError
    from openshelf.cli.migration_view import json_of, moving, show_bad, show_export
    from openshelf.migrate.records import read
    from openshelf.migrate.threads import gathered

    if key is not None and not write:
        raise ConfigError("--key says whose the copies are.", hint="Add --write.")
    app.config = into or app.config
    copied = None
    if write or _configured(app):
        from openshelf.migrate import copying as copies

        with app.shelf() as shelf:
            caller = copies.owner(shelf, key) if write else None
            found = gathered(read(files), copies.known_files(shelf))
            if caller is not None:
                app.when_interrupted = "What was copied stays; copy again for the rest."
                with moving(app, "conversations", len(found.conversations)) as told:
                    copied = copies.copy(shelf, caller, found.conversations, told)
    else:
        found = gathered(read(files), {})
    if as_json:
        print_json(app, json_of(found, copied))
    else:
        show_export(found, copied)
    show_bad(app, found)
    return 3 if found.bad else 0


@command(
    "stores",
    examples=[
        "openshelf migrate stores",
        "openshelf migrate stores --api-key-env OLD_KEY --project proj_1",
        "openshelf migrate stores > stores.yaml",
    ],
    exits={0: "done", 1: "the account could not be read; one sentence on stderr says why"},
)
@click.option(
    "--api-key-env", default="OPENAI_API_KEY", show_default=True, metavar="NAME", help="Variable with the key."
)
@click.option("--base-url", metavar="URL", help="Another server with the same API. Default: https://api.openai.com/v1.")
@click.option("--organization", metavar="ORG", help="Where the key belongs to several.")
@click.option("--project", metavar="PROJECT", help="Where the key belongs to several.")
@click.option("--allow-private-network", is_flag=True, help="Let the server be in the own network.")
@json_option
@click.pass_obj
def stores(
    app: App,
    api_key_env: str,
    base_url: str | None,
    organization: str | None,
    project: str | None,
    allow_private_network: bool,
    as_json: bool,
) -> None:
    """List an account's vector stores and print the sources that bring them over.

    A source is named like its store without vs_, and a source NAME is served as the vector store vs_NAME: ids in
    your programs stay right. Put the YAML into the configuration; openshelf sync does the rest.
    """
    import os

    from configs.errors import ConfigError
    from openshelf.cli.migration_view import show_stores
    from openshelf.migrate.stores import OPENAI, Account, listed

    secret = os.environ.get(api_key_env, "").strip()
    if not secret:
        raise ConfigError(
            f"${api_key_env} is not set.", hint="Put the account's API key into it, or name another with --api-key-env."
        )
    account = Account(api_key_env, base_url or OPENAI, organization, project, allow_private_network)
    show_stores(app, listed(account, secret), account, as_json=as_json)


def _configured(app: App) -> bool:
    """Whether there is a shelf to look at; a dump can be read without one."""
    from configs.errors import ConfigError

    try:
        return app.config is not None or app.config_path().exists()
    except ConfigError:
        return False


for _one in (code, stores, export):
    migrate.add_command(_one)
