"""Run the answering core against the openai package, sync or async.

The core (``answer``) is a generator without input or output of its own: it yields events for the user and *steps*
for whoever drives it, and is sent each step's result. The two drivers below are all that differs between the sync
and the async side.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from retrieval.events import Cited, Delta, Done, Event, Searching, Sources
from retrieval.failures import CallFailed

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI


@dataclass(frozen=True, slots=True)
class Do:
    """Run ``call`` (a search, the ledger): it may block."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Create:
    """One whole response."""

    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Open:
    """Begin a streamed response; its events follow by ``Pull``."""

    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pull:
    """The next event of the open stream, ``None`` at its end."""


Step: TypeAlias = Event | Do | Create | Open | Pull
Core: TypeAlias = Generator[Step, Any, None]
Explain: TypeAlias = Callable[[Exception], CallFailed]
_EVENTS = (Searching, Sources, Delta, Cited, Done)


def run_sync(core: Core, client: Callable[[], OpenAI], explain: Explain) -> Iterator[Event]:
    """Drive ``core`` in this thread. Closing the iterator early closes the stream and the core."""
    stream: Any = None
    reply: Any = None
    failure: CallFailed | None = None
    try:
        while True:
            try:
                step = core.send(reply) if failure is None else core.throw(failure)
            except StopIteration:
                return
            reply, failure = None, None
            if isinstance(step, _EVENTS):
                yield step
            elif isinstance(step, Do):
                reply = step.call()
            else:
                try:
                    if isinstance(step, Create):
                        reply = client().responses.create(**step.params)
                    elif isinstance(step, Open):
                        stream = client().responses.create(**step.params, stream=True)
                    else:
                        reply = next(stream, None)
                except _provider_errors() as error:
                    failure = explain(error)
    finally:
        if stream is not None:
            stream.close()
        core.close()


async def run_async(core: Core, client: Callable[[], AsyncOpenAI], explain: Explain) -> AsyncIterator[Event]:
    """Drive ``core`` on the running loop; blocking steps go to a thread.

    Its client lives for one answer: a pool of connections kept longer would be tied to this event loop.
    """
    opened: AsyncOpenAI | None = None
    stream: Any = None
    reply: Any = None
    failure: CallFailed | None = None
    async with AsyncExitStack() as stack:
        stack.callback(core.close)
        while True:
            try:
                step = core.send(reply) if failure is None else core.throw(failure)
            except StopIteration:
                return
            reply, failure = None, None
            if isinstance(step, _EVENTS):
                yield step
            elif isinstance(step, Do):
                reply = await asyncio.to_thread(step.call)
            else:
                try:
                    if opened is None:
                        opened = await stack.enter_async_context(client())
                    if isinstance(step, Create):
                        reply = await opened.responses.create(**step.params)
                    elif isinstance(step, Open):
                        stream = await opened.responses.create(**step.params, stream=True)
                        stack.push_async_callback(stream.close)
                    else:
                        reply = await anext(stream, None)
                except _provider_errors() as error:
                    failure = explain(error)


def _provider_errors() -> tuple[type[Exception], ...]:
    import openai

    # ValueError: a stream whose events are not JSON.
    return (openai.OpenAIError, ValueError)
