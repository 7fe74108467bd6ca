"""Queries on sessions: status, list, events."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

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
    life = reader.store.life(state.session_id)
    return SessionStatusResponse(
        loop_signal=signal.loop_signal,
        session=session_view(state, life.at if life else None),
        recommended_actions=list(signal.actions) if signal.actions else MISSING,
    )


def _asked_for(reader: Reader, request: SessionStatusRequest) -> Session | Refusal:
    if request.session_id is not MISSING:
        return reader.session(request.session_id)
    if request.spec_id is MISSING:
        message = "Say which session: by session_id, or by spec_id."
        return Refusal(ErrorCode.VALIDATION_ERROR, message, {"missing": ["session_id", "spec_id"]})
    rows = reader.store.sessions(request.spec_id)
    if not rows:
        details = {"spec_id": request.spec_id}
        return Refusal(ErrorCode.SESSION_NOT_FOUND, f"Spec {request.spec_id!r} has no session.", details)
    live = reader.store.live_session(request.spec_id)
    return reader.session((live or rows[0]).session_id)


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
    place = None if request.cursor is MISSING else _place(reader, request.session_id, request.cursor)
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
        cursor=_cursor(reader, request.session_id, end),
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


def _cursor(reader: Reader, session_id: str, seq: int) -> str:
    """Seal a place with a MAC over its session, so that no other session's cursor is taken for it."""
    seal = reader.signer.mac(f"cursor:{session_id}:{seq}")[:16]
    return urlsafe_b64encode(f"{seq}:{seal}".encode()).decode().rstrip("=")


def _place(reader: Reader, session_id: str, cursor: str) -> int | Refusal:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        seq = int(text.partition(":")[0])
    except (ValueError, Base64Error):
        seq = -1
    if seq >= 0 and _cursor(reader, session_id, seq) == cursor:
        return seq
    return Refusal(ErrorCode.INVALID_CURSOR, "The cursor is not one of this session's.", {"session_id": session_id})
