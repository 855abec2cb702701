"""Parse, chunk, embed, ledger, stores, sync, schedule."""
