"""Gold data: read it, write it for review, look its quotes up on a shelf, import it, make it from solved tickets."""

from evaluation.gold.anchoring import Anchored, Problem, anchor
from evaluation.gold.reading import read_gold
from evaluation.gold.writing import write_gold

__all__ = ["Anchored", "Problem", "anchor", "read_gold", "write_gold"]
