"""The sample's shelf with some documents that are hard to show, synced once and served once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import httpx
import pytest
from ruamel.yaml import YAML

from openshelf import Shelf
from retrieval.events import Usage
from tests.browser import browser as browser
from tests.openshelf.command import ROOT
from tests.openshelf.inspector.live import Inspected, inspected

HOSTILE_ID = '"><img src=x onerror=hacked()>.md'
HOSTILE = """# <script>window.hacked = 1</script> "quoted" & <b>bold</b>

```
</div></li></ol><script>window.hacked = 2</script><img src="https://evil.example/x.png" onerror="window.hacked = 3">
```

A reversed \u202egnirts\u202c and a bell \u0007 stand in the zyzzyva's text. {{ 7 * 7 }}
"""
LARGE = {"type": "token", "size": 1000}
LONG = "\n\n".join(
    f"Paragraph {number}. " + "The quick brown fox jumps over the lazy dog. " * 12 for number in range(120)
)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("inspected")
    shutil.copytree(ROOT / "configs/sample", folder / "sample", ignore=shutil.ignore_patterns("*.py", "rehearsal"))
    for name, text in {HOSTILE_ID: HOSTILE, "broken.pdf": "%PDF-1.4 nothing that a PDF has"}.items():
        (folder / "odd").mkdir(exist_ok=True)
        (folder / "odd" / name).write_text(text)
    (folder / "long").mkdir()
    (folder / "long" / "long.txt").write_text(LONG)
    raw = YAML(typ="safe").load((ROOT / "configs/quickstart.yaml").read_text())
    del raw["sources"]["pictures"]
    raw["sources"] |= {
        "odd": {"type": "files", "path": "odd"},
        "long": {"type": "files", "path": "long", "schedule": {"cron": "0 3 * * *"}, "chunker": LARGE},
    }
    raw |= {"path": "shelf", "store": {"mode": "embedded"}}
    with Shelf.open(raw, base_dir=folder) as opened:
        outcomes = {report.source: report.outcome for report in opened.sync()}
        assert outcomes.pop("odd") == "failures"
        assert set(outcomes.values()) == {"clean"}
        opened.spend.record("answer", "a-model", Usage(input=1200, output=34), conversation="c-1")
        yield opened


@pytest.fixture(scope="session")
def live(shelf: Shelf) -> Iterator[Inspected]:
    with inspected(shelf) as running:
        yield running


@pytest.fixture(scope="session")
def client(live: Inspected) -> Iterator[httpx.Client]:
    with live.client() as made:
        yield made
