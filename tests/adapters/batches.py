"""Batches to append, made of few words."""

from __future__ import annotations

from dataclasses import replace

from foundry_contracts.vocabulary import EventType, Role, SessionStatus
from foundry_mcp.ports import SERVER, Answer, Batch, PlanText, SessionRow, Store, StoredEvent

ONE, TWO, THREE = list(EventType)[:3]


def event(seq: int, kind: EventType = ONE, session: str = "ses_a", payload: str = '{"x":"é\\u0000"}') -> StoredEvent:
    """Make an event."""
    time = f"2026-01-01T00:00:00.{seq % 1000:03d}Z"
    return StoredEvent(f"evt_{session}_{seq}", session, seq, "spec-1", time, "ann", Role.MAINTAINER, kind, payload)


def server_event(number: int) -> StoredEvent:
    """Make an event of the server's own, as it is once the store has numbered it."""
    return replace(event(number, session=SERVER), spec_id="")


def row(
    version: int,
    session: str = "ses_a",
    *,
    spec: str = "spec-1",
    status: SessionStatus = SessionStatus.RUNNING,
    created: str = "2026-01-01T00:00:00.000Z",
) -> SessionRow:
    """Make a session's row."""
    return SessionRow(session, spec, status, version, created, f"2026-01-02T00:00:00.{version % 1000:03d}Z")


def batch(
    expected: int,
    kinds: list[EventType],
    *,
    after: SessionRow | None = None,
    answers: tuple[Answer, ...] = (),
    plan: PlanText | None = None,
) -> Batch:
    """Make a batch of one event a kind, following version `expected`."""
    session = after or row(expected + len(kinds))
    events = tuple(event(expected + place, kind, session.session_id) for place, kind in enumerate(kinds, start=1))
    return Batch(session, expected, events, answers, plan)


def logged(store: Store, session_id: str = "ses_a") -> list[StoredEvent]:
    """Give all of a session's events, as checked; none where there is no such session."""
    log = store.log(session_id)
    return list(log.events) if log else []


def listed(store: Store, spec_id: str | None = None) -> list[SessionRow]:
    """Give the rows of all sessions, newest first."""
    return [found.row for found in store.sessions(spec_id, limit=10_000) or []]
