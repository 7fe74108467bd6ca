"""Every event is recorded by something: a command emits it, any command may, or a machine moves on it."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import ContractSet, Finding


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find events that nothing emits."""
    used = {name for command in contracts.commands for name in command.emits}
    used |= {move.trigger for machine in contracts.machines.values() for move in machine.transitions}
    for event in contracts.events.values():
        if event.type not in used and not event.common:
            message = f"No command emits {event.type}, and no machine moves on it."
            yield Finding("event-used", event.origin.at("x-event", "type"), message, "Emit it, or remove it.")
