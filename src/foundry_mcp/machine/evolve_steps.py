"""What events of steps and of the server's own runs change."""

from __future__ import annotations

import re
from hashlib import sha256

from foundry_contracts.models.events_session import (
    GateFinished,
    LateReport,
    RunInterrupted,
    StepIssued,
    StepReported,
    StepSuperseded,
    VerificationFinished,
)
from foundry_contracts.vocabulary import Outcome, StepType, UnitStanding
from foundry_mcp.machine.gate import asks_person
from foundry_mcp.machine.mending import to_mend
from foundry_mcp.machine.optional import given
from foundry_mcp.machine.position import complete_unit, count_failure, pass_gate
from foundry_mcp.machine.replacing import replace
from foundry_mcp.machine.session import (
    Feedback,
    Gate,
    Outstanding,
    Proven,
    Recorded,
    RunFinished,
    RunStarted,
    Session,
)
from foundry_mcp.machine.work import work_of

_NUMBERS = re.compile(r"[0-9]+")


def issued(state: Session, payload: StepIssued, event: Recorded) -> Session:
    """Note the step that is out."""
    unit = given(payload.unit_id)
    step = Outstanding(payload.step_id, payload.type, payload.phase_id, unit, payload.attempt, event.time)
    return replace(
        state,
        outstanding=step,
        issued=state.issued.insert(work_of(payload.type, unit, payload.phase_id), payload.attempt),
        tasks_issued=state.tasks_issued + (payload.type is StepType.IMPLEMENT_TASK),
        last_step_id=payload.step_id,
        last_step_type=payload.type,
        run_seen_at=event.time,
    )


def superseded(state: Session, payload: StepSuperseded, event: Recorded) -> Session:
    """Take back the step that is out."""
    return replace(state, outstanding=None, superseded=state.superseded.insert(payload.step_id, False))


def reported_late(state: Session, payload: LateReport, event: Recorded) -> Session:
    """Note that a step was reported after it was given up."""
    return replace(state, superseded=state.superseded.insert(payload.step_id, True))


def run_started(state: Session, payload: RunStarted, event: Recorded) -> Session:
    """Note the server's own run for the step that is out."""
    state = _with_run(state, payload, None)
    if state.outstanding is not None:
        begun = replace(state.outstanding, started_at_version=event.seq, settings=state.settings)
        state = replace(state, outstanding=begun)
    return replace(state, run_seen_at=event.time)


def run_finished(state: Session, payload: RunFinished, event: Recorded) -> Session:
    """Note how the run ended."""
    return _with_run(state, state.outstanding.started if state.outstanding else None, payload)


def run_interrupted(state: Session, payload: RunInterrupted, event: Recorded) -> Session:
    """Forget the run: it may be made again."""
    return _with_run(state, None, None)


def _with_run(state: Session, started: RunStarted | None, finished: RunFinished | None) -> Session:
    if state.outstanding is None:
        return state
    return replace(state, outstanding=replace(state.outstanding, started=started, finished=finished))


def reported(state: Session, payload: StepReported, event: Recorded) -> Session:
    """Take a step's result: what is done, what failed, what is to be mended."""
    step = state.outstanding
    state = replace(state, outstanding=None, run_seen_at=event.time)
    if payload.type is StepType.RUN_FIDELITY_GATE:
        return _gate_reviewed(state, payload, step)
    if payload.outcome is Outcome.FAILURE:
        return _not_done(state, payload, step)
    return _done(state, payload, step)


def _done(state: Session, payload: StepReported, step: Outstanding | None) -> Session:
    state = replace(state, errors=())
    unit = given(payload.unit_id)
    if payload.type is StepType.ADDRESS_FEEDBACK:
        cycles = state.gate_cycles + (1 if unit is None else 0)
        return replace(state, feedback=None, gate_cycles=cycles)
    if unit is None:
        return state
    standing = _standing(payload)
    if standing is UnitStanding.PROVEN:
        proven = Proven(_without_output(step), payload.proof_digest)
        state = replace(state, receipts=state.receipts.insert(unit, proven))
    return complete_unit(state, unit, standing)


def _without_output(step: Outstanding | None) -> Outstanding | None:
    """Leave out what no audit looks at, as steps are kept for as long as their session is."""
    if step is None or not isinstance(step.finished, VerificationFinished):
        return step
    return replace(step, finished=step.finished.model_copy(update={"output_tail": ""}))


def _standing(payload: StepReported) -> UnitStanding:
    if payload.outcome is Outcome.SKIPPED:
        return UnitStanding.SKIPPED
    if payload.type is StepType.IMPLEMENT_TASK:
        return UnitStanding.REPORTED
    return UnitStanding.ATTESTED if given(payload.attested) else UnitStanding.PROVEN


def _gate_reviewed(state: Session, payload: StepReported, step: Outstanding | None) -> Session:
    passed = payload.outcome is not Outcome.FAILURE
    run = step.finished if step else None
    review = run if isinstance(run, GateFinished) else None
    state = replace(state, reviewed=review, errors=() if passed else state.errors)
    if asks_person(state.settings):
        return replace(state, gate_waits_for_person=True)
    if passed:
        return pass_gate(state, Gate(by_review=True, step=step))
    if not state.settings.enforce_gates:
        return pass_gate(state)
    if not state.settings.auto_retry_gate:
        return replace(state, gate_waits_for_person=True)
    return replace(state, feedback=Feedback(None, to_mend(payload, step)))


def _not_done(state: Session, payload: StepReported, step: Outstanding | None) -> Session:
    unit = given(payload.unit_id)
    state = count_failure(state, work_of(payload.type, unit, payload.phase_id))
    if payload.type is StepType.EXECUTE_VERIFICATION:
        state = _note_print(state, unit, step)
        # What somebody called blocked meanwhile is not mended now.
        return state if unit in state.blocked else replace(state, feedback=Feedback(unit, to_mend(payload, step)))
    return state


def _note_print(state: Session, unit: str | None, step: Outstanding | None) -> Session:
    """Notice a check that fails again with the same files and, durations and dates apart, in the same way."""
    run = step.finished if step else None
    if unit is None or not isinstance(run, VerificationFinished):
        return state
    said = _NUMBERS.sub("", (given(run.error) or "") + run.output_tail)
    # A command that was not run for the sake of protected files left no tree: what differs of them stands for it.
    differs = "".join(f"\n{change.path} {given(change.digest)}" for change in given(run.protected_changes) or ())
    seen = sha256(f"{run.tree_after}\n{said}{differs}".encode()).hexdigest()
    stuck = unit if state.prints.get(unit) == seen else state.stuck
    return replace(state, prints=state.prints.insert(unit, seen), stuck=stuck)
