"""What a session of a spec would do: the machine walked with every outcome a success, nothing carried out."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from pydantic_core import MISSING

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Refusal
from foundry_contracts.models.events_session import (
    HumanVerdict,
    SessionPaused,
    SessionResumed,
    SessionStarted,
    StepIssued,
    StepReported,
)
from foundry_contracts.models.spec_plan import PlannedStep, SpecPlanRequest, SpecPlanResponse
from foundry_contracts.vocabulary import Judgement, Outcome, PauseReason, Role, SessionStatus
from foundry_mcp.application.reader import Reader
from foundry_mcp.machine.advance import advance
from foundry_mcp.machine.commands import commands_of_plan
from foundry_mcp.machine.outcome import apply, apply_to
from foundry_mcp.machine.plan_index import PlanIndex
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.situation import Caller, FreshIds, Situation

_NOBODY = Caller("nobody", Role.MAINTAINER)
# Nothing of the walk is kept, so every id may be the same.
_NONE = "0" * 26
_NOW = "1970-01-01T00:00:00.000Z"


def plan(reader: Reader, request: SpecPlanRequest) -> SpecPlanResponse | Refusal:
    """Walk the machine through a spec."""
    found = reader.plan(request.spec_id)
    if isinstance(found, Refusal):
        return found
    refusal = commands_of_plan(found, reader.settings)
    if refusal is not None:
        return refusal
    scope = f"plan:{request.spec_id}:{found.structure_digest}"
    first = 0 if request.cursor is MISSING else reader.cursors.place(scope, request.cursor)
    if isinstance(first, Refusal):
        return first
    steps = _walk(reader, found, request.spec_id)
    shown = steps[first : first + request.limit]
    end = first + len(shown)
    return SpecPlanResponse(
        steps=shown, total=len(steps), cursor=reader.cursors.seal(scope, end), has_more=end < len(steps)
    )


def _walk(reader: Reader, found: PlanIndex, spec_id: str) -> list[PlannedStep]:
    ids = FreshIds(*(f"{prefix}_{_NONE}" for prefix in ("ses", "stp", "att")))
    here = Situation(None, _NOBODY, _NOW, ids, reader.settings, lambda text: sha256(text.encode()).hexdigest())
    begun = SessionStarted(
        plan_digest=found.digest,
        structure_digest=found.structure_digest,
        settings=reader.settings,
        attended=True,
        warnings=[],
        run_id=_NOBODY.id,
        carried=[],
        carried_phases=[],
        protected=[],
    )
    state = apply(here, (begun,), None, ids.session, spec_id, lambda digest: found)
    steps: list[PlannedStep] = []
    while True:
        events = advance(state, replace(here, session=state))
        state = apply_to(state, here, events)
        steps += _planned(events)
        if state.status is SessionStatus.COMPLETED:
            return steps
        state = apply_to(state, here, (_lifted(state),))


def _planned(events: tuple[EventPayload, ...]) -> list[PlannedStep]:
    """Show steps, and the pauses that somebody has to lift with a judgement."""
    steps: list[PlannedStep] = []
    for event in events:
        if isinstance(event, StepIssued):
            steps.append(PlannedStep(type=event.type, phase_id=event.phase_id, unit_id=event.unit_id))
        elif isinstance(event, SessionPaused) and event.phase_id is not MISSING:
            steps.append(PlannedStep(pause=event.reason, phase_id=event.phase_id, unit_id=event.unit_id))
    return steps


def _lifted(state: Session) -> EventPayload:
    """Report success, or lift the pause with a passing verdict."""
    step = state.outstanding
    if step is not None:
        unit = MISSING if step.unit_id is None else step.unit_id
        return StepReported(
            step_id=step.step_id,
            type=step.type,
            phase_id=step.phase_id,
            unit_id=unit,
            outcome=Outcome.SUCCESS,
            proof_digest="0" * 64,
        )
    asked = MISSING if state.pause_unit is None else HumanVerdict(id=state.pause_unit, verdict=Judgement.PASS)
    return SessionResumed(from_reason=state.pause_reason or PauseReason.USER, verdict=asked)
