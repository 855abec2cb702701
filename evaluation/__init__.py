"""Measure, tune and rehearse: drives ingest and retrieval, knows no vendor."""
