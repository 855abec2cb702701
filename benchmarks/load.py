"""The HTTP server under load: searches at a steady rate beside streaming answers, for a minute.

    python -m benchmarks.load FOLDER [--searches 200] [--streams 50] [--seconds 60] [--questions 2000] [--kind repeated]

FOLDER is that of ``benchmarks.main_job`` (11,221 chunks), or any with an ``openshelf.yaml`` that was synced. Starts
``openshelf serve`` on it, and a stand-in for the model's API that streams 40 words at 25 a second, as a model would.
Searches start on a clock, whether or not the ones before have ended, so latency counts from when each was due. The
load has the same cores as the server, so its client is aiohttp: a request costs httpx as much as the server.

Questions are made of the words of the shelf's own titles. ``repeated`` draws them by Zipf's law, as people ask;
``distinct`` never asks one twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

WORDS, PACE = 40, 0.04  # of an answer; seconds between two


@dataclass
class Tally:
    """What came back: seconds of each, and what was no success."""

    seconds: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    def failed(self, what: str) -> None:
        """Note an error."""
        self.errors[what] = self.errors.get(what, 0) + 1


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--searches", type=int, default=200, help="a second")
    parser.add_argument("--streams", type=int, default=50, help="clients that ask one question after another")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--questions", type=int, default=2000, help="different ones, for `repeated`")
    parser.add_argument("--kind", choices=["repeated", "distinct"], default="repeated")
    parser.add_argument("--upstream", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.upstream:
        return serve_model(given.upstream)
    config = given.folder / "openshelf.yaml"
    stores, questions = from_shelf(config)
    model_port, port = free_port(), free_port()
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1",
        "OPENAI_API_KEY": "none",
    }
    model = subprocess.Popen([sys.executable, "-m", "benchmarks.load", ".", "--upstream", str(model_port)])
    server = subprocess.Popen(
        [sys.executable, "-m", "openshelf", "-c", str(config), "serve", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        result = asyncio.run(measure(given, f"http://127.0.0.1:{port}", server.pid, stores, questions))
    finally:
        for process in (server, model):
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    print(json.dumps(result, indent=2))
    return 1 if result["searches"]["errors"] or result["streams"]["errors"] else 0


def from_shelf(config: Path) -> tuple[list[str], list[str]]:
    """Names of the shelf's vector stores, and titles to make questions of."""
    from sqlalchemy import select

    from ingest.ledger.tables import documents
    from openshelf import Shelf

    with Shelf.open(config) as shelf:
        with shelf.ledger.reading() as connection:
            titles = connection.scalars(select(documents.c.title).distinct().limit(5000)).all()
        return [f"vs_{name}" for name in shelf.config.sources], list(titles)


async def measure(given: Any, url: str, pid: int, stores: list[str], titles: list[str]) -> dict[str, Any]:
    """Warm up, load, and look at the memory before and after."""
    rng = random.Random(7)
    questions = list(question_stream(given, titles, rng))
    limits, patience = aiohttp.TCPConnector(limit=1000, keepalive_timeout=60), aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(url, connector=limits, timeout=patience) as client:
        await ready(client)
        warm = Tally()
        await asyncio.gather(*(search(client, stores, text, time.perf_counter(), warm) for text in questions[:20]))
        before = memory(pid)
        searches, streams = Tally(), Tally()
        start = time.perf_counter()
        stop = start + given.seconds
        asking = [asyncio.create_task(ask(client, stores, questions, rng, stop, streams)) for _ in range(given.streams)]
        running = []
        for number in range(given.searches * given.seconds):
            due = start + number / given.searches
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            text = questions[20 + number]
            running.append(asyncio.create_task(search(client, stores, text, due, searches)))
        await asyncio.gather(*running, *asking)
        took = time.perf_counter() - start
    return {
        "kind": given.kind,
        "seconds": round(took, 1),
        "searches": {"asked_a_second": given.searches, **figures(searches, took)},
        "streams": {"clients": given.streams, **figures(streams, took)},
        "memory_mb": {"before": before, "after": memory(pid)},
        "cores": os.cpu_count(),
    }


