"""The typed schema of the YAML: every knob, its default and the reason for it.

An unknown key is an error. Options of a connector are checked by the connector itself (rooms above this
one), so ``Source`` keeps them aside in ``options``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, model_validator

from configs.costs import Costs as Costs
from configs.section import Section as Section
from configs.server import Server

Tokens = Annotated[int, Field(ge=1, le=100_000)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


# --- ingest -------------------------------------------------------------------------------------


class Parser(Section):
    """How bytes become text and elements."""

    ocr: Literal["auto", "off"] = Field(
        "auto", description="Read images (and scanned PDF pages) with Tesseract; `auto`: where it is installed."
    )
    ocr_languages: list[str] = Field(["eng"], description="Tesseract language codes, for example [eng, fra].")
    keep_links: bool = Field(False, description="Keep link targets after link texts in HTML and Markdown.")
    max_bytes: int = Field(50_000_000, gt=0, description="Larger documents are failures that say so, not memory.")


class _Sized(Section):
    """Shared by chunkers that pack up to a number of tokens."""

    size: Tokens = Field(256, description="Most tokens in a chunk. 256 is what all-MiniLM-L6-v2 reads at once.")
    overlap: int = Field(0, ge=0, description="Tokens shared with the chunk before.")
    tokenizer: str = Field(
        "cl100k_base",
        description="`cl100k_base` (bundled, what File Search counts in) or `embedder` (the embedder's own).",
    )

    @model_validator(mode="after")
    def _overlap_below_size(self) -> _Sized:
        if self.overlap > self.size // 2:
            raise ValueError(f"overlap ({self.overlap}) must be at most half of size ({self.size})")
        return self


class TokenChunker(_Sized):
    """Fixed windows of tokens: what File Search does."""

    type: Literal["token"] = "token"


class SentenceChunker(_Sized):
    """Whole sentences packed up to ``size`` (LlamaIndex SentenceSplitter)."""

    type: Literal["sentence"] = "sentence"


class RecursiveChunker(_Sized):
    """Split at the largest separator that fits: paragraph, line, sentence, word."""

    type: Literal["recursive"] = "recursive"


class HeadingChunker(_Sized):
    """Never across a heading; tables and code stay whole while they fit."""

    type: Literal["heading"] = "heading"


class SemanticChunker(_Sized):
    """Breaks where neighbouring sentences differ most (needs the embedder)."""

    type: Literal["semantic"] = "semantic"
    percentile: float = Field(95.0, gt=0, lt=100, description="Break at distances above this percentile.")


class RowsChunker(_Sized):
    """Rows of a table, header repeated, as many as fit in ``size`` and at most ``rows``."""

    type: Literal["rows"] = "rows"
    rows: int = Field(1, ge=1, description="Rows in one chunk.")


class ConversationChunker(_Sized):
    """A question stays with its answer."""

    type: Literal["conversation"] = "conversation"


class ParentChildChunker(_Sized):
    """Search small pieces, return the large piece around them."""

    type: Literal["parent-child"] = "parent-child"
    size: Tokens = Field(128, description="Tokens in the piece that is searched.")
    parent_size: Tokens = Field(512, description="Tokens in the piece that is returned.")

    @model_validator(mode="after")
    def _parent_is_larger(self) -> ParentChildChunker:
        if self.parent_size < self.size:
            raise ValueError(f"parent_size ({self.parent_size}) must be at least size ({self.size})")
        return self


class WholeChunker(Section):
    """One chunk a document."""

    type: Literal["whole"] = "whole"


class PluginChunker(Section):
    """A chunker that another package registers under the entry-point group ``openshelf.chunkers``."""

    type: str = Field(description="The entry point's name.")
    options: dict[str, Any] = Field(default_factory=dict, description="Passed to the plug-in.")


Chunker = (
    TokenChunker
    | SentenceChunker
    | RecursiveChunker
    | HeadingChunker
    | SemanticChunker
    | RowsChunker
    | ConversationChunker
    | ParentChildChunker
    | WholeChunker
    | PluginChunker
)

BUILT_IN_CHUNKERS: dict[str, type[Section]] = {
    "token": TokenChunker,
    "sentence": SentenceChunker,
    "recursive": RecursiveChunker,
    "heading": HeadingChunker,
    "semantic": SemanticChunker,
    "rows": RowsChunker,
    "conversation": ConversationChunker,
    "parent-child": ParentChildChunker,
    "whole": WholeChunker,
}


class Prefix(Section):
    """Contextual prefix ``title › heading path › metadata``: embedded and indexed, not shown again."""

    title: bool = Field(True, description="Start with the document's title.")
    headings: bool = Field(True, description="Add the headings above the chunk.")
    metadata: list[str] = Field(default_factory=list, description="Metadata keys to add, in this order.")


class Embedder(Section):
    """Which model turns text into vectors, and what runs it."""

    model: str = Field(
        "all-MiniLM-L6-v2",
        description="Bundled: `all-MiniLM-L6-v2` (English), `multilingual` (works without a hub). Otherwise a "
        "sentence-transformers name or folder, an OpenAI model with `provider: openai`, or a plug-in's name.",
    )
    provider: str = Field("local", description="`local`, `openai`, or an entry point of `openshelf.embedders`.")
    runtime: Literal["onnx-int8", "onnx", "torch"] = Field(
        "onnx-int8", description="`onnx-int8` is about four times as fast as `torch` on a CPU; `torch` uses a GPU."
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Texts embedded together; more needs more memory.")
    threads: int = Field(0, ge=0, description="CPU threads; 0 leaves the choice to the runtime.")
    query_prefix: str = Field("", description="For models that want one, e.g. `query: `.")
    document_prefix: str = Field("", description="For models that want one, e.g. `passage: `.")
    dimensions: int | None = Field(None, ge=1, description="For OpenAI models that can shorten their vectors.")
    api_key: SecretStr | None = Field(None, description="`${OPENAI_API_KEY}`; only for provider openai.")
    base_url: str | None = Field(None, description="Any OpenAI-compatible server.")
    requests_per_minute: int = Field(500, ge=1, description="Rate budget for an API.")

    @model_validator(mode="after")
    def _api_options_need_an_api(self) -> Embedder:
        if self.provider == "local" and (self.base_url or self.api_key or self.dimensions):
            raise ValueError("api_key, base_url and dimensions only go with provider: openai")
        return self


class Schedule(Section):
    """When ``openshelf schedule`` syncs a source: a cron expression or an interval."""

    cron: str | None = Field(None, description="Five-field cron expression, for example `0 3 * * *`.")
    every: str | None = Field(None, description="Interval such as `15m`, `6h`, `1d`.")
    jitter: str = Field("0s", description="Random delay up to this, so that sources do not start together.")
    timezone: str = Field("UTC", description="IANA name that the cron expression is read in.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Schedule:
        if (self.cron is None) == (self.every is None):
            raise ValueError("give either cron or every")
        for name in ("every", "jitter"):
            value = getattr(self, name)
            if value is not None:
                seconds(value)
        return self


def seconds(duration: str) -> float:
    """``"90s"``, ``"15m"``, ``"6h"`` or ``"1d"`` in seconds.

    Raises:
        ValueError: it is not a number and one of those units.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", duration.strip())
    if not match:
        raise ValueError(f"{duration!r} is not a duration; write for example 30s, 15m, 6h or 1d")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


