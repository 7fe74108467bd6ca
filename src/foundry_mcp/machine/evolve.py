"""What each event changes. Nothing here refuses: an event is a fact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from foundry_contracts.events import event_type
from foundry_contracts.models.events_session import SessionRebased, SessionStarted
from foundry_contracts.vocabulary import EventType
from foundry_mcp.machine.evolve_session import (
    audit_failed,
    completed,
    ended,
    failed,
    gate_waived,
    holder_changed,
    noted,
    paused,
    phase_completed,
    policy_accepted,
    rebased,
    resumed,
    started,
    unit_blocked,
    unit_unblocked,
)
from foundry_mcp.machine.evolve_steps import (
    issued,
    reported,
    reported_late,
    run_finished,
    run_interrupted,
    run_started,
    superseded,
)
from foundry_mcp.machine.replacing import replace
from foundry_mcp.machine.session import Plans, Recorded, Session


def fold(events: Iterable[Recorded], plans: Plans, state: Session | None = None) -> Session | None:
    """Fold events, oldest first, onto a state (None: from the beginning)."""
    for event in events:
        state = evolve(state, event, plans)
    return state


def evolve(state: Session | None, event: Recorded, plans: Plans) -> Session:
    """Give the state after an event."""
    payload = event.payload
    if isinstance(payload, SessionStarted):
        return started(event, payload, plans)
    if state is None:
        raise ValueError(f"the first event of session {event.session_id} is {event_type(payload)}, not a start")
    if isinstance(payload, SessionRebased):
        changed = rebased(state, payload, event, plans)
    else:
        changed = _CHANGES[event_type(payload)](state, payload, event)
    return replace(changed, version=event.seq, updated_at=event.time)


# Any: each function takes the payload its key names, which a mapping's type cannot say; a test runs every row.
_CHANGES: Mapping[EventType, Callable[[Session, Any, Recorded], Session]] = {
    EventType.SESSION_PAUSED: paused,
    EventType.SESSION_RESUMED: resumed,
    EventType.SESSION_FAILED: failed,
    EventType.SESSION_COMPLETED: completed,
    EventType.SESSION_ENDED: ended,
    EventType.SESSION_RESET: ended,
    EventType.POLICY_ACCEPTED: policy_accepted,
    EventType.HOLDER_CHANGED: holder_changed,
    EventType.STEP_ISSUED: issued,
    EventType.STEP_REPORTED: reported,
    EventType.STEP_SUPERSEDED: superseded,
    EventType.LATE_REPORT: reported_late,
    EventType.VERIFICATION_STARTED: run_started,
    EventType.VERIFICATION_FINISHED: run_finished,
    EventType.GATE_STARTED: run_started,
    EventType.GATE_FINISHED: run_finished,
    EventType.RUN_INTERRUPTED: run_interrupted,
    EventType.GATE_AUDIT_FAILED: audit_failed,
    EventType.GATE_WAIVED: gate_waived,
    EventType.PHASE_COMPLETED: phase_completed,
    EventType.UNIT_BLOCKED: unit_blocked,
    EventType.UNIT_UNBLOCKED: unit_unblocked,
    EventType.ACCESS_DENIED: noted,
    EventType.LOCK_BYPASSED: noted,
}
