"""One change of a contract set, and the fingerprint by which it can be accepted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from contractgen.model import Finding


@dataclass(frozen=True, slots=True)
class Change:
    """Hold a finding, what it is about, and all that makes the change what it is: another change is not accepted."""

    finding: Finding
    subject: str
    detail: str

    @property
    def fingerprint(self) -> str:
        """Give twelve digits that stand for exactly this change."""
        text = "\0".join((self.finding.rule, self.subject, self.detail))
        return hashlib.sha256(text.encode()).hexdigest()[:12]
