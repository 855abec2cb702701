"""The inspector: the operator's view of a shelf in a browser. On loopback only, behind a token.

Pages are rendered here and work without a script; the scripts in ``static`` redraw and highlight.
"""
