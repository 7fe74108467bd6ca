"""Emit events.py: the payloads of recorded events, by type."""

from __future__ import annotations

from contractgen.emit.dispatch import derived
from contractgen.emit.python_text import header, mapping_of, member
from contractgen.model import ContractSet

_TAIL = '''
_TYPES: Final[Mapping[type[EventPayload], {kind}]] = MappingProxyType(
    {{model: name for name, model in EVENT_MODELS.items()}}
)


def event_type(payload: EventPayload) -> {kind}:
    """Say of which type a payload is."""
    return _TYPES[type(payload)]
'''


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the events of the set."""
    package, kind = contracts.settings.package, derived(contracts, "events")
    events = contracts.events.values()
    lines = [header(*sorted({event.origin.file for event in events}))]
    lines += ['"""Every recorded event\'s payload, by its type."""', "from __future__ import annotations"]
    lines += ["from collections.abc import Mapping", "from types import MappingProxyType"]
    lines += ["from typing import Final, TypeAlias"]
    lines += [
        f"from {package}.models.{contracts.definitions[event.definition].module} import {event.definition}"
        for event in events
    ]
    lines += [f"from {package}.vocabulary import {kind}"] if kind != "str" else []
    union = " | ".join(event.definition for event in events) if events else "None"
    pairs = [(member(kind, item.type) if kind != "str" else repr(item.type), item.definition) for item in events]
    exported = sorted(["EVENT_MODELS", "EventPayload", "event_type", *(event.definition for event in events)])
    lines += ["", f"__all__ = {exported!r}", f"EventPayload: TypeAlias = {union}", ""]
    lines.append(f"EVENT_MODELS: Final[Mapping[{kind}, type[EventPayload]]] = {mapping_of(pairs)}")
    return {f"python/{package}/events.py": "\n".join(lines) + "\n" + _TAIL.format(kind=kind)}
