"""Confluence: pages, blog posts and attachments, on Cloud and Data Center."""
