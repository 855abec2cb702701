"""Gold from solved tickets: what customers asked, what agents answered, and the articles that they linked."""

from evaluation.gold.tickets.exported import exported
from evaluation.gold.tickets.links import Articles
from evaluation.gold.tickets.proposing import Proposed, Wanted, propose
from evaluation.gold.tickets.shelved import shelved
from evaluation.gold.tickets.solved import Solved

__all__ = ["Articles", "Proposed", "Solved", "Wanted", "exported", "propose", "shelved"]