Visibility = Literal["public", "restricted"] | list[str]
"""`public`: everybody unless the document says otherwise. `restricted`: nobody unless the document names
groups. A list: these groups, narrowed further by what the document says."""


class Defaults(Section):
    """What every source starts from."""

    parser: Parser = Parser()
    chunker: Chunker = HeadingChunker()
    prefix: Prefix = Prefix()
    metadata: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Added to every document: `key: value`, or `key: $other` to copy a key."
    )
    visibility: Visibility = Field(
        "public",
        description="`public`: everybody unless the document names groups; `restricted`: nobody unless it does; "
        "a list: these groups.",
    )
    default_readers: list[str] | None = Field(
        None,
        description="Groups that may see documents which name none themselves; those that do keep their own. "
        "Without it such documents are everybody's.",
    )
    schedule: Schedule | None = None


class Source(Defaults):
    """One source: the connector's options beside overrides of any default."""

    name: str = Field(description="The source's key below `sources`; not written again.")
    type: str = Field(description="A connector: `files`, `csv`, or a plug-in's name.")
    enabled: bool = Field(True, description="`false` stops syncing it; its variables may be missing.")
    # Not in `repr`: only the connector knows which of them are secrets.
    options: dict[str, Any] = Field(default_factory=dict, repr=False, description="The connector's own keys.")


class Store(Section):
    """Where vectors live."""

    type: Literal["chroma", "llama-index"] = Field(
        "chroma", description="`chroma`, or any LlamaIndex vector store through an `adapter`."
    )
    mode: Literal["auto", "embedded", "server"] = Field(
        "auto",
        description="`auto`: a loopback Chroma server that the shelf starts, shares and stops by itself; "
        "`embedded`: inside this process, no other may use the shelf meanwhile; `server`: the one at `url`.",
    )
    url: str | None = Field(None, description="For mode server, for example http://127.0.0.1:8000")
    token: SecretStr | None = Field(None, description="Sent as a bearer token to a server behind a proxy.")
    adapter: str | None = Field(None, description="For llama-index: an entry point of `openshelf.vector_stores`.")
    options: dict[str, Any] = Field(default_factory=dict, description="Passed to the adapter.")

    @model_validator(mode="after")
    def _mode_and_url(self) -> Store:
        if (self.mode == "server") != (self.url is not None):
            raise ValueError("mode: server and url go together")
        if (self.type == "llama-index") != (self.adapter is not None):
            raise ValueError("type: llama-index and adapter go together")
        return self


