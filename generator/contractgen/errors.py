"""What is raised when a set cannot be lowered."""

from __future__ import annotations

from collections.abc import Sequence

from contractgen.model import Finding


class ContractError(Exception):
    """Carry every finding that keeps a contract set from being read."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Keep the findings and say how many there are and what the first is."""
        self.findings = tuple(findings)
        first = self.findings[0]
        super().__init__(
            f"{len(self.findings)} finding(s) in the contracts; first: "
            f"{first.origin.file}{first.origin.pointer}: {first.message} {first.remedy}"
        )
