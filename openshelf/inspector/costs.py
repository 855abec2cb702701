"""The page of costs: what calls of paid models cost, by day, source, model or conversation."""

from __future__ import annotations

from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from openshelf.inspector.rendering import render
from openshelf.shelf import Shelf
from retrieval.spend import By


def page(shelf: Shelf, request: Request) -> Response:
    """``/inspect/costs?by=model``."""
    kinds: tuple[str, ...] = get_args(By)
    by = request.query_params.get("by", "day")
    by = by if by in kinds else "day"
    lines = shelf.costs(by=cast("By", by))
    caps = shelf.config.costs.caps
    currencies = sorted({line.currency for line in lines})
    return render(
        "costs.html",
        title="Costs",
        here="costs",
        by=by,
        kinds=kinds,
        lines=lines,
        most={one: max(line.cost for line in lines if line.currency == one) for one in currencies},
        totals=[
            (
                one,
                sum(line.calls for line in lines if line.currency == one),
                sum(line.input_tokens for line in lines if line.currency == one),
                sum(line.cached_tokens for line in lines if line.currency == one),
                sum(line.output_tokens for line in lines if line.currency == one),
                sum(line.cost for line in lines if line.currency == one),
            )
            for one in currencies
        ],
        unpriced=sum(line.unpriced for line in lines),
        currency=shelf.config.costs.currency,
        caps=[(name.replace("_", " "), value) for name, value in caps.model_dump().items() if value is not None],
    )
