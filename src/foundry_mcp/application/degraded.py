"""Sessions whose logs are at fault: what may still be told of them, and how they are put out of the way."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError
from pydantic_core import MISSING

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.common import SessionId, SpecId, Timestamp
from foundry_contracts.models.formats_audit import LogFinding
from foundry_contracts.models.formats_session import DegradedSession
from foundry_contracts.models.task_session_reset import SessionResetRequest, SessionResetResponse
from foundry_contracts.vocabulary import ErrorCode, SessionStatus, UpkeepAction
from foundry_mcp.machine.optional import given, or_absent
from foundry_mcp.machine.signal import Signal, signal_at
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import Store, Upkeep

_SESSION_ID = TypeAdapter[str](SessionId)
_SPEC_ID = TypeAdapter[str](SpecId)
_TIMESTAMP = TypeAdapter[str](Timestamp)


@dataclass(frozen=True, slots=True)
class Degraded:
    """Hold a session whose log is at fault, what its status comes to, and what a loop should do."""

    session: DegradedSession
    effective_status: SessionStatus
    signal: Signal


def degraded(store: Store, finding: LogFinding) -> Degraded:
    """Tell what is known of a session whose log is at fault."""
    session_id, closed = finding.session_id, store.is_closed(finding.session_id)
    row = store.session(session_id)
    shown = DegradedSession(
        session_id=session_id,
        spec_id=or_absent(spec_id_in(row.spec_id) if row else None),
        status=or_absent(row.status if row else None),
        finding=finding,
        closed=closed,
    )
    facts: dict[str, object] = {"session_id": session_id}
    if shown.spec_id is not MISSING:
        facts["spec_id"] = shown.spec_id
    if closed:
        return Degraded(shown, SessionStatus.ENDED, signal_at(None, SessionStatus.ENDED, None, facts))
    return Degraded(shown, SessionStatus.FAILED, signal_at(ErrorCode.LOG_INTEGRITY, None, None, facts))


def at_fault(finding: LogFinding) -> Refusal:
    """Refuse a call on a session whose log is at fault."""
    details = finding.model_dump(mode="json")
    if session_id_in(finding.session_id) is None:
        # The server's own events: there is no session that a call could lead out of this.
        del details["session_id"]
        return Refusal(ErrorCode.LOG_INTEGRITY, f"The server's own events are at fault: {finding.message}", details)
    return Refusal(ErrorCode.LOG_INTEGRITY, f"The session's log is at fault: {finding.message}", details)


def closing(
    request: SessionResetRequest, shown: Degraded, caller: Caller, now: str
) -> tuple[Upkeep, SessionResetResponse]:
    """Give what a reset of such a session records, and what it answers. Nothing of its log is read."""
    session_id = request.session_id
    details = {
        "reason": request.reason.value,
        "note": given(request.note) or "",
        "finding": shown.session.finding.model_dump(mode="json"),
    }
    after = shown.session.model_copy(update={"closed": True, "status": SessionStatus.ENDED})
    facts = {"session_id": session_id} | ({} if after.spec_id is MISSING else {"spec_id": after.spec_id})
    signal = signal_at(None, SessionStatus.ENDED, None, facts)
    reply = SessionResetResponse(
        loop_signal=signal.loop_signal, degraded=after, recommended_actions=list(signal.actions)
    )
    return Upkeep(now, caller.id, UpkeepAction.LOG_CLOSED, session_id, details), reply


def session_id_in(text: str) -> str | None:
    """Give a text that is a session's id."""
    return _of(_SESSION_ID, text)


def spec_id_in(text: str) -> str | None:
    """Give a text that is a spec's id."""
    return _of(_SPEC_ID, text)


def moment_in(text: str) -> str | None:
    """Give a text that is a moment."""
    return _of(_TIMESTAMP, text)


def _of(kind: TypeAdapter[str], text: str) -> str | None:
    try:
        return kind.validate_python(text)
    except ValidationError:
        return None
