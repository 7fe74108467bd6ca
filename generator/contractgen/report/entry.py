"""One finding as every format shows it: with its severity, and its file as a path from where the command runs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from contractgen import rulebook
from contractgen.model import Answer, Finding


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold what is told of a finding. Line and column count from 1; a pointer of the whole file is empty."""

    rule: str
    severity: str
    file: str
    line: int
    column: int
    pointer: str
    message: str
    remedy: str
    proof: str
    answered: Answer | None


def entries(findings: Iterable[Finding], folder: str) -> list[Entry]:
    """List findings as entries, the gravest first and otherwise in the order they were found."""
    found = [_entry(finding, folder.replace("\\", "/")) for finding in findings]
    return sorted(found, key=lambda entry: rulebook.SEVERITIES.index(entry.severity))


def _entry(finding: Finding, folder: str) -> Entry:
    origin = finding.origin
    return Entry(
        rule=finding.rule,
        severity=rulebook.severity(finding.rule),
        file=posixpath.join(folder, origin.file),
        # A place that cannot be looked up (a file that is missing) is told as the file's beginning.
        line=origin.line or 1,
        column=origin.column or 1,
        pointer=origin.pointer,
        message=finding.message,
        remedy=finding.remedy,
        proof=finding.proof,
        answered=finding.answered,
    )
