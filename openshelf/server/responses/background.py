"""Make responses in the background: each in a task of its own, whoever listens, until it ends, is cancelled or deleted.

What happens is in the ledger (``Jobs``) before anybody sees it, so a reader can leave and come back, also to another
server of the shelf. What a dead server had only queued is made by the next one; what it had begun is failed, because
the model may have been paid for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from openshelf.server.contract import Caller
from openshelf.server.errors import ApiError
from openshelf.server.responses.course import House, Run
from openshelf.server.responses.draft import Event
from openshelf.server.responses.items import Item
from openshelf.server.responses.jobs import ACTIVE, Job
from openshelf.server.responses.presence import Presence
from openshelf.server.responses.request import read_request
from openshelf.server.responses.upstream import Upstream

_LOOK = 0.5  # seconds until the ledger is looked at again without being told: another server may have written it
_SWEEP = 30.0  # seconds between looks for dead servers
_KEPT = 86_400.0  # seconds that the events of what has ended can be read again
_KILLED = (
    "The server ended while this response was being made. It was not tried again, because the model may have been paid "
    "for it already: ask again where you need it."
)
_STOPPED = "The server was stopped before this response was whole. Ask again."
_BROKEN = "The server failed; its log says why."
log = logging.getLogger("openshelf.server.responses")
_Result = TypeVar("_Result")


class _Work:
    """One response that this server makes."""

    def __init__(self, run: Run, *, streamed: bool) -> None:
        self.run, self.streamed = run, streamed
        self.scope = anyio.CancelScope()
        self.begun = False
        self.pending: list[Event] = []
        self.news = anyio.Event()  # set, and another put in its place, when there are events to read
        self.over = anyio.Event()

    @property
    def key(self) -> str:
        return self.run.draft.id


class Background:
    """The background responses of one server.

    Args:
        most: how many are made at once; as many again may wait.
        patience: seconds that those being made have when the server stops.
    """

    def __init__(self, house: House, upstream: Upstream, presence: Presence, *, most: int, patience: float) -> None:
        self._house, self._jobs, self._upstream, self._presence = house, house.jobs, upstream, presence
        self._most, self._patience = most, patience
        self._works: dict[str, _Work] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._entering = 0
        self._stopping = False

    async def start(self) -> None:
        """Take over what dead servers left."""
        self._slots = anyio.Semaphore(self._most)
        self._watching = anyio.CancelScope()
        await _threaded(self._presence.enter)
        await self._sweep()
        self._spawn(self._watch())

    async def stop(self) -> None:
        """Begin nothing more, give what runs some time, and end the rest; what waits stays queued."""
        self._stopping = True
        self._watching.cancel()
        for work in [work for work in self._works.values() if not work.begun]:
            work.scope.cancel()
        with anyio.move_on_after(self._patience):
            for work in list(self._works.values()):
                await work.over.wait()
        for work in list(self._works.values()):
            work.scope.cancel()
        while self._tasks:
            await asyncio.gather(*self._tasks)
        await _threaded(self._presence.leave)

    async def add(self, run: Run, body: Mapping[str, Any]) -> Item:
        """Queue ``run``; its response.

        Args:
            body: of its request.

        Raises:
            ApiError: 429, too many wait; what ``Run.check`` raises.
        """
        if len(self._works) + self._entering >= 2 * self._most:
            raise ApiError(
                429,
                f"The server makes {self._most} responses in the background, and as many wait (server.max_concurrent). "
                "Try again in a moment.",
                code="too_many_requests",
                retry_after=1.0,
            )
        self._entering += 1
        try:
            await _threaded(run.check)
            events = list(run.draft.queue())
            streamed = run.request.stream is True
            queue = partial(self._jobs.add, run.caller, self._presence.name, body, run.given, events, streamed=streamed)
            with anyio.CancelScope(shield=True):  # a client that leaves between the two would leave it queued for ever
                await _threaded(queue)
                self._launch(run, streamed=streamed)
        finally:
            self._entering -= 1
        return dict(events[-1]["response"])

    async def cancel(self, caller: Caller, key: str) -> Item:
        """Cancel a response; as it is then. Once more is no error.

        Raises:
            ApiError: as ``Jobs.cancel``.
        """
        response = await _threaded(partial(self._jobs.cancel, caller, key))
        if response["status"] == "cancelled" and key in self._works:
            await self.drop(key)
            response, _ = await _threaded(partial(self._house.responses.get, caller, key))
        return response

    async def drop(self, key: str) -> None:
        """End the making of what was cancelled or deleted, where this server is at it."""
        if (work := self._works.get(key)) is not None:
            work.scope.cancel()
            await work.over.wait()

    async def follow(self, key: str, after: int = -1) -> AsyncGenerator[Event, None]:
        """The events with numbers greater than ``after``, those to come too. A cancelled response's just end."""
        while True:
            news = work.news if (work := self._works.get(key)) is not None else anyio.Event()
            events, over = await _threaded(partial(self._jobs.events, key, after))
            for event in events:
                yield event
                after = event["sequence_number"]
            if over:
                return
            with anyio.move_on_after(_LOOK):
                await news.wait()

    # --- making ---------------------------------------------------------------------------------

    def _launch(self, run: Run, *, streamed: bool) -> None:
        work = self._works[run.draft.id] = _Work(run, streamed=streamed)
        self._spawn(self._see_to(work))

    def _spawn(self, task: Any) -> None:
        started = asyncio.create_task(task)
        self._tasks.add(started)
        started.add_done_callback(self._tasks.discard)

    async def _see_to(self, work: _Work) -> None:
        broken = False
        try:
            try:
                with work.scope:
                    async with self._slots:
                        begin = partial(self._jobs.begin, work.key, work.run.draft.whole("in_progress"))
                        work.begun = not self._stopping and await _threaded(begin)
                        if work.begun:
                            await self._make(work)
            except Exception:
                log.exception("A background response broke off.")
                broken = True
            await self._end(work, broken=broken)
        except Exception:
            # The ledger cannot be written. The next server finds what was not ended.
            log.exception("The end of a background response could not be kept.")
        finally:
            del self._works[work.key]
            work.news.set()
            work.over.set()

    async def _make(self, work: _Work) -> None:
        """Drive the course, and write its events down in batches as large as the ledger's pace makes them."""
        whole = anyio.Event()
        fresh = anyio.Event()

        async def write() -> None:
            nonlocal fresh
            while not whole.is_set():
                await fresh.wait()
                fresh = anyio.Event()
                await self._write(work)

        events = self._upstream.run(work.run.steps())
        async with anyio.create_task_group() as group:
            if work.streamed:
                group.start_soon(write)
            try:
                async for event in events:
                    work.pending.append(event)
                    fresh.set()
            finally:
                with anyio.CancelScope(shield=True):
                    await events.aclose()
            whole.set()
            fresh.set()

    async def _write(self, work: _Work, *, end: bool = False) -> None:
        events = list(work.pending)  # more may come while these are written
        if events or end:
            await _threaded(partial(self._jobs.append, work.key, events if work.streamed else [], end=end))
            work.pending = work.pending[len(events) :]
            news, work.news = work.news, anyio.Event()
            news.set()

    async def _end(self, work: _Work, *, broken: bool) -> None:
        if not work.begun and self._stopping and not await _threaded(partial(self._jobs.gone, [work.key])):
            return  # it stays queued
        if work.scope.cancelled_caught or broken:
            failed = work.run.ended("failed", _BROKEN if broken else _STOPPED)
            if await _threaded(partial(self._jobs.finish, failed)):
                work.pending.append(work.run.draft.event("response.failed", response=failed))
            else:
                await _threaded(partial(self._jobs.amend, work.run.ended("cancelled")))
        await self._write(work, end=True)

    # --- other servers --------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Look for what was cancelled or deleted elsewhere, and for servers that died."""
        next_sweep = time.monotonic() + _SWEEP
        with self._watching:
            while True:
                await anyio.sleep(_LOOK)
                try:
                    if self._works:
                        for key in await _threaded(partial(self._jobs.gone, list(self._works))):
                            if (work := self._works.get(key)) is not None:
                                work.scope.cancel()
                    if time.monotonic() >= next_sweep:
                        next_sweep = time.monotonic() + _SWEEP
                        await self._sweep()
                except Exception:
                    log.exception("Looking after background responses stumbled and goes on.")

    async def _sweep(self) -> None:
        await _threaded(partial(self._jobs.purge, time.time() - _KEPT))
        for server in await _threaded(self._jobs.open):
            if await _threaded(partial(self._presence.lives, server)):
                continue
            for job in await _threaded(partial(self._jobs.of, server)):
                if not await _threaded(partial(self._jobs.take, job, self._presence.name)):
                    continue
                run = await _threaded(partial(self._again, job)) if job.status == "queued" else None
                if run is not None:
                    self._launch(run, streamed=job.streamed)
                else:
                    await _threaded(partial(self._close, job))

    def _again(self, job: Job) -> Run | None:
        """What was queued, to be made here; ``None`` where this server takes no such request."""
        try:
            run = Run(self._house, job.caller, read_request(job.request), resumed=(job.response, job.given))
        except Exception:  # another version, or other settings
            log.exception("The background response %s cannot be made any more.", job.id)
            return None
        list(run.draft.queue())  # its events are kept already
        return run

    def _close(self, job: Job) -> None:
        """End what a dead server was at."""
        response = job.response
        if job.status in ACTIVE:
            message = _KILLED if job.status == "in_progress" else _BROKEN
            response = {**response, "status": "failed", "error": {"code": "server_error", "message": message}}
            if not self._jobs.finish(response):
                response = {**response, "status": "cancelled"}
        status = response["status"]
        last = {"type": f"response.{status}", "response": response, "sequence_number": job.next}
        self._jobs.append(job.id, [] if status == "cancelled" else [last], end=True)


async def _threaded(call: Callable[[], _Result]) -> _Result:
    return await anyio.to_thread.run_sync(call)
