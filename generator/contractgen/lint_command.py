"""What `contractgen lint` does: hold the contracts to every rule and tell what was found."""

from __future__ import annotations

from pathlib import Path

from contractgen import pipeline, report


def run(contracts: str, form: str, notes: bool) -> int:
    """Print the findings in a format, notes only if asked for; 1 says that one of them is more than a note."""
    found, findings = pipeline.lint(Path(contracts))
    if not notes:
        findings = [finding for finding in findings if report.fails([finding])]
    if form == "text" and found is not None and not findings:
        print(f"{len(found.commands)} commands, {len(found.definitions)} definitions: no findings.")
        return 0
    print(report.render(findings, form, contracts), end="")
    return int(report.fails(findings))
