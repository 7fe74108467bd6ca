"""The hash chain over a session's events, the seals on it, and what is wrong where they do not hold.

The hash of an event is SHA-256 over the hash before it (32 bytes; zeros before the first) and the RFC 8785 form of
the event's fields, so anybody can check that the events follow one another. A seal is a MAC that only the server can
make: one on each event's place and hash, so that a chain made anew is noticed, and one on the log's end, so that a cut
tail is. Whoever has the server's secret can make both; that is why heads are signed and kept elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from foundry_contracts.vocabulary import EventType, LogFault, Role
from foundry_mcp.ports import START, Head, LogBroken, StoredEvent

_HASH: Final = re.compile(r"[0-9a-f]{64}")
# In the order of their names, as the canonical form has them.
_FIELDS: Final = ("actor_id", "actor_role", "event_id", "payload", "seq", "session_id", "spec_id", "time", "type")
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


_COVERED: Final = attrgetter(*_FIELDS)


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold an event as the store has it, whatever that is, with its hash and its seal."""

    event_id: str
    session_id: str
    seq: int
    spec_id: str
    time: str
    actor_id: str
    actor_role: str
    type: str
    payload: str
    hash: str = ""
    seal: str = ""


class Seals:
    """Make and check seals with a keyed function that only the server has."""

    def __init__(self, mac: Callable[[str], str]) -> None:
        self._mac = mac

    def of_event(self, session_id: str, seq: int, digest: str) -> str:
        """Give the seal of an event."""
        return self._mac(f"log-event:{session_id}:{seq}:{digest}")

    def of_head(self, session_id: str, seq: int, digest: str) -> str:
        """Give the seal of a log's end."""
        return self._mac(f"log-head:{session_id}:{seq}:{digest}")

    def of_record(self, text: str) -> str:
        """Give the seal of a record of the store's upkeep."""
        return self._mac(f"upkeep:{text}")

    def fits(self, entry: Entry, seq: int) -> bool:
        """Tell whether an entry bears the seal of a place."""
        return _same(self.of_event(entry.session_id, seq, entry.hash), entry.seal)


