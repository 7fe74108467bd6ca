"""Decisions on a session's life: start, pause, resume, end."""

from __future__ import annotations

from typing import Any

from pydantic_core import MISSING

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, Refusal
from foundry_contracts.models.events_session import (
    CarriedUnit,
    GateStarted,
    PolicyAccepted,
    RunInterrupted,
    SessionEnded,
    SessionPaused,
    SessionReset,
    SessionResumed,
    SessionSettings,
    SessionStarted,
    StepSuperseded,
)
from foundry_contracts.models.formats_review import ProtectedChange, ProtectedFile
from foundry_contracts.models.task_session_accept_policy import (
    SessionAcceptPolicyRequest,
    SessionAcceptPolicyResponse,
)
from foundry_contracts.models.task_session_end import SessionEndRequest, SessionEndResponse
from foundry_contracts.models.task_session_pause import SessionPauseRequest, SessionPauseResponse
from foundry_contracts.models.task_session_reset import SessionResetRequest, SessionResetResponse
from foundry_contracts.models.task_session_resume import SessionResumeRequest, SessionResumeResponse
from foundry_contracts.models.task_session_start import SessionStartRequest, SessionStartResponse
from foundry_contracts.tables import PAUSE_REASON_INFO
from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    FindingLevel,
    Judgement,
    PauseReason,
    Role,
    SessionStatus,
)
from foundry_mcp.machine.carried import done_before, protected_before
from foundry_mcp.machine.commands import commands_of_plan
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.machine.outcome import apply, apply_to, session_or_refusal
from foundry_mcp.machine.path_patterns import PathPatterns
from foundry_mcp.machine.plan_index import PlanIndex
from foundry_mcp.machine.protected import held_under, listed, patterns_of
from foundry_mcp.machine.refusals import spec_gone, spec_invalid, spec_not_found
from foundry_mcp.machine.roles import permits, unauthorized
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.signal import signal_of
from foundry_mcp.machine.situation import Situation
from foundry_mcp.machine.view import session_view


def start(situation: Situation, request: SessionStartRequest) -> Accepted[SessionStartResponse] | Refusal:
    """Start a session of a spec, pinning its plan and the settings."""
    if situation.live is not None:
        return _exists(situation.live, request.spec_id)
    plan = startable_plan(situation, request.spec_id)
    if isinstance(plan, Refusal):
        return plan
    if not request.attended and not situation.settings.allow_unattended:
        return _attendance_required(request.spec_id)
    if request.adopt_completed and not permits(situation.caller.role, Role.MAINTAINER):
        return unauthorized(situation.caller.role, Role.MAINTAINER, "take the file's word for completed work")
    patterns = patterns_of(plan, situation.settings)
    done = done_before(situation, plan, adopt=request.adopt_completed)
    started = SessionStarted(
        plan_digest=plan.digest,
        structure_digest=plan.structure_digest,
        settings=situation.settings,
        attended=request.attended,
        warnings=[*_warnings(situation), *_idle(patterns, situation), *done.left],
        run_id=situation.caller.id if request.run_id is MISSING else request.run_id,
        carried=[CarriedUnit(unit_id=unit, standing=standing) for unit, standing in done.units.items()],
        carried_phases=list(done.phases),
        protected=listed(protected_before(situation.earlier, situation.protected, patterns)),
    )
    state = apply(situation, (started,), None, situation.ids.session, request.spec_id, lambda digest: plan)
    reply = SessionStartResponse(**session_reply(state, situation), warnings=started.warnings)
    return Accepted(reply, (started,))


def _exists(live: tuple[str, SessionStatus], spec_id: str) -> Refusal:
    session_id, status = live
    details = {"session_id": session_id, "status": status.value, "spec_id": spec_id}
    return Refusal(ErrorCode.SESSION_EXISTS, f"Session {session_id} of this spec is {status.value}.", details)


