"""The ledger: one SQLite database that is the truth; vector stores and the keyword index are projections."""

from ingest.ledger.ledger import Ledger

__all__ = ["Ledger"]
