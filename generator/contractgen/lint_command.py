"""What `contractgen lint` does: hold the contracts to every rule and tell what was found."""

from __future__ import annotations

import argparse
from pathlib import Path

from contractgen import pipeline, report, rulebook


def run(arguments: argparse.Namespace) -> int:
    """Print the findings in a format, notes only if asked for; 1 says that one of them is more than a note."""
    found, findings = pipeline.lint(Path(arguments.contracts))
    if not arguments.notes:
        findings = [finding for finding in findings if rulebook.severity(finding.rule) != "note"]
    if arguments.format == "text" and found is not None and all(finding.answered for finding in findings):
        print(f"{len(found.commands)} commands, {len(found.definitions)} definitions: no findings.")
        return 0
    print(report.render(findings, arguments.format, arguments.contracts), end="")
    return int(report.fails(findings))
