"""Measurements. Nothing here is a test, and nothing here ships."""