class Sync(Section):
    """How a sync behaves."""

    batch: int = Field(64, ge=1, le=5000, description="Documents parsed and embedded together.")
    max_delete_share: Share = Field(0.3, description="A sync that would drop more of a source stops.")
    max_delete_floor: int = Field(10, ge=0, description="Deleting up to this many never stops a sync.")


# --- retrieval ----------------------------------------------------------------------------------


class Reranker(Section):
    """An optional cross-encoder over the best candidates."""

    model: str = Field(description="A sentence-transformers CrossEncoder name or folder.")
    candidates: int = Field(50, ge=1, le=500, description="Read again by the model: its cost grows with them.")


class Retrieval(Section):
    """How a question finds chunks."""

    top_k: int = Field(8, ge=1, le=100, description="Hits returned.")
    candidates: int = Field(100, ge=1, le=1000, description="Taken from each list before fusion.")
    fusion: Literal["rrf", "convex"] = Field(
        "convex", description="`convex`: weighted sum of min-max scores; `rrf`: weighted reciprocal ranks."
    )
    keyword_weight: float = Field(0.5, ge=0, description="Share of the keyword list; 0 leaves it out.")
    vector_weight: float = Field(0.5, ge=0, description="Share of the vector list; 0 leaves it out.")
    rrf_k: int = Field(60, ge=1, description="For `rrf`: larger makes the ranks count more alike.")
    reranker: Reranker | None = None
    diversity: Share = Field(0.0, description="0: by score alone; 1: as different as can be (MMR).")
    per_document: int | None = Field(None, ge=1, description="Most chunks of one document.")
    threshold: float | None = Field(
        None, description="Hits scoring lower (reranked, else fused) are left out; unset: none are."
    )

    @model_validator(mode="after")
    def _one_list_at_least(self) -> Retrieval:
        if self.keyword_weight == 0 and self.vector_weight == 0:
            raise ValueError("keyword_weight and vector_weight cannot both be 0")
        return self


class Context(Section):
    """What is handed to the model."""

    budget: Tokens = Field(2000, description="Tokens of context for one question.")
    merge_gap: int = Field(200, ge=0, description="Chunks of a document this many characters apart become one.")


class Answer(Section):
    """The Responses call."""

    provider: Literal["auto", "openai", "extractive"] = Field(
        "auto", description="`auto`: openai where a key is set, otherwise quote the best passages."
    )
    model: str = Field("gpt-5-mini", description="Any model of the provider that speaks the Responses API.")
    mode: Literal["inject", "tool"] = Field("inject", description="Search first, or let the model search.")
    base_url: str | None = Field(None, description="Default: $OPENAI_BASE_URL, then OpenAI.")
    api_key: SecretStr | None = Field(None, description="Default: $OPENAI_API_KEY.")
    instructions: str = Field("", description="Added to the built-in instructions.")
    max_output_tokens: int = Field(800, ge=16, description="Longest answer, reasoning included.")
    max_searches: int = Field(3, ge=1, le=20, description="Bound of the tool loop.")
    no_answer_threshold: float | None = Field(
        None,
        description="Below this evidence that the hits answer the question, the answer is a refusal. "
        "Default: what was measured for the bundled embedders (0.393 of 1), 0.2 for others; docs/answers.md.",
    )
    timeout: float = Field(60.0, gt=0, description="Seconds.")
    store: bool = Field(False, description="Let the provider keep the response.")


class Conversations(Section):
    """History that a conversation carries along."""

    budget: Tokens = Field(3000, description="Tokens of history sent with a question.")
    strategy: Literal["trim", "summarise"] = Field(
        "trim", description="Past the budget: drop the oldest turns, or `summarise` them with one more call."
    )


class Config(Section):
    """A whole shelf."""

    path: Path = Field(Path(".openshelf"), description="Folder of ledger, vectors and locks; from the YAML file.")
    store: Store = Store()
    embedder: Embedder = Embedder()
    defaults: Defaults = Defaults()
    sources: dict[str, Source] = Field(default_factory=dict)
    sync: Sync = Sync()
    retrieval: Retrieval = Retrieval()
    context: Context = Context()
    answer: Answer = Answer()
    conversations: Conversations = Conversations()
    costs: Costs = Costs()
    server: Server = Server()
