"""A call as the surfaces hand it in, and the answer they hand out."""

from __future__ import annotations

from dataclasses import dataclass, field

from foundry_contracts.dispatch import AliasEntry, CommandEntry
from foundry_mcp.machine.situation import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """Hold a routed call: its command, its parameters as JSON, who sends it, and what to say beside the answer."""

    entry: CommandEntry
    params: dict[str, object]
    caller: Caller
    alias: AliasEntry | None = None
    warnings: tuple[str, ...] = ()

    def with_warning(self, warning: str) -> Call:
        """Give the call with one more thing to say beside the answer."""
        return Call(self.entry, self.params, self.caller, self.alias, (*self.warnings, warning))


@dataclass(frozen=True, slots=True)
class Envelope:
    """Hold an answer twice: as a JSON value, and as the text that was made (and perhaps kept) of it."""

    document: dict[str, object] = field(repr=False)
    text: str

    @property
    def success(self) -> bool:
        """Tell whether the call did what it asked."""
        return self.document["success"] is True
