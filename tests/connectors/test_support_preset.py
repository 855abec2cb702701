"""``configs/support.yaml`` names every connector, with every option of those behind an API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from configs.loader import from_mapping
from configs.yaml_lines import read_yaml
from connectors.api_options import ApiOptions
from connectors.registry import BUILT_IN, connector_type, open_connector, validate_options

PRESET = Path(__file__).resolve().parents[2] / "configs" / "support.yaml"
TEXT = PRESET.read_text()
RAW, _ = read_yaml(TEXT, "support.yaml")
SECRETS = {
    **dict.fromkeys(re.findall(r"\$\{(\w+)\}", TEXT), "a-value-of-it"),
    "CONFLUENCE_URL": "https://acme.atlassian.net",
}
VENDORS = [name for name, source in RAW["sources"].items() if source["type"] not in ("files", "csv")]


def blocks() -> dict[str, str]:
    """The lines of each source, comments included."""
    parts = re.split(r"(?m)^  (?=[\w-]+:(?:\s+#.*)?$)", TEXT.partition("\nsources:\n")[2])
    return {part.partition(":")[0]: part for part in parts}


def switched_on() -> dict[str, Any]:
    return {**RAW, "sources": {name: {**source, "enabled": True} for name, source in RAW["sources"].items()}}


def test_every_connector_is_there() -> None:
    assert {source["type"] for source in RAW["sources"].values()} == set(BUILT_IN)


@pytest.mark.parametrize("name", VENDORS)
def test_a_source_that_is_switched_on_can_be_opened(name: str) -> None:
    loaded = from_mapping(switched_on(), PRESET.parent, env=SECRETS)
    source = loaded.config.sources[name]
    validate_options(source.type, source.options, PRESET.parent)
    assert open_connector(source, PRESET.parent) is not None


@pytest.mark.parametrize("kind", sorted(set(BUILT_IN) - {"files", "csv"}))
def test_every_option_of_a_vendor_is_written_or_commented(kind: str) -> None:
    here = "\n".join(
        block for name, block in blocks().items() if name in VENDORS and RAW["sources"][name]["type"] == kind
    )
    model = connector_type(kind).options
    assert issubclass(model, ApiOptions)
    missing = [key for key in model.model_fields if not re.search(rf"\b{key}\b[:`]?", here)]
    assert missing == []