def question_stream(given: Any, titles: list[str], rng: random.Random) -> Iterator[str]:
    """As many questions as are asked."""
    words = [word for title in titles for word in title.split() if len(word) > 2]
    count = given.searches * given.seconds + 20
    if given.kind == "distinct":
        for number in range(count):
            yield " ".join(rng.choices(words, k=6)) + f" {number}"
        return
    pool = [" ".join(rng.choices(words, k=6)) for _ in range(given.questions)]
    yield from rng.choices(pool, weights=[1 / (place + 1) for place in range(len(pool))], k=count)


async def search(client: aiohttp.ClientSession, stores: list[str], text: str, due: float, tally: Tally) -> None:
    """One search of one store."""
    try:
        async with client.post(f"/v1/vector_stores/{stores[0]}/search", json={"query": text}) as answer:
            if answer.status != 200:
                tally.failed(f"HTTP {answer.status}")
            elif not (await answer.json())["data"]:
                tally.failed("nothing found")
    except (aiohttp.ClientError, TimeoutError) as error:
        tally.failed(type(error).__name__)
        return
    tally.seconds.append(time.perf_counter() - due)


async def ask(
    client: aiohttp.ClientSession,
    stores: list[str],
    questions: list[str],
    rng: random.Random,
    stop: float,
    tally: Tally,
) -> None:
    """Stream one answer after another until the time is over."""
    while time.perf_counter() < stop:
        body = {
            "model": "gpt-5-mini",
            "input": rng.choice(questions),
            "stream": True,
            "store": False,
            "tools": [{"type": "file_search", "vector_store_ids": stores, "max_num_results": 8}],
        }
        started, first, last = time.perf_counter(), 0.0, b""
        try:
            async with client.post("/v1/responses", json=body) as answer:
                if answer.status != 200:
                    tally.failed(f"HTTP {answer.status}")
                    continue
                async for piece in answer.content.iter_any():
                    if not first and b"output_text.delta" in piece:
                        first = time.perf_counter() - started
                    last = (last + piece)[-20_000:]
        except (aiohttp.ClientError, TimeoutError) as error:
            tally.failed(type(error).__name__)
            continue
        if b"event: response.completed" not in last:
            tally.failed("not completed")
        tally.first.append(first)
        tally.seconds.append(time.perf_counter() - started)


def figures(tally: Tally, took: float) -> dict[str, Any]:
    """Counts, rates and percentiles in milliseconds."""
    ordered, first = sorted(tally.seconds), sorted(tally.first)

    def at(values: list[float], share: float) -> float | None:
        return round(values[min(len(values) - 1, int(len(values) * share))] * 1000, 1) if values else None

    found = {
        "done": len(ordered),
        "a_second": round(len(ordered) / took, 1),
        "p50_ms": at(ordered, 0.5),
        "p95_ms": at(ordered, 0.95),
        "p99_ms": at(ordered, 0.99),
        "errors": tally.errors,
    }
    return found | ({"first_word_p50_ms": at(first, 0.5), "first_word_p95_ms": at(first, 0.95)} if first else {})


async def ready(client: aiohttp.ClientSession) -> None:
    """Wait for the server."""
    for _ in range(300):
        try:
            async with client.get("/readyz") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    sys.exit("The server did not start.")


def memory(pid: int) -> float:
    """Resident megabytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve_model(port: int) -> int:
    """The stand-in for the model: searches once, then answers at a model's pace."""
    import uvicorn

    from tests.retrieval import wire

    said = wire.Says(text="Yes, that is right [1]. " + "word " * WORDS, piece=5)
    number = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal number
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = json.loads(body)
        number += 1
        found = any(item.get("type") == "function_call_output" for item in request["input"])
        query = json.dumps({"queries": [_asked(request)]})
        says = said if found else wire.Says(calls=(("search_knowledge", query),), piece=100)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for event in wire.events(says, request, number):
            if event["type"].endswith("output_text.delta"):
                await asyncio.sleep(PACE)
            data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)
    return 0


def _asked(request: dict[str, Any]) -> str:
    for item in reversed(request["input"]):
        content = item.get("content")
        if item.get("role") == "user":
            return content if isinstance(content, str) else str(content[0].get("text", ""))
    return ""


if __name__ == "__main__":
    sys.exit(main())
