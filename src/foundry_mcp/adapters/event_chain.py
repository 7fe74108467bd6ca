"""The hash chain over a session's events.

The hash of an event is SHA-256 over the hash before it (32 bytes; zeros before the first) and the RFC 8785 form of
the event's fields. Changing, dropping or reordering an event breaks every hash after it; a cut tail cannot be seen
from inside, which is why the head is signed and kept elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import rfc8785

from foundry_mcp.ports import StoredEvent

START: Final = "0" * 64


def link(previous: str, event: StoredEvent) -> str:
    """Give the hexadecimal hash of an event that follows the hash `previous`."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical(event)).hexdigest()


def canonical(event: StoredEvent) -> bytes:
    """Give the bytes of an event that its hash covers."""
    return rfc8785.dumps(
        {
            "event_id": event.event_id,
            "session_id": event.session_id,
            "seq": event.seq,
            "spec_id": event.spec_id,
            "time": event.time,
            "actor_id": event.actor_id,
            "actor_role": str(event.actor_role),
            "type": str(event.type),
            "payload": event.payload,
        }
    )


def first_break(chain: Iterable[tuple[StoredEvent, str]]) -> int | None:
    """Give the seq where a chain of events and hashes first fails, or None where it holds."""
    previous = START
    for expected, (event, recorded) in enumerate(chain, start=1):
        if event.seq != expected or link(previous, event) != recorded:
            return expected
        previous = recorded
    return None
