"""Vendors' APIs as stateful servers on 127.0.0.1, held against the vendors' own documents."""