def startable_plan(situation: Situation, spec_id: str, *, any_command: bool = False) -> PlanIndex | Refusal:
    """Give the plan of the spec as its file stands now, or say why no session can run it.

    `any_command`: its verifications' commands do not matter.
    """
    if situation.spec_problem is not None:
        return Refusal(ErrorCode.SPEC_UNAVAILABLE, situation.spec_problem, {"spec_id": spec_id})
    if situation.spec is None:
        return spec_not_found(spec_id) if situation.session is None else spec_gone(spec_id)
    if situation.spec.plan is None:
        return spec_invalid(spec_id, situation.spec.findings)
    refusal = None if any_command else commands_of_plan(situation.spec.plan, situation.settings)
    return refusal or situation.spec.plan


def _attendance_required(spec_id: str) -> Refusal:
    message = "The posture lets no session run unattended."
    return Refusal(ErrorCode.ATTENDANCE_REQUIRED, message, {"spec_id": spec_id})


def _warnings(situation: Situation) -> list[str]:
    spec = situation.spec
    if spec is None:
        return []
    mended = [finding.message for finding in spec.findings if finding.level is FindingLevel.WARNING]
    return [*mended, *spec.claimed]


def _idle(patterns: tuple[str, ...], situation: Situation) -> list[str]:
    """Say which patterns protect nothing that is there: each may be misspelled."""
    found = ((pattern, PathPatterns([pattern])) for pattern in patterns)
    idle = (pattern for pattern, only in found if not any(map(only.name, situation.protected)))
    return [f"The protected path {pattern!r} names no file that is there now." for pattern in idle]


def pause(situation: Situation, request: SessionPauseRequest) -> Accepted[SessionPauseResponse] | Refusal:
    """Pause a running session."""
    state = session_or_refusal(situation, CommandName.TASK_SESSION_PAUSE)
    if isinstance(state, Refusal):
        return state
    events = (SessionPaused(reason=PauseReason.USER, note=request.note),)
    return Accepted(SessionPauseResponse(**_after(state, situation, events)), events)


def resume(situation: Situation, request: SessionResumeRequest) -> Accepted[SessionResumeResponse] | Refusal:
    """Let a paused session go on, if the caller may lift its pause."""
    state = session_or_refusal(situation, CommandName.TASK_SESSION_RESUME)
    if isinstance(state, Refusal):
        return state
    if state.pause_reason is None:
        raise ValueError(f"session {state.session_id} is paused for no reason")
    refusal = _may_not_resume(state, situation) or _verdict_missing(state, request)
    if refusal is not None:
        return refusal
    resumed = SessionResumed(
        from_reason=state.pause_reason,
        verdict=request.verdict,
        note=request.note,
        taken_over=or_absent(_accepted_with(state, request) or None),
    )
    stale = state.pause_reason in (PauseReason.HEARTBEAT_STALE, PauseReason.STEP_STALE)
    events = (*(superseding(state) if stale else ()), resumed)
    return Accepted(SessionResumeResponse(**_after(state, situation, events)), events)


def _may_not_resume(state: Session, situation: Situation) -> Refusal | None:
    reason = state.pause_reason or PauseReason.USER
    needed = PAUSE_REASON_INFO[reason].resume_role
    if reason is PauseReason.USER and state.paused_by is not None and not permits(needed, state.paused_by):
        needed = state.paused_by
    if permits(situation.caller.role, needed):
        return None
    return unauthorized(situation.caller.role, needed, f"lift a pause for {reason.value}")


def _verdict_missing(state: Session, request: SessionResumeRequest) -> Refusal | None:
    asks = state.pause_reason in (PauseReason.VERIFICATION_ATTESTATION, PauseReason.GATE_REVIEW_REQUIRED)
    asked = state.pause_unit if asks else None
    offered = None if request.verdict is MISSING else request.verdict.id
    if asked == offered:
        return None
    message = f"The pause waits for a verdict on {asked}." if asked else "The pause asks for no verdict."
    return Refusal(ErrorCode.VERDICT_REQUIRED, message, {"session_id": state.session_id, "asked": asked or ""})


def _accepted_with(state: Session, request: SessionResumeRequest) -> list[ProtectedChange]:
    """Give the changes that a passing verdict on a gate takes over: those that its review showed, as it saw them."""
    if request.verdict is MISSING or request.verdict.verdict is not Judgement.PASS or state.reviewed is None:
        return []
    return state.reviewed.protected_changes if request.verdict.id == state.phase.phase.id else []


