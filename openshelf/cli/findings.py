"""What ``check`` and ``doctor`` print: one line for each thing looked at, the remedy below what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from openshelf.cli.printing import console, counted, print_json, styled

if TYPE_CHECKING:
    from openshelf.cli.state import App
    from openshelf.findings import Finding

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "bold red")}


def show_findings(app: App, findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print the findings; the exit code: 1 where one is an error."""
    errors = sum(finding.level == "error" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    if as_json:
        print_json(app, {"ok": not errors, "errors": errors, "warnings": warnings, "findings": findings})
        return 1 if errors else 0
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(no_wrap=True, min_width=12)
    grid.add_column(overflow="fold")
    for finding in findings:
        mark, style = _MARKS[finding.level]
        text = styled(app.redact(finding.detail))
        if finding.hint and finding.level != "ok":
            text.append(f"\n→ {app.redact(finding.hint)}", style="italic")
        grid.add_row(styled(mark, style), styled(finding.subject, "bold"), text)
    out = console()
    out.print(grid)
    out.print()
    if errors:
        out.print(styled(f"{counted(errors, 'error')}, {counted(warnings, 'warning')}.", "bold red"))
    elif warnings:
        out.print(styled(f"No error, {counted(warnings, 'warning')}.", "yellow"))
    else:
        out.print(styled("All is well.", "green"))
    return 1 if errors else 0
