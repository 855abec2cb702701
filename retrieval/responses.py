"""Read what the Responses API sends, whole or as a stream, into one ``Reply``.

Written against the openai package's own types, but lenient about fields that other servers leave out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from configs.errors import AnswerError
from retrieval.events import Usage
from retrieval.failures import CallFailed, redact

_MARGIN, _FIXED = 1.1, 50  # a tokenizer other than the model's, and the message framing


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The model wants ``name`` called; ``arguments`` is JSON as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Reply:
    """One response, complete once ``status`` is set.

    Attributes:
        text: the answer's text; comments made on the way to a function call are left out.
        items: the output items, to be sent back in a function loop.
        declined: the model refused by a ``refusal`` part.
    """

    text: str = ""
    items: list[dict[str, Any]] = field(default_factory=list)
    calls: list[FunctionCall] = field(default_factory=list)
    declined: bool = False
    usage: Usage | None = None
    id: str | None = None
    model: str | None = None
    status: str | None = None
    incomplete: str | None = None
    error: str | None = None
    _comments: set[int] = field(default_factory=set)
    _part: tuple[int, int] | None = None

    def take(self, event: Any) -> str:
        """Take the next event of a stream; returns the text that it adds.

        Raises:
            CallFailed: the stream reports an error.
        """
        kind = getattr(event, "type", None)
        if kind == "response.output_item.added":
            if getattr(event.item, "phase", None) == "commentary":
                self._comments.add(event.output_index)
        elif kind in ("response.output_text.delta", "response.refusal.delta"):
            if event.output_index in self._comments:
                return ""
            self.declined = self.declined or kind == "response.refusal.delta"
            return self._append(event.delta, (event.output_index, event.content_index))
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            return self.finish(event.response)
        elif kind == "error":
            detail = redact(f"{event.code or 'error'}: {event.message}", None)
            error = AnswerError(f"The model broke off: {detail}.", hint="Ask again.")
            raise CallFailed(error, billed=bool(self.text))
        return ""

    def finish(self, response: Any) -> str:
        """Take the whole response; returns its text where none was streamed before.

        Raises:
            CallFailed: it is no response (a login page, another API's answer).
        """
        try:
            return self._read(response)
        except (AttributeError, TypeError) as error:  # the openai package hands on whatever came
            raise CallFailed(
                AnswerError(
                    "The provider sent something that is no Responses answer.",
                    hint="Check that answer.base_url is an OpenAI-compatible server with /responses.",
                ),
                billed=True,
            ) from error

    def _read(self, response: Any) -> str:
        self.id, self.model, self.status = response.id, response.model, response.status or "completed"
        self.usage = _usage(response.usage)
        if response.incomplete_details is not None:
            self.incomplete = response.incomplete_details.reason or "unknown"
        if response.error is not None:
            self.error = redact(f"{response.error.code}: {response.error.message}", None)
        added = ""
        streamed = bool(self.text)
        for index, item in enumerate(response.output or []):
            self.items.append(item.to_dict(mode="json"))
            if item.type == "function_call":
                self.calls.append(FunctionCall(item.call_id, item.name, item.arguments))
            elif item.type == "message" and getattr(item, "phase", None) != "commentary" and not streamed:
                added += self._parts(index, item)
        return added

    def problem(self, model: str, max_output_tokens: int, *, may_call: bool) -> AnswerError | None:
        """Why this reply is of no use, or ``None`` when it is of use."""
        if self.status is None:
            return AnswerError("The stream ended before the answer did.", hint="Ask again.")
        if self.status in ("failed", "cancelled"):
            detail = f" {self.error}." if self.error else ""
            return AnswerError(f"The model {model} did not finish ({self.status}).{detail}", hint="Ask again.")
        if self.text or (self.calls and may_call and self.incomplete is None):
            return None
        if self.incomplete == "max_output_tokens":
            thought = f", {self.usage.reasoning} of them on reasoning" if self.usage else ""
            return AnswerError(
                f"The model {model} used its {max_output_tokens} output tokens{thought} before it wrote an answer.",
                hint="Raise answer.max_output_tokens.",
            )
        if self.incomplete == "content_filter":
            return None
        return AnswerError(f"The model {model} sent no text.", hint="Ask again, or try another answer.model.")

    def _parts(self, index: int, item: Any) -> str:
        added = ""
        for position, part in enumerate(item.content):
            if part.type == "output_text":
                added += self._append(part.text, (index, position))
            elif part.type == "refusal":
                self.declined = True
                added += self._append(part.refusal, (index, position))
        return added

    def _append(self, text: str, part: tuple[int, int]) -> str:
        if self.text and self._part not in (None, part):
            text = f"\n\n{text}"
        self._part = part
        self.text += text
        return text


def estimate_tokens(params: Mapping[str, Any], count: Callable[[str], int]) -> int:
    """Input tokens of a request, on the high side: everything in it counted with our tokenizer, plus a tenth.

    What a provider adds by itself (a ``conversation`` it keeps) is not known and not counted.
    """
    sent = [params.get("instructions") or "", json.dumps(params.get("tools", []), ensure_ascii=False)]
    for item in params["input"]:
        content = item.get("content") if isinstance(item.get("content"), str) else None
        sent.append(content or item.get("output") or json.dumps(item, ensure_ascii=False))
    return int(sum(count(text) + 4 for text in sent) * _MARGIN) + _FIXED


def search_arguments(call: FunctionCall, longest: int) -> tuple[str, int | None] | str:
    """(query, max_results) of a search call, or one sentence for the model about what is wrong with it."""
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return "The arguments are not JSON; send query and max_results."
    query = arguments.get("query") if isinstance(arguments, dict) else None
    if not isinstance(query, str) or not query.strip():
        return "query must be a text that is not empty."
    wanted = arguments.get("max_results")
    results = wanted if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > 0 else None
    return query.strip()[:longest], results


def _usage(usage: Any) -> Usage | None:
    if usage is None:
        return None
    cached = getattr(getattr(usage, "input_tokens_details", None), "cached_tokens", None)
    reasoning = getattr(getattr(usage, "output_tokens_details", None), "reasoning_tokens", None)
    return Usage(usage.input_tokens or 0, cached or 0, usage.output_tokens or 0, reasoning or 0)