def superseding(state: Session) -> tuple[EventPayload, ...]:
    """Give up the step that is out, if one is, and the run that was begun for it."""
    step = state.outstanding
    return () if step is None else (*cutting_off(state), StepSuperseded(step_id=step.step_id))


def cutting_off(state: Session) -> tuple[EventPayload, ...]:
    """End the run that was begun for the step that is out, if one is under way."""
    step = state.outstanding
    if step is None or step.started is None or step.finished is not None:
        return ()
    return (RunInterrupted(attempt_id=step.started.attempt_id),)


def end(situation: Situation, request: SessionEndRequest) -> Accepted[SessionEndResponse] | Refusal:
    """End a live session for good."""
    state = session_or_refusal(situation, CommandName.TASK_SESSION_END)
    if isinstance(state, Refusal):
        return state
    events = (
        *cutting_off(state),
        SessionEnded(reason=request.reason, note=request.note),
    )
    return Accepted(SessionEndResponse(**_after(state, situation, events)), events)


def reset(situation: Situation, request: SessionResetRequest) -> Accepted[SessionResetResponse] | Refusal:
    """End a session and discard what it had done."""
    state = session_or_refusal(situation, CommandName.TASK_SESSION_RESET)
    if isinstance(state, Refusal):
        return state
    events = (
        *cutting_off(state),
        SessionReset(reason=request.reason, note=request.note),
    )
    return Accepted(SessionResetResponse(**_after(state, situation, events)), events)


def accept_policy(
    situation: Situation, request: SessionAcceptPolicyRequest
) -> Accepted[SessionAcceptPolicyResponse] | Refusal:
    """Have a session go on under the server's present policy."""
    state = session_or_refusal(situation, CommandName.TASK_SESSION_ACCEPT_POLICY)
    if isinstance(state, Refusal):
        return state
    attended = state.attended if request.attended is MISSING else request.attended
    if state.settings == situation.settings and state.attended == attended:
        return Accepted(SessionAcceptPolicyResponse(**session_reply(state, situation)))
    # What a start would refuse is no more possible under a policy that came later.
    refusal = commands_of_plan(state.plan, situation.settings)
    if refusal is None and not attended and not situation.settings.allow_unattended:
        refusal = _attendance_required(state.spec_id)
    if refusal is not None:
        return refusal
    protected = held_now(state, situation, state.plan, situation.settings)
    accepted = PolicyAccepted(
        settings=situation.settings, attended=request.attended, note=request.note, protected=protected
    )
    review = state.outstanding.started if state.outstanding else None
    # Under way or ended, it is of what the old policy asked for, and no audit would judge it by another.
    cut_off = (RunInterrupted(attempt_id=review.attempt_id),) if isinstance(review, GateStarted) else ()
    events = (*cut_off, accepted)
    return Accepted(SessionAcceptPolicyResponse(**_after(state, situation, events)), events)


def held_now(
    state: Session, situation: Situation, plan: PlanIndex, settings: SessionSettings
) -> list[ProtectedFile] | MISSING:
    """Give the protected files that count under another plan or settings; absent where their patterns are the same."""
    before, patterns = patterns_of(state.plan, state.settings), patterns_of(plan, settings)
    if set(before) == set(patterns):
        return MISSING
    return listed(held_under(patterns, situation.protected, state.protected, before))


def _after(state: Session, situation: Situation, events: tuple[EventPayload, ...]) -> dict[str, Any]:
    return session_reply(apply_to(state, situation, events), situation)


# Any: the fields every session response shares, given to classes that check them.
def session_reply(state: Session, situation: Situation) -> dict[str, Any]:
    """Give the fields that every response about one session has."""
    signal = signal_of(state)
    reply: dict[str, Any] = {
        "loop_signal": signal.loop_signal,
        "session": session_view(state, situation.last_sign_of_life),
    }
    if signal.actions:
        reply["recommended_actions"] = list(signal.actions)
    return reply
