"""The steps that a session of a plan would hand out: the machine walked with every outcome a success."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from hashlib import sha256
from typing import Final

from pydantic_core import MISSING

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Refusal
from foundry_contracts.models.events_session import (
    HumanVerdict,
    SessionPaused,
    SessionResumed,
    SessionSettings,
    SessionStarted,
    StepIssued,
    StepReported,
)
from foundry_contracts.models.spec_plan import PlannedStep
from foundry_contracts.vocabulary import Judgement, Outcome, PauseReason, Role, SessionStatus
from foundry_mcp.machine.advance import advance
from foundry_mcp.machine.commands import commands_of_plan
from foundry_mcp.machine.outcome import apply, apply_to
from foundry_mcp.machine.plan_index import PlanIndex
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.situation import Caller, FreshIds, Situation

_NOBODY = Caller("nobody", Role.MAINTAINER)
# Nothing of the walk is kept but its steps, so every id may be the same.
_NONE = "0" * 26
_NOW = "1970-01-01T00:00:00.000Z"
KEPT: Final = 4
"""How many walks are kept: the pages of a plan are read one after another, by few readers at once."""


class PlannedSteps:
    """Keep the walks that were asked for last, so that a page of one costs no walk."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self._walks: OrderedDict[str, list[PlannedStep] | Refusal] = OrderedDict()

    def of(self, plan: PlanIndex) -> list[PlannedStep] | Refusal:
        """Give all steps of a plan, or the refusal of a plan that no session could run."""
        found = self._walks.pop(plan.digest, None)
        if found is None:
            found = commands_of_plan(plan, self._settings) or _walk(plan, self._settings)
        self._walks[plan.digest] = found
        if len(self._walks) > KEPT:
            self._walks.popitem(last=False)
        return found


def _walk(found: PlanIndex, settings: SessionSettings) -> list[PlannedStep]:
    ids = FreshIds(*(f"{prefix}_{_NONE}" for prefix in ("ses", "stp", "att")))
    here = Situation(
        None,
        _NOBODY,
        _NOW,
        ids,
        settings,
        mac=lambda text: sha256(text.encode()).hexdigest(),
        opened=lambda receipt: None,
    )
    begun = SessionStarted(
        plan_digest=found.digest,
        structure_digest=found.structure_digest,
        settings=settings,
        attended=True,
        warnings=[],
        run_id=_NOBODY.id,
        carried=[],
        carried_phases=[],
        protected=[],
    )
    state = apply(here, (begun,), None, ids.session, found.digest, lambda digest: found)
    steps: list[PlannedStep] = []
    while True:
        events = advance(state, replace(here, session=state), rehearsed=True)
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
