"""Another chunker for a document: its form, made from the schema, the cut, and the YAML for it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from configs.chunkers import read_chunker
from configs.errors import ConfigError
from configs.messages import dotted
from configs.schema import BUILT_IN_CHUNKERS, Chunker, Section, Source
from ingest.document import Chunk, Document
from ingest.index import Indexer
from openshelf.shelf import Shelf

TYPE = "chunker"
_CHOICES = {"tokenizer": ("cl100k_base", "embedder")}
_SLIDER = {"size": (16, 1024, 8), "parent_size": (32, 2048, 16), "overlap": (0, 256, 4)}


@dataclass(frozen=True, slots=True)
class Field:
    """A setting of some chunkers.

    Attributes:
        chunkers: names of those that have it.
        choices: what it may be; empty for a number.
        low, high: of a number, where it has bounds.
        step: ``any`` for one that is not whole.
        slider: lowest, highest and step of the slider beside the number.
    """

    name: str
    label: str
    about: str
    value: str
    chunkers: tuple[str, ...]
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    step: str = "1"
    slider: tuple[int, int, int] | None = None
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Kind:
    """A chunker that can be chosen."""

    name: str
    about: str


def kinds(current: Chunker) -> list[Kind]:
    """The built-in chunkers, and the source's own where it is a plug-in."""
    found = [Kind(name, _first_line(model)) for name, model in BUILT_IN_CHUNKERS.items()]
    if current.type not in BUILT_IN_CHUNKERS:
        found.append(Kind(current.type, "A plug-in, with the options of the YAML."))
    return found


def form(chosen: Chunker) -> list[Field]:
    """The settings of all built-in chunkers; those of ``chosen`` have its values and are shown."""
    owners: dict[str, list[str]] = {}
    infos: dict[str, FieldInfo] = {}
    for kind, model in BUILT_IN_CHUNKERS.items():
        for name, info in model.model_fields.items():
            if name != "type":
                owners.setdefault(name, []).append(kind)
                infos.setdefault(name, info)
    return [_field(name, infos[name], owners[name], chosen) for name in owners]


def chosen(given: Mapping[str, str], current: Chunker) -> Chunker:
    """The chunker that a form describes; ``current`` where it describes none.

    Settings of other chunkers, which the form sends too, and empty ones are left out.

    Raises:
        ConfigError: a setting is wrong.
    """
    name = given.get(TYPE)
    if name is None:
        return current
    model: type[Section] | None = BUILT_IN_CHUNKERS.get(name)
    if model is None:
        if name != current.type:
            raise ConfigError(f"There is no chunker {name!r}.", hint=f"There are: {', '.join(BUILT_IN_CHUNKERS)}.")
        return current
    wanted = {key: given[key].strip() for key in model.model_fields if key != "type" and given.get(key, "").strip()}
    found, problems = read_chunker({"type": name, **wanted}, (TYPE,))
    if problems:
        said = " ".join(f"{dotted(problem.path).removeprefix('chunker.')} {problem.text}" for problem in problems)
        raise ConfigError(said, hint="docs/chunking.md says what each setting does.")
    return found


def cut(shelf: Shelf, source: Source, document: Document, chunker: Chunker) -> tuple[Document, list[Chunk]]:
    """``document`` as ``source`` would have it with ``chunker``: as ``Shelf.preview``, which also reads files.

    Raises:
        ConfigError: the chunker would call an embedder that costs money.
    """
    if chunker.type == "semantic" and shelf.config.embedder.provider == "openai":
        raise ConfigError(
            "The chunker semantic embeds every sentence, and this shelf's embedder is paid by the token.",
            hint="`openshelf chunks` does it once, when asked.",
        )
    indexer = Indexer(source.model_copy(update={"chunker": chunker}), shelf.embedders.current(), 0, "")
    indexed = indexer.index(document)
    return indexed.document, list(indexed.chunks)


def yaml_for(source: str, chunker: Chunker) -> str:
    """What to write into the configuration to cut ``source`` so."""
    settings = {"type": chunker.type, **chunker.model_dump(mode="json", exclude_defaults=True, exclude={"type"})}
    writer = YAML()
    writer.default_flow_style = None
    writer.width = 4096
    out = io.StringIO()
    writer.dump({"sources": {source: {"chunker": settings}}}, out)
    return out.getvalue()


def settings_line(chunker: Chunker) -> str:
    """``heading, size 256, overlap 0``."""
    settings = chunker.model_dump(mode="json", exclude={"type"})
    if settings.get("tokenizer") == "cl100k_base":
        del settings["tokenizer"]
    return ", ".join([str(chunker.type), *(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())])


def _field(name: str, info: FieldInfo, owners: list[str], chosen: Chunker) -> Field:
    model = BUILT_IN_CHUNKERS.get(chosen.type)
    mine = model is not None and name in model.model_fields
    value = getattr(chosen, name) if mine else info.default
    bounds = {type(one).__name__: one for one in info.metadata}
    low = getattr(bounds.get("Ge"), "ge", getattr(bounds.get("Gt"), "gt", None))
    high = getattr(bounds.get("Le"), "le", getattr(bounds.get("Lt"), "lt", None))
    return Field(
        name=name,
        label=name.replace("_", " "),
        about=info.description or "",
        value=f"{value:g}" if isinstance(value, float) else str(value),
        chunkers=tuple(owners),
        choices=_CHOICES.get(name, ()),
        low=low,
        high=high,
        step="any" if isinstance(value, float) else "1",
        slider=_SLIDER.get(name),
        shown=mine,
    )


def _first_line(model: type[Section]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0].replace("``", "")
