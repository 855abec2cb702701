"""The commented file that ``openshelf init`` writes."""

from __future__ import annotations

_TEMPLATE = """\
## Openshelf: what this shelf holds and how it is searched. docs/configuration.md lists every key.
## Lines that start with two # explain; take one # and the space away from the others to use them.
## Next: openshelf check, then openshelf sync, then openshelf ask "your question"

## Folder of ledger and vectors, from this file's folder.
# path: .openshelf

## The model that turns text into vectors. `multilingual` for several languages.
# embedder:
#   model: all-MiniLM-L6-v2

## What every source starts from; a source may override any of it.
defaults:
  chunker:
    type: heading
    size: 256
#     overlap: 0
#   prefix:
#     title: true
#     headings: true
#   visibility: public
#   schedule:
#     every: 6h

sources:
## PDF, DOCX, PPTX, XLSX, HTML, Markdown, text, mail and images below a folder.
  docs:
    type: files
    path: docs
#     include: ["*.pdf", "*.md"]
#     exclude: ["drafts/"]
#     url_base: https://help.example.com
#     max_bytes: 50000000

## One document for each row of a CSV, TSV or XLSX file.
#   products:
#     type: csv
#     path: products.csv
#     key: sku
#     title: "{name}"
#     text: "{name}: {description}"
#     chunker:
#       type: whole
#     options:
#       metadata: {price: float}

## Documents that only searches for the group `agents` may see.
#   runbooks:
#     type: files
#     path: runbooks
#     visibility: [agents]

# retrieval:
#   top_k: 8
#   per_document: 3

# context:
#   budget: 2000

## Answers by a model: set OPENAI_API_KEY. Without it the best passages are quoted.
# answer:
#   model: gpt-5-mini
#   mode: inject

## A call that could pass a cap is not made. Prices are for a million tokens.
# costs:
#   prices:
#     gpt-5-mini: {input: 0.25, cached_input: 0.025, output: 2.00}
#   caps:
#     per_day: 5
"""


def template() -> str:
    """A small valid configuration, with the options that most shelves want as comments."""
    return _TEMPLATE
