"""A first crawl of a help centre at full speed: throughput, and memory as the crawl grows.

    python -m benchmarks.zendesk_crawl [--articles 10000] [--sync]

Starts the tests' stand-in for Zendesk as a process of its own, crawls it with the real connector in another one, and
prints articles a second and resident memory along the way. ``--sync`` then fills a shelf from it, embedding included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONFIG = """\
path: shelf
sources:
  articles:
    type: zendesk
    content: articles
    url: {url}
    token: ready-token
    requests_per_minute: 1000000
    incremental_per_minute: 1000000
"""


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--sync", action="store_true", help="Also fill a shelf, embedding included.")
    parser.add_argument("--crawl", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.crawl:
        crawl(Path(options.crawl))
        return 0
    for articles in (options.articles // 4, options.articles // 2, options.articles):
        with stand_in(articles) as url, tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "openshelf.yaml").write_text(CONFIG.format(url=url))
            run([sys.executable, "-m", "benchmarks.zendesk_crawl", "--crawl", folder])
            if options.sync and articles == options.articles:
                for _ in range(2):
                    run([sys.executable, "-m", "openshelf", "-c", f"{folder}/openshelf.yaml", "sync", "--json"])
    return 0


def crawl(folder: Path) -> None:
    """Read every change of the source in ``folder``'s configuration, and print what it took."""
    from configs.loader import load
    from connectors.contract import Upsert
    from connectors.guard import checked
    from connectors.registry import open_connector

    loaded = load(folder / "openshelf.yaml")
    connector = open_connector(loaded.config.sources["articles"], folder)
    started, documents, size, memory = time.perf_counter(), 0, 0, []
    for change in checked(connector.changes(None), "articles", None):
        if isinstance(change, Upsert):
            documents, size = documents + 1, size + len(change.document.content)
            if documents % 1000 == 0:
                memory.append(resident())
    seconds = time.perf_counter() - started
    print(
        f"{documents:,} documents, {size / 1e6:.1f} MB in {seconds:.1f} s: {documents / seconds:,.0f}/s; "
        f"resident MB after each 1,000: {' '.join(f'{one:.0f}' for one in memory)}; at the end {resident():.0f}"
    )


def resident() -> float:
    """Megabytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@contextmanager
def stand_in(articles: int) -> Iterator[str]:
    """The tests' Zendesk with so many articles; gives its address."""
    command = [sys.executable, "-m", "tests.connectors.fakes.zendesk", "--articles", str(articles), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def run(command: list[str]) -> Any:
    """Run a command and print what it printed, its time, and the most memory it had."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    peak = 0.0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        peak = max([peak, *(int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM"))])
        time.sleep(0.1)
    output = process.stdout.read() if process.stdout else ""
    with suppress(ValueError):
        output = json.dumps(json.loads(output)["sources"][0]["counts"])
    print(f"{output.strip()}\n  [exit {process.returncode}, {time.perf_counter() - started:.1f} s, peak {peak:.0f} MB]")


if __name__ == "__main__":
    sys.exit(main())
