"""From a YAML file (or a mapping) to a validated ``Config``; every error at once, with its line.

Read, fill in variables, lay each source over the defaults, validate, say what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from configs.errors import ConfigError
from configs.messages import Problem, dotted, given, problems_of
from configs.schema import Config, Source
from configs.secrets import Hidden, Redactor, secret_values
from configs.sources import lay_over_defaults, origin
from configs.variables import Filled, Variables, fill
from configs.warn import warnings_of
from configs.yaml_lines import KeyPath, read_yaml_file


@dataclass(frozen=True)
class Loaded:
    """A validated configuration and where it came from.

    Attributes:
        config: the values.
        path: the YAML file; for a mapping its base folder.
        base_dir: what relative paths start from.
        lines: 1-based line of every key; empty for a mapping.
        warnings: sentences about what is allowed but probably not meant.
        redactor: knows every secret in ``config``; put it on log handlers.
    """

    config: Config
    path: Path
    base_dir: Path
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
    redactor: Redactor = field(default_factory=Redactor, repr=False)

    def locate(self, path: KeyPath) -> str:
        """Where a key stands, as ``quickstart.yaml:12``; its nearest parent when it is not written.

        For a mapping there are no lines: the key path itself, as ``sources.faq.path``.
        """
        line = _line(self.lines, path)
        return f"{self.path.name}:{line}" if line else dotted(path)


def load(path: Path | str, *, env: Mapping[str, str] | None = None) -> Loaded:
    """Read and validate a YAML file.

    Args:
        env: in place of the process's environment, for ``${VAR}``.

    Raises:
        ConfigError: everything that is wrong, sorted by line.
    """
    path = Path(path).expanduser()
    raw, lines = read_yaml_file(path, missing="Write one to start from with: openshelf init")
    path = path.resolve()
    if raw is None or raw == {}:
        raise ConfigError(f"{path.name} is empty.", hint="Write one to start from with: openshelf init")
    if not isinstance(raw, Mapping):
        raise ConfigError(
            f"{path.name}:1: the file must be a mapping of keys such as sources:, not {given(raw, ())}.",
            hint="Write one to start from with: openshelf init",
        )
    return _build(raw, lines, path, path.parent, env)


def from_mapping(
    mapping: Mapping[str, Any], base_dir: Path | str = ".", *, env: Mapping[str, str] | None = None
) -> Loaded:
    """Validate a configuration given in Python; variables, defaults and checks as in a file.

    Args:
        base_dir: what relative paths start from.

    Raises:
        ConfigError: everything that is wrong, by key path.
    """
    folder = Path(base_dir).expanduser().resolve()
    return _build(mapping, {}, folder, folder, env)


def translate_options_error(
    loaded: Loaded, source_name: str, error: ValidationError, *, known: Iterable[str] = ()
) -> ConfigError:
    """A connector's own validation error with file, line and key.

    Args:
        source_name: the key below ``sources``.
        known: the connector's option names, for "did you mean".
    """
    options = loaded.config.sources[source_name].options
    candidates = [*known, *(name for name in Source.model_fields if name not in ("name", "options"))]
    problems = []
    for problem in problems_of(error, options, known=candidates):
        nested: KeyPath = ("sources", source_name, "options", *problem.path)
        flat: KeyPath = ("sources", source_name, *problem.path)
        problems.append(Problem(nested if nested[:4] in loaded.lines else flat, problem.text))
    failure = _error(problems, loaded.lines, loaded.path.name)
    return ConfigError(loaded.redactor.redact(failure.message))


def _build(
    raw: Mapping[str, Any], lines: Mapping[KeyPath, int], path: Path, base_dir: Path, env: Mapping[str, str] | None
) -> Loaded:
    filled = fill(raw, Variables(base_dir, env))
    missing, postponed = _split_missing(filled)
    whole, problems = lay_over_defaults(filled.value)
    whole = _from_folder(whole, base_dir)
    config: Config | None = None
    try:
        config = Config.model_validate(whole)
    except ValidationError as error:
        problems += problems_of(error, whole, model=Config)
    # What sources took from the defaults is one problem, where it is written; an unfilled text is one as well.
    unset = {problem.path for problem in missing}
    found = {Problem(origin(filled.value, problem.path), problem.text): None for problem in problems}
    problems = [*missing, *(problem for problem in found if problem.path not in unset)]
    if problems or config is None:
        raise _error(problems, lines, path.name)

    redactor = Redactor([*filled.secrets, *secret_values(config)])
    _hide(config, filled.texts)
    loaded = Loaded(config, path, base_dir, MappingProxyType(dict(lines)), redactor=redactor)
    notes = [*warnings_of(config, filled), *postponed]
    sentences = (_sentence(note, lines, path.name) for note in notes)
    return replace(loaded, warnings=tuple(redactor.redact(sentence) for sentence in sentences))


def _split_missing(filled: Filled) -> tuple[list[Problem], list[Problem]]:
    """Variables that are missing now, and those that only a disabled source wants."""
    missing: list[Problem] = []
    off: dict[str, set[str]] = {}
    for path, text in filled.missing:
        names = re.findall(r"needs the variable (\w+)", text)
        disabled = path[0] == "sources" and len(path) > 2 and filled.value["sources"][path[1]].get("enabled") is False
        if disabled and names:
            off.setdefault(str(path[1]), set()).update(names)
        else:
            missing.append(Problem(path, text))
    postponed = [
        Problem(("sources", name), f"is disabled; before it is switched on it needs {', '.join(sorted(names))}.")
        for name, names in off.items()
    ]
    return missing, postponed


def _from_folder(whole: dict[str, Any], base_dir: Path) -> dict[str, Any]:
    """``whole`` with ``path`` and model folders (written ``./x``, ``../x`` or ``~/x``) made absolute."""
    whole = {**whole, "path": whole.get("path", Config.model_fields["path"].default)}
    if isinstance(whole["path"], str | Path):
        whole["path"] = base_dir / Path(whole["path"]).expanduser()
    embedder, retrieval = whole.get("embedder"), whole.get("retrieval")
    if isinstance(embedder, Mapping):
        whole["embedder"] = _model_folder(embedder, base_dir)
    if isinstance(retrieval, Mapping) and isinstance(retrieval.get("reranker"), Mapping):
        whole["retrieval"] = {**retrieval, "reranker": _model_folder(retrieval["reranker"], base_dir)}
    return whole


def _model_folder(section: Mapping[str, Any], base_dir: Path) -> Mapping[str, Any]:
    model = section.get("model")
    if isinstance(model, str) and model.startswith(("./", "../", "~/")):
        return {**section, "model": str((base_dir / Path(model).expanduser()).resolve())}
    return section


def _hide(section: BaseModel, texts: Collection[str]) -> None:
    """Make every text that a variable went into hide in ``repr``: pydantic unwrapped ``Hidden`` to plain text."""
    for name in type(section).model_fields:
        # The models are frozen, and nobody holds this one yet; its values stay equal to what they were.
        vars(section)[name] = _hidden(getattr(section, name), texts)


def _hidden(value: Any, texts: Collection[str]) -> Any:
    if isinstance(value, BaseModel):
        _hide(value, texts)
    elif isinstance(value, str) and value in texts:
        return Hidden(value)
    elif isinstance(value, dict):
        return {key: _hidden(item, texts) for key, item in value.items()}
    elif isinstance(value, list):
        return [_hidden(item, texts) for item in value]
    return value


def _error(problems: Iterable[Problem], lines: Mapping[KeyPath, int], name: str) -> ConfigError:
    """All problems as one error, a line for each, in the order of the file."""
    ordered = sorted(problems, key=lambda problem: (_line(lines, problem.path), dotted(problem.path), problem.text))
    return ConfigError("\n".join(_sentence(problem, lines, name) for problem in ordered))


def _sentence(problem: Problem, lines: Mapping[KeyPath, int], name: str) -> str:
    line = _line(lines, problem.path)
    return f"{name}:{line}: {dotted(problem.path)} {problem.text}" if line else f"{dotted(problem.path)} {problem.text}"


def _line(lines: Mapping[KeyPath, int], path: KeyPath) -> int:
    """The line of ``path`` or its nearest written parent; 0 where there is none."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)
