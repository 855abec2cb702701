"""An account's vector stores as sources of the YAML."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr, ValidationError

from configs.errors import ConfigError

OPENAI = "https://api.openai.com/v1"
_NAME = re.compile(r"\w[\w.-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Account:
    """Where the vector stores are: what the YAML says of it, beside the stores.

    Attributes:
        key_variable: the environment variable with the key.
    """

    key_variable: str = "OPENAI_API_KEY"
    base_url: str = OPENAI
    organization: str | None = None
    project: str | None = None
    allow_private_network: bool = False

    def options(self) -> dict[str, Any]:
        """The keys of a source, without the secret itself."""
        found: dict[str, Any] = {"type": "openai-vector-stores", "api_key": f"${{{self.key_variable}}}"}
        if self.base_url.rstrip("/") != OPENAI:
            found["base_url"] = self.base_url
        for name in ("organization", "project"):
            if getattr(self, name):
                found[name] = getattr(self, name)
        if self.allow_private_network:
            found["allow_private_network"] = True
        return found


@dataclass(frozen=True)
class FoundStore:
    """A vector store of an account.

    Attributes:
        source: the name of its source here; ``vs_`` and that is the store's id on the shelf.
        files: how many it has.
    """

    id: str
    name: str
    source: str
    files: int
    expired: bool


def listed(account: Account, key: str) -> list[FoundStore]:
    """The account's vector stores, the oldest first.

    Raises:
        ConfigError: an option is wrong.
        ConnectorError: the list cannot be read.
    """
    from connectors.openai_vector_stores.api import Api
    from connectors.openai_vector_stores.options import VectorStoresOptions

    raw = {name: value for name, value in account.options().items() if name not in ("type", "api_key")}
    try:
        options = VectorStoresOptions(api_key=SecretStr(key), **raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    with Api(options) as api:
        found = list(api.stores())
    names = sources_of([str(store["id"]) for store in found])
    return [
        FoundStore(
            str(store["id"]),
            str(store.get("name") or ""),
            names[str(store["id"])],
            int((store.get("file_counts") or {}).get("total") or 0),
            store.get("status") == "expired",
        )
        for store in found
    ]


def sources_of(stores: list[str]) -> dict[str, str]:
    """A source's name for each store: its id without ``vs_``, so that the id in programs stays right."""
    found: dict[str, str] = {}
    for store in stores:
        name = wanted = store.removeprefix("vs_")
        if not _NAME.fullmatch(name):
            name = wanted = "store-" + re.sub(r"[^\w.-]", "-", name, flags=re.ASCII)[:50]
        number = 1
        while name in found.values():
            number += 1
            name = f"{wanted[:55]}-{number}"
        found[store] = name
    return found


def yaml_of(stores: Mapping[str, str], account: Account) -> str:
    """The ``sources`` section for vector stores, given by id and name.

    Args:
        stores: names by id.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    sources = CommentedMap()
    names = sources_of(list(stores))
    for store, title in stores.items():
        sources[names[store]] = {**account.options(), "stores": [literal(store)]}
        if title:
            plain = "".join(letter for letter in " ".join(title.split()) if letter.isprintable())
            sources.yaml_set_comment_before_after_key(names[store], before=plain, indent=2)
    return written({"sources": sources}, YAML())


def written(value: Mapping[str, Any], yaml: Any = None) -> str:
    """``value`` as YAML, texts of several lines as blocks."""
    from ruamel.yaml import YAML

    yaml = yaml or YAML()
    yaml.default_flow_style = False
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_blocks(value), stream)
    return stream.getvalue()


def literal(text: str) -> str:
    """``text`` so that the configuration does not look for variables in it."""
    return text.replace("${", "$${")


def _blocks(value: Any) -> Any:
    """``value`` with its texts of several lines as blocks, where YAML can write them so."""
    from ruamel.yaml.scalarstring import LiteralScalarString

    if isinstance(value, dict):
        for key in value:
            value[key] = _blocks(value[key])
        return value
    if isinstance(value, list):
        return [_blocks(one) for one in value]
    if isinstance(value, str) and "\n" in value and value.strip() == value:
        lines = value.split("\n")
        if all(line.isprintable() and line.rstrip() == line for line in lines):
            return LiteralScalarString(value)
    return value
