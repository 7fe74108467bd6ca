"""A store in memory: the fake that other tests run on, held to the same behaviour as the real one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from foundry_contracts.vocabulary import EventType, SessionStatus
from foundry_mcp.adapters import event_chain
from foundry_mcp.adapters.event_chain import Entry, Seals
from foundry_mcp.ports import (
    SERVER,
    START,
    Answer,
    Batch,
    Head,
    Life,
    Listed,
    LiveSessionExists,
    Log,
    PlanText,
    SessionRow,
    StoredEvent,
    Upkeep,
    VersionConflict,
)

LIVE = frozenset({SessionStatus.RUNNING, SessionStatus.PAUSED, SessionStatus.FAILED})


def unkeyed(text: str) -> str:
    """Stand in for a keyed function, where nobody tries to forge."""
    return sha256(text.encode()).hexdigest()


SEALS = Seals(unkeyed)


def _age(found: Listed) -> tuple[str, str]:
    return found.row.created_at, found.row.session_id


class MemoryStore:
    """Keep everything in dictionaries; nothing lasts."""

    def __init__(self) -> None:
        self._sessions: dict[str, SessionRow] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._closed: set[str] = set()
        self._answers: dict[str, Answer] = {}
        self._plans: dict[str, PlanText] = {}
        self._lives: dict[str, Life] = {}

    def append(self, batch: Batch) -> Head:
        """Check everything first, then write everything."""
        self._check_numbers(batch)
        row = batch.session
        present = self._sessions.get(row.session_id)
        if (present.version if present else 0) != batch.expected_version:
            raise VersionConflict("load the session again")
        other = self.live_session(row.spec_id)
        if row.status in LIVE and other is not None and other.session_id != row.session_id:
            raise LiveSessionExists(row.spec_id)
        keys = [answer.key for answer in batch.answers]
        if len(set(keys)) < len(keys) or any(key in self._answers for key in keys):
            raise VersionConflict("a key has an answer already")
        self._sessions[row.session_id] = row
        head = self._head(row.session_id)
        for event in batch.events:
            entry = event_chain.chained(event, head.hash, SEALS)
            self._entries.setdefault(row.session_id, []).append(entry)
            head = Head(entry.seq, entry.hash)
        self._answers.update((answer.key, answer) for answer in batch.answers)
        if batch.plan is not None:
            self._plans.setdefault(batch.plan.digest, batch.plan)
        return head

    def _head(self, session_id: str) -> Head:
        entries = self._entries.get(session_id)
        return Head(entries[-1].seq, entries[-1].hash) if entries else START

    @staticmethod
    def _check_numbers(batch: Batch) -> None:
        first = batch.expected_version + 1
        dense = [event.seq for event in batch.events] == list(range(first, first + len(batch.events)))
        own = all(event.session_id == batch.session.session_id for event in batch.events)
        if not dense or not own or batch.session.version != batch.expected_version + len(batch.events):
            raise ValueError("the events do not follow from the expected version")

    def session(self, session_id: str) -> SessionRow | None:
        return self._sessions.get(session_id)

    def live_session(self, spec_id: str) -> SessionRow | None:
        live = (row for row in self._sessions.values() if row.status in LIVE)
        return next((row for row in live if row.spec_id == spec_id), None)

    def sessions(self, spec_id: str | None = None, *, after: int | None = None, limit: int) -> list[Listed] | None:
        listed = [Listed(place, row) for place, row in enumerate(self._sessions.values(), start=1)]
        listed.sort(key=_age, reverse=True)
        edge = next((found for found in listed if found.place == after), None)
        if after is not None and edge is None:
            return None
        chosen = [found for found in listed if spec_id in (None, found.row.spec_id)]
        return [found for found in chosen if edge is None or _age(found) < _age(edge)][:limit]

    def log(self, session_id: str, after: Head = START) -> Log | None:
        row = self._sessions.get(session_id)
        if row is None:
            return None
        entries = [entry for entry in self._entries.get(session_id, []) if entry.seq > after.seq]
        head = event_chain.follow(session_id, after, entries, SEALS)
        return Log(row, tuple(map(event_chain.read, entries)), head)

    def _events(self, session_id: str) -> list[StoredEvent]:
        return [event_chain.read(entry) for entry in self._entries.get(session_id, [])]

    def page(
        self, session_id: str, *, after: int | None, before: int | None, limit: int, types: Sequence[EventType]
    ) -> list[StoredEvent]:
        if after is not None and before is not None:
            raise ValueError("a page goes up from `after` or down from `before`, not both")
        events = [event for event in self._events(session_id) if not types or event.type in types]
        if after is not None:
            return [event for event in events if event.seq > after][:limit]
        return [event for event in reversed(events) if before is None or event.seq < before][:limit]

    def record(self, event: StoredEvent) -> None:
        head = self._head(SERVER)
        entry = event_chain.chained(replace(event, seq=head.seq + 1), head.hash, SEALS)
        self._entries.setdefault(SERVER, []).append(entry)

    def server_page(self, *, after: int | None, before: int | None, limit: int) -> list[StoredEvent]:
        return self.page(SERVER, after=after, before=before, limit=limit, types=())

    def close_log(self, upkeep: Upkeep, answers: tuple[Answer, ...]) -> None:
        row = self._sessions.get(upkeep.session_id)
        if row is not None:
            self._sessions[row.session_id] = replace(row, status=SessionStatus.ENDED)
        self._closed.add(upkeep.session_id)
        self._answers.update((answer.key, answer) for answer in answers)

    def is_closed(self, session_id: str) -> bool:
        return session_id in self._closed

    def answer(self, key: str) -> Answer | None:
        return self._answers.get(key)

    def plan(self, digest: str) -> PlanText | None:
        return self._plans.get(digest)

    def touch(self, session_id: str, life: Life) -> None:
        self._lives[session_id] = life

    def life(self, session_id: str) -> Life | None:
        return self._lives.get(session_id)

    def check(self) -> None:
        """Be there always."""

    def close(self) -> None:
        """Hold nothing that could be let go of."""
