"""What events of a session as a whole change: its life, its plan and phases, who holds it, what is blocked."""

from __future__ import annotations

from pydantic_core import MISSING
from rpds import HashTrieMap

from foundry_contracts.events import EventPayload
from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import (
    GateAuditFailed,
    GateWaived,
    HolderChanged,
    HumanVerdict,
    PhaseCompleted,
    PolicyAccepted,
    SessionCompleted,
    SessionEnded,
    SessionFailed,
    SessionPaused,
    SessionRebased,
    SessionReset,
    SessionResumed,
    SessionStarted,
    UnitBlocked,
    UnitUnblocked,
)
from foundry_contracts.tables import PAUSE_REASON_INFO
from foundry_contracts.vocabulary import Judgement, PauseReason, ReviewFindingCode, Role, SessionStatus, UnitStanding
from foundry_mcp.machine.gate import findings_for_person
from foundry_mcp.machine.optional import given
from foundry_mcp.machine.position import (
    block_unit,
    complete_unit,
    count_failure,
    enter_first_open_phase,
    enter_phase,
    forget_failures,
    pass_gate,
    unblock_unit,
)
from foundry_mcp.machine.protected import mapped, taken_over
from foundry_mcp.machine.replacing import replace
from foundry_mcp.machine.roles import strongest
from foundry_mcp.machine.session import SOMEBODYS_WORD, Feedback, Plans, Recorded, Session
from foundry_mcp.machine.structure import satisfied, surviving, units_of


def started(event: Recorded, payload: SessionStarted, plans: Plans) -> Session:
    """Begin: what it is pinned to, what is carried on, and the first phase with something to do."""
    state = Session(
        session_id=event.session_id,
        spec_id=event.spec_id,
        plan=plans(payload.plan_digest),
        settings=payload.settings,
        version=event.seq,
        started_at=event.time,
        updated_at=event.time,
        status=SessionStatus.RUNNING,
        run_id=payload.run_id,
        run_seen_at=event.time,
        attended=payload.attended,
        standing=HashTrieMap({unit.unit_id: unit.standing for unit in payload.carried}),
        carried=frozenset(unit.unit_id for unit in payload.carried),
        gates=HashTrieMap(dict.fromkeys(payload.carried_phases, SOMEBODYS_WORD)),
        protected=mapped(payload.protected),
    )
    return enter_first_open_phase(state)


def rebased(state: Session, payload: SessionRebased, event: Recorded, plans: Plans) -> Session:
    """Move onto another plan, paused: what of the done work and the gates still counts."""
    plan = plans(payload.plan_digest)
    standing = HashTrieMap(dict(surviving(state.standing, state.plan, plan)))
    gates = satisfied(state.gates, standing, state.plan, plan)
    units = units_of(plan)
    moved = replace(
        state,
        plan=plan,
        status=SessionStatus.PAUSED,
        pause_reason=PauseReason.USER,
        pause_unit=None,
        pause_findings=(),
        paused_by=_needed_to_lift(state, event.actor_role),
        failure_reason=None,
        standing=standing,
        gates=HashTrieMap({phase: state.gates[phase] for phase in gates}),
        blocked=HashTrieMap({unit: reason for unit, reason in state.blocked.items() if unit in units}),
        protected=state.protected if payload.protected is MISSING else mapped(payload.protected),
    )
    return enter_first_open_phase(taken_over(moved, given(payload.taken_over) or ()))


def _needed_to_lift(state: Session, role: Role) -> Role:
    """Give the role that lifts the pause after a rebase: moving a session is no way round what held it."""
    roles = [role]
    if state.pause_reason is not None:
        roles.append(PAUSE_REASON_INFO[state.pause_reason].resume_role)
    if state.pause_reason is PauseReason.USER and state.paused_by is not None:
        roles.append(state.paused_by)
    return strongest(roles)


def paused(state: Session, payload: SessionPaused, event: Recorded) -> Session:
    """Note why, and who may lift it."""
    asks_about_gate = payload.reason is PauseReason.GATE_REVIEW_REQUIRED
    return replace(
        state,
        status=SessionStatus.PAUSED,
        pause_reason=payload.reason,
        pause_unit=given(payload.phase_id if asks_about_gate else payload.unit_id),
        pause_findings=tuple(given(payload.findings) or ()),
        paused_by=event.actor_role,
    )


