"""Freshdesk: solution articles and solved tickets."""
