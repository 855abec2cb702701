"""The Pareto front: what nothing else beats in everything at once."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, ...]


def dominates(one: Point, other: Point) -> bool:
    """Whether ``one`` is at least as large as ``other`` everywhere, and larger somewhere."""
    return all(a >= b for a, b in zip(one, other, strict=True)) and any(a > b for a, b in zip(one, other, strict=True))


def front(points: Sequence[Point]) -> list[int]:
    """Positions of the points that no other dominates, in order; larger is better in every coordinate.

    Of equal points the first stands for all. Negate a coordinate that should be small.
    """
    best: list[int] = []
    # From the largest first coordinate down: a point can only be dominated by one that came before it.
    for position in sorted(range(len(points)), key=lambda i: (tuple(-value for value in points[i]), i)):
        point = points[position]
        if not any(points[known] == point or dominates(points[known], point) for known in best):
            best.append(position)
    return sorted(best)
