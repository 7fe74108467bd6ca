"""Queries on sessions: status, list, events, and the signed head of a log."""

from __future__ import annotations

import json
from functools import partial

from pydantic_core import MISSING

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.common import Actor
from foundry_contracts.models.events_session import EventRecord
from foundry_contracts.models.formats_audit import Checkpoint, LogFinding, LogHead
from foundry_contracts.models.task_session_checkpoint import SessionCheckpointRequest, SessionCheckpointResponse
from foundry_contracts.models.task_session_events import TaskSessionEventsRequest, TaskSessionEventsResponse
from foundry_contracts.models.task_session_list import (
    SessionListEntry,
    SessionListRequest,
    SessionListResponse,
)
from foundry_contracts.models.task_session_status import SessionStatusRequest, SessionStatusResponse
from foundry_contracts.tables import SESSION_MACHINE_TERMINAL
from foundry_contracts.vocabulary import ErrorCode, SessionStatus
from foundry_mcp.application.degraded import degraded, moment_in, session_id_in, spec_id_in
from foundry_mcp.application.event_pages import event_page
from foundry_mcp.application.reader import Reader, session_not_found
from foundry_mcp.machine.optional import given, or_absent
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.signal import signal_of
from foundry_mcp.machine.view import session_view
from foundry_mcp.ports import LOG_HEAD_TYPE, LogBroken, SessionRow, StoredEvent


def status(reader: Reader, request: SessionStatusRequest) -> SessionStatusResponse | Refusal:
    """Tell where a session stands."""
    try:
        state = _asked_for(reader, request)
    except LogBroken as broken:
        return _degraded_status(reader, broken.finding)
    if isinstance(state, Refusal):
        return state
    signal = signal_of(state)
    return SessionStatusResponse(
        loop_signal=signal.loop_signal,
        effective_status=state.status,
        session=session_view(state, _last_sign_of_life(reader, state)),
        recommended_actions=list(signal.actions) if signal.actions else MISSING,
    )


def _degraded_status(reader: Reader, finding: LogFinding) -> SessionStatusResponse:
    shown = degraded(reader.store, finding)
    return SessionStatusResponse(
        loop_signal=shown.signal.loop_signal,
        effective_status=shown.effective_status,
        degraded=shown.session,
        recommended_actions=list(shown.signal.actions),
    )


def checkpoint(reader: Reader, request: SessionCheckpointRequest) -> SessionCheckpointResponse | Refusal:
    """Check a session's whole log and sign where it ends."""
    head = reader.sessions.head(request.session_id)
    state = reader.session(request.session_id)
    if isinstance(state, Refusal) or head is None:
        return session_not_found(request.session_id)
    signed = LogHead(
        session_id=state.session_id,
        spec_id=state.spec_id,
        seq=head.seq,
        hash=head.hash,
        time=reader.clock.now(),
        key_id=reader.signer.key_id,
    )
    return SessionCheckpointResponse(
        loop_signal=signal_of(state).loop_signal,
        head=signed,
        checkpoint=Checkpoint.model_validate(reader.signer.sign(signed.model_dump(mode="json"), LOG_HEAD_TYPE)),
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
    """Page through sessions, newest first."""
    spec_id = given(request.spec_id)
    # The empty text is no spec's id.
    scope = f"sessions:{spec_id or ''}"
    place = 0 if request.cursor is MISSING else reader.cursors.place(scope, request.cursor)
    if isinstance(place, Refusal):
        return place
    found = reader.store.sessions(spec_id, after=place or None, limit=request.limit + 1)
    if found is None:
        return Refusal(ErrorCode.INVALID_CURSOR, "The session that the cursor stands at was removed: begin again.")
    shown = found[: request.limit]
    readable = [each.row for each in shown if session_id_in(each.row.session_id) and spec_id_in(each.row.spec_id)]
    return SessionListResponse(
        sessions=[_listed(reader, row) for row in readable],
        loop_signal=None,
        unreadable=len(shown) - len(readable),
        cursor=reader.cursors.seal(scope, shown[-1].place if shown else place),
        has_more=len(found) > len(shown),
    )


def _listed(reader: Reader, row: SessionRow) -> SessionListEntry:
    finding = _known_fault(reader, row)
    effective = row.status or SessionStatus.FAILED
    if finding is not None:
        effective = degraded(reader.store, finding).effective_status
    return SessionListEntry(
        session_id=row.session_id,
        spec_id=row.spec_id,
        status=or_absent(row.status),
        effective_status=effective,
        finding=or_absent(finding),
        created_at=or_absent(moment_in(row.created_at)),
        updated_at=or_absent(moment_in(row.updated_at)),
    )


def _known_fault(reader: Reader, row: SessionRow) -> LogFinding | None:
    """Check a session that is not over, or was reset for its log; the others are many, and audit checks them."""
    if row.status in SESSION_MACHINE_TERMINAL and not reader.store.is_closed(row.session_id):
        return None
    try:
        reader.sessions.load(row.session_id)
    except LogBroken as broken:
        return broken.finding
    return None


def events(reader: Reader, request: TaskSessionEventsRequest) -> TaskSessionEventsResponse | Refusal:
    """Page through a session's events; the cursor stays good while new events come."""
    state = reader.session(request.session_id)
    if isinstance(state, Refusal):
        return state
    scope = f"events:{request.session_id}"
    fetch = partial(reader.store.page, request.session_id, types=given(request.types) or [])
    page = event_page(reader.cursors, scope, fetch, request.cursor, request.limit, request.order)
    if isinstance(page, Refusal):
        return page
    return TaskSessionEventsResponse(
        loop_signal=signal_of(state).loop_signal,
        session_id=request.session_id,
        events=[_record(event) for event in page.events],
        cursor=page.cursor,
        has_more=page.has_more,
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