def link(previous: str, entry: Entry | StoredEvent) -> str:
    """Give the hexadecimal hash of an event that follows the hash `previous`."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical(entry)).hexdigest()


def canonical(entry: Entry | StoredEvent) -> bytes:
    """Give the bytes of an event that its hash covers."""
    # Of sorted names in ASCII, text and whole numbers this is the RFC 8785 form, and many times faster made.
    return _ENCODER.encode(dict(zip(_FIELDS, _COVERED(entry), strict=True))).encode()


def chained(event: StoredEvent, previous: str, seals: Seals) -> Entry:
    """Make the entry of an event that follows the hash `previous`."""
    digest = link(previous, event)
    return Entry(
        event_id=event.event_id,
        session_id=event.session_id,
        seq=event.seq,
        spec_id=event.spec_id,
        time=event.time,
        actor_id=event.actor_id,
        actor_role=event.actor_role.value,
        type=event.type.value,
        payload=event.payload,
        hash=digest,
        seal=seals.of_event(event.session_id, event.seq, digest),
    )


def read(entry: Entry) -> StoredEvent:
    """Give the event of an entry that holds; LogBroken where this server knows no such event."""
    try:
        role, kind = Role(entry.actor_role), EventType(entry.type)
    except ValueError as error:
        message = f"Event {entry.seq} cannot be read: {error}."
        raise LogBroken(entry.session_id, LogFault.UNREADABLE, entry.seq, message) from error
    return StoredEvent(
        event_id=entry.event_id,
        session_id=entry.session_id,
        seq=entry.seq,
        spec_id=entry.spec_id,
        time=entry.time,
        actor_id=entry.actor_id,
        actor_role=role,
        type=kind,
        payload=entry.payload,
    )


def follow(session_id: str, after: Head, entries: Sequence[Entry], seals: Seals | None) -> Head:
    """Give where entries lead that follow a place; LogBroken where one does not hold.

    `seals` is None where the server's secret is not at hand: then the chain alone is looked at.
    """
    head = after
    for place, entry in enumerate(entries):
        if not _holds(head, entry, seals):
            raise _Break(session_id, head, entries, place, seals).broken()
        head = Head(entry.seq, entry.hash)
    return head


def faults(
    session_id: str, entries: Sequence[Entry], seals: Seals | None, after: Head = START
) -> tuple[list[LogBroken], Head | None]:
    """Give each fault that can be told apart, and where the entries lead; None where that cannot be said.

    After an event that was only edited the chain goes on from its recorded hash; after any other fault it is lost.
    """
    found: list[LogBroken] = []
    head, rest = after, entries
    while True:
        try:
            return found, follow(session_id, head, rest, seals)
        except LogBroken as broken:
            found.append(broken)
            entry = next((entry for entry in rest if entry.seq == broken.finding.seq), None)
            if entry is None or broken.finding.fault is not LogFault.EDITED or not _kept_its_hash(entry, seals):
                return found, None
            head, rest = Head(entry.seq, entry.hash), rest[rest.index(entry) + 1 :]


def _kept_its_hash(entry: Entry, seals: Seals | None) -> bool:
    return seals.fits(entry, entry.seq) if seals else bool(_HASH.fullmatch(entry.hash))


def end(session_id: str, head: Head, version: int, seal: str, seals: Seals | None) -> None:
    """Hold a log's end against the session's row: its version, and its seal. LogBroken where they do not fit."""
    if version > head.seq:
        message = f"The log ends at event {head.seq}; there were {version} events."
        raise LogBroken(session_id, LogFault.CUT, head.seq + 1, message)
    if version < head.seq:
        message = f"The session's row says that it has {version} events; its log has {head.seq}."
        raise LogBroken(session_id, LogFault.ROW_ALTERED, version, message)
    if seals is not None and not _same(seals.of_head(session_id, version, head.hash), seal):
        message = f"The seal on the log's end is not of event {version}: what came after it is gone."
        raise LogBroken(session_id, LogFault.CUT, version + 1, message)


def _same(seal: str, other: str) -> bool:
    return hmac.compare_digest(seal.encode(), other.encode())


def _holds(head: Head, entry: Entry, seals: Seals | None) -> bool:
    if entry.seq != head.seq + 1 or link(head.hash, entry) != entry.hash:
        return False
    return seals is None or seals.fits(entry, entry.seq)


@dataclass(frozen=True, slots=True)
class _Break:
    """Hold where a chain fails: the last place that holds, and the entries, of which the one at `place` does not."""

    session_id: str
    head: Head
    entries: Sequence[Entry]
    place: int
    seals: Seals | None

    def broken(self) -> LogBroken:
        """Say what happened to the log, as far as it can be told from what is left."""
        position = self.head.seq + 1
        fault, seq, message = self._told(position, self.entries[self.place])
        return LogBroken(self.session_id, fault, seq, message)

    def _told(self, position: int, entry: Entry) -> tuple[LogFault, int, str]:
        edited = LogFault.EDITED, position, f"Event {position} is not what its hash says: it was changed."
        if self.seals is not None and entry.seq == position and self.seals.fits(entry, position):
            return edited
        moved = next((other for other in self.entries[self.place + 1 :] if self._is_from(other, position)), None)
        origin = self._origin(entry, position)
        if origin is not None and origin < position:
            where = position if self.seals else origin
            return LogFault.INSERTED, where, f"Event {where} was put there; it is none of those recorded."
        if moved is not None and (origin is not None or self._came_after(moved, entry)):
            return LogFault.REORDERED, position, f"Event {position} stands in another place."
        if moved is not None:
            return LogFault.INSERTED, position, f"Event {position} was put there; the one recorded there was moved on."
        if entry.seq > position or (origin is not None and origin > position):
            return LogFault.REMOVED, position, f"Event {position} is gone; others were recorded after it."
        if self.seals is not None and origin is None and link(self.head.hash, entry) == entry.hash:
            return LogFault.FORGED, position, f"Event {position} bears no seal of the server's."
        return edited

    def _is_from(self, entry: Entry, seq: int) -> bool:
        """Tell whether an entry was recorded at the place after the last one that holds."""
        if self.seals is not None:
            return self.seals.fits(entry, seq)
        return link(self.head.hash, replace(entry, seq=seq)) == entry.hash

    def _came_after(self, before: Entry, entry: Entry) -> bool:
        """Tell whether an entry was recorded right after another, as its hash shows."""
        return link(before.hash, replace(entry, seq=self.head.seq + 2)) == entry.hash

    def _origin(self, entry: Entry, position: int) -> int | None:
        """Give the place an entry was recorded at, if it can be told."""
        if self.seals is not None:
            last = max(position, *(other.seq for other in self.entries))
            return next((seq for seq in range(1, last + len(self.entries) + 1) if self.seals.fits(entry, seq)), None)
        if self.place > 1 and link(self.entries[self.place - 2].hash, replace(entry, seq=position - 1)) == entry.hash:
            return position - 1
        return None
