"""Shopify: products, collections, pages, articles, policies and their translations."""
