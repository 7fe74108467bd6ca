"""What the guard says of a tool call: nothing where it may be, else why it may not."""

from __future__ import annotations

from foundry_contracts.tables import GUARD_REASON_INFO
from foundry_contracts.vocabulary import GuardReason


class Refused(Exception):
    """Say that a tool call may not be: `about` is the word, path or command that it is about."""

    def __init__(self, reason: GuardReason, about: str) -> None:
        super().__init__(reason, about)
        self.reason = reason
        self.about = about

    @property
    def message(self) -> str:
        """Give the sentence for the agent: what, why, and what to do instead."""
        known = GUARD_REASON_INFO[self.reason]
        return f"Refused by foundry-mcp guard: {self.about} ({self.reason.value}). {known.description} {known.remedy}"
