"""Decisions on the plan under way: blocking units, waiving gates, moving onto a new structure."""

from __future__ import annotations

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, JsonValue, Refusal
from foundry_contracts.models.events_session import AccessDenied, GateWaived, SessionRebased, UnitBlocked, UnitUnblocked
from foundry_contracts.models.formats_review import ProtectedChange
from foundry_contracts.models.task_block import TaskBlockRequest, TaskBlockResponse
from foundry_contracts.models.task_gate_waiver import TaskGateWaiverRequest, TaskGateWaiverResponse
from foundry_contracts.models.task_session_rebase import SessionRebaseRequest, SessionRebaseResponse
from foundry_contracts.models.task_unblock import TaskUnblockRequest, TaskUnblockResponse
from foundry_contracts.vocabulary import CommandName, ErrorCode, Role
from foundry_mcp.machine.decide_session import held_now, session_reply, startable_plan, superseding
from foundry_mcp.machine.optional import given, or_absent
from foundry_mcp.machine.outcome import apply, apply_to, session_or_refusal
from foundry_mcp.machine.path_patterns import PathPatterns
from foundry_mcp.machine.protected import patterns_of, protected_changes
from foundry_mcp.machine.roles import permits, unauthorized
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.situation import Situation
from foundry_mcp.machine.structure import changes, changes_a_check, units_of


def block(situation: Situation, request: TaskBlockRequest) -> Accepted[TaskBlockResponse] | Refusal:
    """Say that a unit cannot be done now."""
    state = session_or_refusal(situation, CommandName.TASK_BLOCK)
    if isinstance(state, Refusal):
        return state
    refusal = _cannot_change(state, request.unit_id, blocked=False)
    if refusal is not None:
        return refusal
    events = (UnitBlocked(unit_id=request.unit_id, reason=request.reason),)
    return Accepted(TaskBlockResponse(**session_reply(apply_to(state, situation, events), situation)), events)


def unblock(situation: Situation, request: TaskUnblockRequest) -> Accepted[TaskUnblockResponse] | Refusal:
    """Say that a blocked unit can be done again."""
    state = session_or_refusal(situation, CommandName.TASK_UNBLOCK)
    if isinstance(state, Refusal):
        return state
    refusal = _cannot_change(state, request.unit_id, blocked=True)
    if refusal is not None:
        return refusal
    events = (UnitUnblocked(unit_id=request.unit_id, note=request.note),)
    return Accepted(TaskUnblockResponse(**session_reply(apply_to(state, situation, events), situation)), events)


def _cannot_change(state: Session, unit: str, *, blocked: bool) -> Refusal | None:
    details = {"session_id": state.session_id, "unit_id": unit}
    if unit not in units_of(state.plan):
        return Refusal(ErrorCode.UNIT_NOT_FOUND, f"The spec has no unit {unit!r}.", details)
    if unit in state.standing:
        return Refusal(ErrorCode.UNIT_STATE_CONFLICT, f"Unit {unit!r} is done.", details)
    if (unit in state.blocked) is not blocked:
        is_now = "not blocked" if blocked else "blocked already"
        return Refusal(ErrorCode.UNIT_STATE_CONFLICT, f"Unit {unit!r} is {is_now}.", details)
    return None


def waive_gate(situation: Situation, request: TaskGateWaiverRequest) -> Accepted[TaskGateWaiverResponse] | Refusal:
    """Let a phase pass without its gate, where the posture allows it; a denied attempt is recorded."""
    command = CommandName.TASK_GATE_WAIVER
    state = session_or_refusal(situation, command)
    if isinstance(state, Refusal):
        return state
    details = {"session_id": state.session_id, "phase_id": request.phase_id}
    if not state.settings.allow_gate_waiver:
        denied = AccessDenied(command=command, error_code=ErrorCode.GATE_WAIVER_FORBIDDEN)
        message = "The posture allows no gate waiver."
        return Refusal(ErrorCode.GATE_WAIVER_FORBIDDEN, message, details, (denied,))
    phase = state.phase
    waits = phase.phase.id == request.phase_id and state.done_in_phase == len(phase.units) and not state.gate_passed
    if not waits:
        return Refusal(ErrorCode.GATE_NOT_PENDING, f"The gate of {request.phase_id!r} does not wait.", details)
    waived = GateWaived(phase_id=request.phase_id, reason=request.reason, note=request.note)
    events = (*superseding(state), waived)
    return Accepted(TaskGateWaiverResponse(**session_reply(apply_to(state, situation, events), situation)), events)


def rebase(situation: Situation, request: SessionRebaseRequest) -> Accepted[SessionRebaseResponse] | Refusal:
    """Move a session onto the structure its spec has now."""
    state = session_or_refusal(situation, CommandName.TASK_SESSION_REBASE)
    if isinstance(state, Refusal):
        return state
    plan = startable_plan(situation, state.spec_id)
    if isinstance(plan, Refusal):
        return plan
    taken = _taken_over(state, situation, request)
    if isinstance(taken, Refusal):
        return taken
    found = changes(state.plan, plan, state.standing)
    weighty = any(change.proven_dropped for change in found) or changes_a_check(state.plan, plan)
    if weighty and not permits(situation.caller.role, Role.MAINTAINER):
        return unauthorized(situation.caller.role, Role.MAINTAINER, "drop done work or change how it is checked")
    rebased = SessionRebased(
        plan_digest=plan.digest,
        structure_digest=plan.structure_digest,
        changes=found,
        note=request.note,
        protected=held_now(state, situation, plan, state.settings),
        taken_over=or_absent(taken or None),
    )
    events: tuple[EventPayload, ...] = (*superseding(state), rebased)
    after = apply(situation, events, state, state.session_id, state.spec_id, lambda digest: plan)
    return Accepted(SessionRebaseResponse(**session_reply(after, situation), changes=found), events)


def _taken_over(state: Session, situation: Situation, request: SessionRebaseRequest) -> list[ProtectedChange] | Refusal:
    """Give the changes of protected files that a maintainer takes over, as they lie on the disk."""
    wanted = given(request.take_over) or []
    if wanted and not permits(situation.caller.role, Role.MAINTAINER):
        return unauthorized(situation.caller.role, Role.MAINTAINER, "take over a change of a protected file")
    held = PathPatterns(patterns_of(state.plan, state.settings))
    now = {path: digest for path, digest in situation.protected.items() if held.name(path)}
    found = {change.path: change for change in protected_changes(state.protected, now)}
    unchanged = [path for path in wanted if path not in found]
    if unchanged:
        message = f"{', '.join(map(repr, unchanged))}: no protected file that differs."
        details: dict[str, JsonValue] = {"session_id": state.session_id, "unchanged": [*unchanged], "changed": [*found]}
        return Refusal(ErrorCode.PROTECTED_PATH_UNCHANGED, message, details)
    return [found[path] for path in dict.fromkeys(wanted)]
