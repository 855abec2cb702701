"""``chat``: a conversation that is kept, and can be resumed or deleted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from configs.errors import OpenshelfError
from openshelf.cli.asking import MODE_HELP, MODES, show_answer
from openshelf.cli.filtering import filter_options, read_filters
from openshelf.cli.printing import console, counted, json_option, moment, plain, print_json, styled, table
from openshelf.cli.state import App
from openshelf.cli.teaching import command

if TYPE_CHECKING:
    from openshelf.shelf import Shelf
    from retrieval.conversations import Conversation

_HELP = "Ask a question. /new starts another conversation, /quit (or Ctrl-D) ends."


@command(
    "chat",
    examples=[
        "openshelf chat",
        "openshelf chat --list",
        "openshelf chat --resume conv_1234",
        "openshelf chat --delete conv_1234",
        "printf 'Can I return shoes?\\nAnd if I wore them?\\n' | openshelf chat --json",
    ],
    exits={0: "the conversation ended, or the list was shown", 1: "failed, or a piped question had no answer"},
)
@click.option("--list", "listing", is_flag=True, help="Show the conversations there are, the latest first.")
@click.option("--resume", metavar="ID", help="Go on with a conversation.")
@click.option("--delete", metavar="ID", help="Forget a conversation and all its turns.")
@click.option("--mode", type=MODES, help=MODE_HELP)
@filter_options
@click.option("--why/--no-why", default=False, help="Say of each source why it was found. Default: --no-why.")
@json_option
@click.pass_obj
def chat(
    app: App,
    listing: bool,
    resume: str | None,
    delete: str | None,
    mode: str | None,
    filter_terms: tuple[str, ...],
    filter_json: str | None,
    groups: tuple[str, ...],
    why: bool,
    as_json: bool,
) -> int:
    """Talk with the shelf; the conversation is kept.

    Each line is a question, and later ones may lean on earlier ones ("and if I wore them?"). Questions can be piped
    in, one a line; with --json each answer is one JSON line.
    """
    if sum([listing, resume is not None, delete is not None]) > 1:
        raise click.UsageError("--list, --resume and --delete go one at a time.")
    filters = read_filters(filter_terms, filter_json)
    with app.shelf() as shelf:
        if listing:
            _list(app, shelf.conversations.list(), as_json=as_json)
            return 0
        if delete is not None:
            shelf.conversations.delete(delete)
            if as_json:
                print_json(app, {"deleted": delete})
            else:
                click.echo(f"Deleted {delete}.")
            return 0
        options = {"mode": mode, "filters": filters, "groups": groups or None}
        return _Talk(app, shelf, resume, options, why=why, as_json=as_json).run()


class _Talk:
    """One session at the prompt, or one file of piped questions."""

    def __init__(
        self, app: App, shelf: Shelf, resume: str | None, options: dict[str, Any], *, why: bool, as_json: bool
    ) -> None:
        self._app, self._shelf, self._options = app, shelf, options
        self._why, self._as_json = why, as_json
        self._conversation = shelf.conversations.get(resume).id if resume is not None else None
        self._interactive = sys.stdin.isatty() and not as_json

    def run(self) -> int:
        """Answer until the input ends; 1 where a piped question failed."""
        if self._interactive:
            self._app.say(_HELP)
            self._show_history()
        failed = False
        for line in self._lines():
            question = line.strip()
            if question in ("/quit", "/exit"):
                break
            if question == "/new":
                self._conversation = None
                self._app.say("A new conversation.")
            elif question in ("/help", "/?"):
                self._app.say(_HELP)
            elif question:
                failed |= not self._answer(question)
        if self._conversation is not None:
            self._app.say(f"Go on later with: openshelf chat --resume {self._conversation}")
        return 1 if failed and not self._interactive else 0

    def _answer(self, question: str) -> bool:
        from openshelf.cli.running import sentence

        if self._conversation is None:
            # Only now, so that looking in and leaving keeps nothing.
            self._conversation = self._shelf.conversations.create().id
        options = {**self._options, "conversation": self._conversation}
        try:
            if self._as_json:
                answer = self._shelf.answer(question, **options)
                print_json(self._app, {"question": question, "answer": answer}, indent=None)
            else:
                if not self._interactive:
                    click.echo(f"> {plain(question)}")
                events = self._shelf.answer(question, stream=True, **options)
                show_answer(self._app, self._shelf, events, why=self._why, brief=True)
                click.echo()
        except OpenshelfError as error:
            self._app.complain(sentence(error), error)
            return False
        return True

    def _lines(self) -> Iterator[str]:
        if not self._interactive:
            yield from sys.stdin
            return
        import readline  # noqa: F401 - gives input() a history and editing

        while True:
            try:
                line = input("you › ")
            except EOFError:
                click.echo()
                return
            yield line

    def _show_history(self) -> None:
        if self._conversation is None:
            return
        out = console()
        for turn in self._shelf.conversations.turns(self._conversation):
            out.print(styled("you › " if turn.role == "user" else "", "bold"), styled(turn.text, "dim"))
        out.print()


def _list(app: App, conversations: list[Conversation], *, as_json: bool) -> None:
    if as_json:
        print_json(app, {"conversations": conversations})
        return
    out = console()
    if not conversations:
        out.print("There is no conversation yet. Start one with: openshelf chat")
        return
    made = table("Conversation", "Last used", "Turns", "Begins with", right=("Turns",), wide=("Begins with",))
    for item in conversations:
        title = styled(app.redact(item.title or ""))
        made.add_row(styled(item.id), moment(item.updated), f"{item.turns:,}", title)
    out.print(made)
    out.print(styled(f"\n{counted(len(conversations), 'conversation')}.", "dim"))
