"""Log lines on stderr: text for a person, JSON lines for a machine, secrets masked in both."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from configs.secrets import Redactor

_ENVIRONMENT = {
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "SCARF_NO_ANALYTICS": "true",  # unstructured
}
_NOISY = [
    "apscheduler",
    "chromadb",
    "httpcore",
    "httpx",
    "httpx2",
    "huggingface_hub",
    "llama_index",
    "openai",
    "PIL",
    "pypdfium2",
    "sentence_transformers",
    "torch",
    "transformers",
    "unstructured",
    "urllib3",
]


def quiet_dependencies() -> None:
    """Libraries neither phone home nor print: what they have to say is not for the user of this command."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("pdfminer", "stamina"):  # stamina warns of each retry; the error after the last one says enough
        logging.getLogger(name).setLevel(logging.ERROR)


def configure_logs(*, style: str, verbose: int, quiet: bool, service: bool = False) -> None:
    """Send ``openshelf.*`` and other libraries' warnings to stderr.

    Args:
        style: ``text`` or ``json``; JSON starts at INFO, because a machine reads it.
        verbose: 1 shows INFO, 2 DEBUG.
        service: a long-running command, which shows INFO in text too.
    """
    shown = 1 if style == "json" or service else 0
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(2, max(shown, verbose))]
    if quiet:
        level = logging.ERROR
    handler = _Stderr()
    handler.setFormatter(JsonLines() if style == "json" else _Text())
    reset_logs()
    logging.getLogger().addHandler(handler)
    logging.getLogger("openshelf").setLevel(level)


def reset_logs() -> None:
    """Undo ``configure_logs``."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Stderr)]:
        root.removeHandler(handler)
    logging.getLogger("openshelf").setLevel(logging.NOTSET)


def logs_are_configured() -> bool:
    """Whether ``configure_logs`` was called, and not undone."""
    return any(isinstance(handler, _Stderr) for handler in logging.getLogger().handlers)


def mask_logs(redactor: Redactor) -> None:
    """Put the redactor on the handler, once the configuration with its secrets is known."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Stderr) and redactor not in handler.filters:
            handler.addFilter(redactor)


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and the trace of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for ``record``."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        trace = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else None)
        if trace:
            line["trace"] = trace
        return json.dumps(line, ensure_ascii=False)


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        if logging.getLogger("openshelf").level > logging.DEBUG:
            # A stack trace is for -vv; what happened stays.
            record = logging.makeLogRecord({**vars(record), **_without_trace(record)})
        return super().format(record)


def _without_trace(record: logging.LogRecord) -> dict[str, Any]:
    error = record.exc_info[1] if record.exc_info else None
    last = str(error) if error else (record.exc_text or "").splitlines()[-1] if record.exc_text else ""
    message = record.getMessage()
    return {"msg": f"{message}: {last}" if last else message, "args": (), "exc_info": None, "exc_text": None}


class _Stderr(logging.StreamHandler[Any]):
    """Writes to what ``sys.stderr`` is at the time: a progress bar replaces it while it is drawn."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        pass
