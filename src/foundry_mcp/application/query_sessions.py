"""Queries on sessions: status, list, events."""

from __future__ import annotations

import json

from pydantic_core import MISSING

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.common import Actor
from foundry_contracts.models.events_session import EventRecord
from foundry_contracts.models.task_session_events import TaskSessionEventsRequest, TaskSessionEventsResponse
from foundry_contracts.models.task_session_list import (
    SessionListEntry,
    SessionListRequest,
    SessionListResponse,
)
from foundry_contracts.models.task_session_status import SessionStatusRequest, SessionStatusResponse
from foundry_contracts.vocabulary import ErrorCode, EventOrder
from foundry_mcp.application.reader import Reader
from foundry_mcp.machine.optional import given
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.signal import signal_of
from foundry_mcp.machine.view import session_view
from foundry_mcp.ports import StoredEvent


def status(reader: Reader, request: SessionStatusRequest) -> SessionStatusResponse | Refusal:
    """Tell where a session stands."""
    state = _asked_for(reader, request)
    if isinstance(state, Refusal):
        return state
    signal = signal_of(state)
    return SessionStatusResponse(
        loop_signal=signal.loop_signal,
        session=session_view(state, _last_sign_of_life(reader, state)),
        recommended_actions=list(signal.actions) if signal.actions else MISSING,
    )


def _last_sign_of_life(reader: Reader, state: Session) -> str:
    life = reader.store.life(state.session_id)
    return max(state.run_seen_at, life.at if life else "")


def _asked_for(reader: Reader, request: SessionStatusRequest) -> Session | Refusal:
    if request.session_id is not MISSING:
        return reader.session(request.session_id)
    if request.spec_id is MISSING:
        message = "Say which session: by session_id, or by spec_id."
        return Refusal(ErrorCode.VALIDATION_ERROR, message, {"missing": ["session_id", "spec_id"]})
    found = reader.last_session(request.spec_id)
    if found is None:
        details = {"spec_id": request.spec_id}
        return Refusal(ErrorCode.SESSION_NOT_FOUND, f"Spec {request.spec_id!r} has no session.", details)
    return found


def list_sessions(reader: Reader, request: SessionListRequest) -> SessionListResponse | Refusal:
    """List sessions, newest first."""
    entries = [
        SessionListEntry(
            session_id=row.session_id,
            spec_id=row.spec_id,
            status=row.status,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in reader.store.sessions(given(request.spec_id))[: request.limit]
    ]
    return SessionListResponse(sessions=entries, loop_signal=None)


def events(reader: Reader, request: TaskSessionEventsRequest) -> TaskSessionEventsResponse | Refusal:
    """Page through a session's events; the cursor stays good while new events come."""
    state = reader.session(request.session_id)
    if isinstance(state, Refusal):
        return state
    scope = f"events:{request.session_id}"
    place = None if request.cursor is MISSING else reader.cursors.place(scope, request.cursor)
    if isinstance(place, Refusal):
        return place
    oldest_first = request.order is EventOrder.ASC
    page = reader.store.page(
        request.session_id,
        after=(place or 0) if oldest_first else None,
        before=None if oldest_first else place,
        limit=request.limit + 1,
        types=given(request.types) or [],
    )
    shown = page[: request.limit]
    end = shown[-1].seq if shown else (place or 0)
    return TaskSessionEventsResponse(
        loop_signal=signal_of(state).loop_signal,
        session_id=request.session_id,
        events=[_record(event) for event in shown],
        cursor=reader.cursors.seal(scope, end),
        has_more=len(page) > len(shown),
    )


def _record(event: StoredEvent) -> EventRecord:
    return EventRecord(
        event_id=event.event_id,
        seq=event.seq,
        session_id=event.session_id,
        spec_id=event.spec_id,
        time=event.time,
        actor=Actor(id=event.actor_id, role=event.actor_role),
        type=event.type,
        payload=json.loads(event.payload),
    )
