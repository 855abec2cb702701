"""``openshelf check``: is everything valid and reachable, before anything is spent?

Nothing is embedded and nothing is written. ``online=False`` leaves out whatever needs a network or a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from configs.errors import ConfigError, OpenshelfError
from configs.loader import translate_options_error
from configs.schema import Source
from configs.secrets import Hidden, secret_values
from connectors.registry import connector_type, needs_network, open_connector, validate_options
from openshelf.findings import Finding, wrong
from retrieval.answer import Answerer
from retrieval.hit import Hit

if TYPE_CHECKING:
    from openshelf.parts import Parts
    from openshelf.shelf import Shelf


def check(shelf: Shelf, *, online: bool = True) -> list[Finding]:
    """Look at the configuration, the sources, the embedder, the store, the answers and the schedules."""
    findings = [Finding("configuration", "ok", f"{shelf.loaded.path} is valid.")]
    findings += [Finding("configuration", "warning", text) for text in shelf.loaded.warnings]
    for source in shelf.config.sources.values():
        if source.enabled:
            findings += _source(shelf, source, online=online)
        else:
            findings.append(Finding(f"source {source.name}", "ok", "It is disabled, so not looked at."))
    findings += _embedder(shelf, online=online)
    findings += _store(shelf, online=online)
    findings += _answer(shelf, online=online)
    return findings


def source_options(shelf: Parts, source: Source) -> BaseModel:
    """Check a source's own keys; from here on its secrets are masked wherever the shelf writes.

    Raises:
        ConfigError: names the file, the line and the key.
    """
    try:
        options = validate_options(source.type, source.options, shelf.loaded.base_dir)
    except ValidationError as error:
        known = connector_type(source.type).options.model_fields
        raise translate_options_error(shelf.loaded, source.name, error, known=list(known)) from None
    shelf.loaded.redactor.add(*secret_values(options))
    return options


def _source(shelf: Shelf, source: Source, *, online: bool) -> Iterator[Finding]:
    subject = f"source {source.name}"
    try:
        options = source_options(shelf, source)
        from ingest.chunk import chunker_fingerprint

        chunker_fingerprint(source.chunker)
        if source.schedule is not None:
            from ingest.schedule import trigger

            trigger(source.schedule)
        connector = open_connector(source, shelf.loaded.base_dir)
    except OpenshelfError as error:
        where = shelf.loaded.locate(("sources", source.name))
        message = error.message if error.message.startswith(shelf.loaded.path.name) else f"{where}: {error.message}"
        yield Finding(subject, "error", message, error.hint)
        return
    for key in plain_secrets(options, source.options):
        where = shelf.loaded.locate(("sources", source.name, *key))
        yield Finding(
            subject,
            "warning",
            f"{where}: {'.'.join(key)} is a secret written in the file.",
            "Write ${NAME} and set NAME in the environment.",
        )
    if online or not needs_network(source):
        found = connector.check()
        yield Finding(subject, "ok" if found.ok else "error", found.detail, found.hint)
    if source.type == "files" and source.parser.ocr == "auto":
        from ingest.parse.ocr import tesseract_installed

        if not tesseract_installed():
            yield Finding(
                subject,
                "warning",
                "Tesseract is not installed, so images and scanned pages will be failures.",
                "Install it (Debian: apt-get install tesseract-ocr), or set parser.ocr to off.",
            )


def plain_secrets(options: BaseModel, raw: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Keys of secrets that stand in the YAML as they are, and not as a variable."""
    for name in type(options).model_fields:
        value, written = getattr(options, name), raw.get(name)
        if isinstance(value, SecretStr) and type(written) is str and not isinstance(written, Hidden):
            yield (name,)
        elif isinstance(value, BaseModel) and isinstance(written, Mapping):
            yield from ((name, *below) for below in plain_secrets(value, written))


def _embedder(shelf: Shelf, *, online: bool) -> Iterator[Finding]:
    settings = shelf.config.embedder
    try:
        fingerprint = shelf.embedders.fingerprint
        shelf.embedders.current()
    except OpenshelfError as error:
        yield wrong("embedder", error)
        return
    yield Finding("embedder", "ok", f"{settings.model} ({settings.provider}), fingerprint {fingerprint}.")
    if settings.provider == "openai":
        if settings.model not in shelf.config.costs.prices:
            yield Finding(
                "embedder",
                "warning",
                f"{settings.model} has no price, so its cost is not known and caps cannot hold.",
                f"Set costs.prices.{settings.model}.",
            )
        if online:
            key = settings.api_key.get_secret_value() if settings.api_key else ""
            yield _api("embedder", settings.base_url or "https://api.openai.com/v1", key)


def _store(shelf: Shelf, *, online: bool) -> Iterator[Finding]:
    store = shelf.config.store
    if store.type == "llama-index":
        from ingest.stores.llama_adapter import adapter

        try:
            adapter(store.adapter or "")
        except ConfigError as error:
            yield wrong("vector store", error)
            return
        yield Finding("vector store", "ok", f"LlamaIndex adapter {store.adapter}.")
    elif store.url is None:
        yield Finding("vector store", "ok", f"Chroma ({store.mode}) in {shelf.folder}.")
    elif online:
        try:
            names = shelf.store.collections()
        except OpenshelfError as error:
            yield wrong("vector store", error)
            return
        yield Finding("vector store", "ok", f"Chroma at {store.url} answers; {len(names)} collections.")


def _answer(shelf: Shelf, *, online: bool) -> Iterator[Finding]:
    settings, costs = shelf.config.answer, shelf.config.costs
    # Not the shelf's own: that one opens the ledger, and nothing is written here.
    answerer = Answerer(_search_nothing, settings, shelf.config.context, count_tokens=len)
    try:
        extractive = answerer.extractive
    except ConfigError as error:
        yield wrong("answers", error)
        return
    if extractive:
        yield Finding("answers", "ok", "No key is set, so the best passages are quoted (extractive).")
        return
    yield Finding("answers", "ok", f"{settings.model} through the Responses API, mode {settings.mode}.")
    capped = any(getattr(costs.caps, name) is not None for name in type(costs.caps).model_fields)
    if settings.model not in costs.prices:
        yield Finding(
            "answers",
            "error" if capped else "warning",
            f"{settings.model} has no price" + (", so the caps could not hold." if capped else "."),
            f"Set costs.prices.{settings.model} (input, cached_input, output for a million tokens).",
        )
    if online:
        yield _api("answers", *answerer.endpoint)


def _api(subject: str, base_url: str, key: str) -> Finding:
    """Whether an OpenAI-compatible server answers and takes the key: listing models costs nothing."""
    try:
        answer = httpx.get(f"{base_url.rstrip('/')}/models", headers={"Authorization": f"Bearer {key}"}, timeout=10)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Finding(subject, "error", f"{base_url} does not answer ({type(error).__name__}).", "Check base_url.")
    if answer.status_code in (401, 403):
        return Finding(subject, "error", f"{base_url} refuses the key.", "Check the key and what it may do.")
    return Finding(subject, "ok", f"{base_url} answers.")


def _search_nothing(query: str, **_options: object) -> list[Hit]:
    return []
