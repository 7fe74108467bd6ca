"""The audit at a phase's end: nothing is completed whose evidence is missing or does not hold.

It looks at one phase, and at the end of a spec at all of them. Steps do not pay for it: what it needs is kept in the
fold, and signatures are checked here, once a phase. What a later session carries on is looked at in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import GateAuditFailed, GateFinished
from foundry_contracts.models.formats_plan import PlanUnit
from foundry_contracts.vocabulary import ErrorCode, ReviewFindingCode
from foundry_mcp.machine.gate import accepts, lacking, receipted_run, rests_on_receipt
from foundry_mcp.machine.plan_index import PhaseIndex
from foundry_mcp.machine.receipts import faults
from foundry_mcp.machine.replacing import replace
from foundry_mcp.machine.session import Outstanding, Session
from foundry_mcp.machine.situation import Situation

_OF_GATES = {ReviewFindingCode.GATE_MISSING, ReviewFindingCode.GATE_INVALID}


def audit(state: Session, situation: Situation) -> GateAuditFailed | None:
    """Look at all that the phase's completion rests on, and at the spec's end at every phase; None: it holds."""
    looked_at = state.plan.phases if state.is_last_phase else (state.phase,)
    found = {phase.phase.id: _of_phase(state, phase, situation) for phase in looked_at}
    findings = [finding for of_phase in found.values() for finding in of_phase]
    if not findings:
        return None
    missing = any(finding.code == ReviewFindingCode.GATE_MISSING for finding in findings)
    return GateAuditFailed(
        error_code=ErrorCode.REQUIRED_GATE_UNSATISFIED if missing else ErrorCode.GATE_AUDIT_FAILURE,
        units=[str(finding.node) for finding in findings if finding.code not in _OF_GATES],
        # A gate rests on its phase's units. The one of the phase at hand is tried afresh whatever fails.
        gates=[phase for phase, of_phase in found.items() if of_phase or phase == state.phase.phase.id],
        findings=findings,
    )


def doubts(earlier: Session, situation: Situation) -> list[ReviewFinding]:
    """Name what an earlier session counts as done, a unit or a gate, for which its evidence does not hold."""
    found = (finding for phase in earlier.plan.phases for finding in _of_phase(earlier, phase, situation))
    return [finding for finding in found if finding.node in earlier.standing or finding.node in earlier.gates]


def _of_phase(state: Session, phase: PhaseIndex, situation: Situation) -> list[ReviewFinding]:
    units = [finding for unit in phase.units for finding in _of_unit(state, unit, situation)]
    return [*units, *(_of_gate(state, phase, situation) if state.settings.enforce_gates else ())]


def _of_unit(state: Session, unit: PlanUnit, situation: Situation) -> Iterator[ReviewFinding]:
    missing = lacking(state, unit)
    if missing is not None:
        yield missing
        return
    proven, run = state.receipts.get(unit.id), receipted_run(state, unit)
    if run is None or proven is None or proven.step is None or not rests_on_receipt(state, unit):
        return
    # Whatever the step says that it was for, its receipt has to be this unit's.
    step = replace(proven.step, unit_id=unit.id)
    wrong = faults(situation.opened(run.receipt), state.session_id, state.spec_id, step, unit, proven.proof_digest)
    if wrong or not run.passed:
        message = f"The receipt of {unit.id} does not hold: {', '.join(wrong) or 'the command did not pass'}."
        yield _finding(ReviewFindingCode.RECEIPT_INVALID, unit.id, message)


def _of_gate(state: Session, phase: PhaseIndex, situation: Situation) -> Iterator[ReviewFinding]:
    name = phase.phase.id
    gate = state.gates.get(name)
    if gate is not None and not gate.by_review:
        return
    step = gate.step if gate else None
    if step is None or not isinstance(step.finished, GateFinished):
        yield _finding(ReviewFindingCode.GATE_MISSING, name, f"Nothing satisfied the gate of {name}.")
        return
    wrong = _review_faults(state, replace(step, phase_id=name), step.finished, situation)
    if wrong:
        message = f"The review of {name} does not hold: {', '.join(wrong)}."
        yield _finding(ReviewFindingCode.GATE_INVALID, name, message)


def _review_faults(state: Session, step: Outstanding, run: GateFinished, situation: Situation) -> list[str]:
    statement = situation.opened(run.evidence)
    wrong = faults(statement, state.session_id, state.spec_id, step, None, None)
    return wrong if accepts(step.settings or state.settings, run.verdict) else [*wrong, "it did not pass"]


def _finding(code: ReviewFindingCode, node: str, message: str) -> ReviewFinding:
    return ReviewFinding(code=code, node=node, message=message)
