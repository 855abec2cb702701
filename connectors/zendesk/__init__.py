"""Zendesk: help-centre articles and solved tickets."""