def resumed(state: Session, payload: SessionResumed, event: Recorded) -> Session:
    """Lift the pause; counts start again."""
    state = replace(
        state,
        status=SessionStatus.RUNNING,
        pause_reason=None,
        pause_unit=None,
        pause_findings=(),
        paused_by=None,
        run_seen_at=event.time,
    )
    state = taken_over(forget_failures(state), given(payload.taken_over) or ())
    if payload.from_reason is PauseReason.PHASE_COMPLETE:
        return enter_phase(state, state.phase_number + 1)
    return state if payload.verdict is MISSING else _judged(state, payload.verdict)


def _judged(state: Session, verdict: HumanVerdict) -> Session:
    """Take a person's verdict: on the gate if it names the phase, else on a manual check."""
    is_gate = verdict.id == state.phase.phase.id
    if verdict.verdict is Judgement.PASS:
        return pass_gate(state) if is_gate else complete_unit(state, verdict.id, UnitStanding.ATTESTED)
    code = ReviewFindingCode.GATE_REVIEW_FAILED if is_gate else ReviewFindingCode.MANUAL_CHECK_FAILED
    finding = ReviewFinding(code=code, node=verdict.id, message=given(verdict.note) or "A person found it wanting.")
    if is_gate:
        mend = (finding, *findings_for_person(state))
        return replace(state, gate_waits_for_person=False, feedback=Feedback(None, mend))
    return replace(count_failure(state, verdict.id), feedback=Feedback(verdict.id, (finding,)))


def failed(state: Session, payload: SessionFailed, event: Recorded) -> Session:
    """Note why it cannot go on."""
    return replace(state, status=SessionStatus.FAILED, failure_reason=payload.reason)


def completed(state: Session, payload: SessionCompleted, event: Recorded) -> Session:
    """Note that every phase is done."""
    return replace(state, status=SessionStatus.COMPLETED)


def ended(state: Session, payload: SessionEnded | SessionReset, event: Recorded) -> Session:
    """Note that it is over, and whether what it did counts for a later one."""
    return replace(
        state,
        status=SessionStatus.ENDED,
        pause_reason=None,
        pause_unit=None,
        pause_findings=(),
        failure_reason=None,
        outstanding=None,
        discarded=isinstance(payload, SessionReset),
    )


def policy_accepted(state: Session, payload: PolicyAccepted, event: Recorded) -> Session:
    """Take over another policy."""
    attended = state.attended if payload.attended is MISSING else payload.attended
    protected = state.protected if payload.protected is MISSING else mapped(payload.protected)
    return replace(state, settings=payload.settings, attended=attended, protected=protected)


def holder_changed(state: Session, payload: HolderChanged, event: Recorded) -> Session:
    """Note which run holds it now."""
    return replace(state, run_id=payload.run_id, run_seen_at=event.time)


def phase_completed(state: Session, payload: PhaseCompleted, event: Recorded) -> Session:
    """Go on into the next phase, unless the session stops between phases."""
    if state.is_last_phase or state.settings.stop_on_phase_completion:
        return replace(state, phase_completed=True)
    return enter_phase(state, state.phase_number + 1)


def audit_failed(state: Session, payload: GateAuditFailed, event: Recorded) -> Session:
    """Take back what the audit found wanting; it is proven anew."""
    standing, receipts, gates = state.standing, state.receipts, state.gates
    for unit in payload.units:
        standing, receipts = standing.discard(unit), receipts.discard(unit)
    for phase in payload.gates:
        gates = gates.discard(phase)
    carried = state.carried.difference(payload.units)
    return enter_first_open_phase(replace(state, standing=standing, receipts=receipts, carried=carried, gates=gates))


def gate_waived(state: Session, payload: GateWaived, event: Recorded) -> Session:
    """Pass the gate on a maintainer's word."""
    return pass_gate(state)


def unit_blocked(state: Session, payload: UnitBlocked, event: Recorded) -> Session:
    """Note that a unit cannot be done now."""
    return block_unit(state, payload.unit_id, payload.reason)


def unit_unblocked(state: Session, payload: UnitUnblocked, event: Recorded) -> Session:
    """Note that a unit can be done again."""
    return unblock_unit(state, payload.unit_id)


def noted(state: Session, payload: EventPayload, event: Recorded) -> Session:
    """Change nothing: the event is there to be read."""
    return state
