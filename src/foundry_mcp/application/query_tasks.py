"""Queries on units of work: info, list, progress, and the plan of a session that would run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic_core import MISSING

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.formats_plan import PlanUnit
from foundry_contracts.models.task_info import TaskInfoRequest, TaskInfoResponse, TaskView
from foundry_contracts.models.task_list import TaskListRequest, TaskListResponse
from foundry_contracts.models.task_progress import PhaseStanding, TaskProgressRequest, TaskProgressResponse
from foundry_contracts.vocabulary import ErrorCode, UnitState
from foundry_mcp.application.reader import Reader
from foundry_mcp.machine.optional import given, or_absent
from foundry_mcp.machine.plan_index import PhaseIndex, PlanIndex
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.view import progress_of
from foundry_mcp.ports import LogBroken


@dataclass(frozen=True, slots=True)
class Standing:
    """Hold a spec's plan and the session that shows how far it is, if it has one."""

    plan: PlanIndex
    session: Session | None

    def view(self, phase: PhaseIndex, unit: PlanUnit) -> TaskView:
        """Show a unit as it stands."""
        return TaskView(
            id=unit.id,
            kind=unit.kind,
            title=unit.title,
            phase_id=phase.phase.id,
            state=self.state(unit.id),
            standing=or_absent(self.session.standing.get(unit.id) if self.session else None),
            failures=or_absent(self.session.attempts.get(unit.id) if self.session else None),
            depends_on=unit.depends_on,
            description=unit.description,
            file_path=unit.file_path,
            acceptance_criteria=unit.acceptance_criteria,
        )

    def state(self, unit: str) -> UnitState:
        """Tell where a unit stands."""
        if self.session is None:
            return UnitState.PENDING
        if unit in self.session.standing:
            return UnitState.DONE
        return UnitState.BLOCKED if unit in self.session.blocked else UnitState.PENDING

    def units(self) -> Iterator[tuple[PhaseIndex, PlanUnit]]:
        """Go through the units, in working order."""
        for phase in self.plan.phases:
            for unit in phase.units:
                yield phase, unit


def _standing(reader: Reader, spec_id: str) -> Standing | Refusal:
    """Give the live session's plan, else the last one's, else the file's; a reset session's work is discarded."""
    try:
        session = reader.last_session(spec_id)
    except LogBroken as broken:
        if not reader.store.is_closed(broken.finding.session_id):
            raise
        session = None
    if session is not None and not session.discarded:
        return Standing(session.plan, session)
    plan = reader.plan(spec_id)
    return plan if isinstance(plan, Refusal) else Standing(plan, None)


def info(reader: Reader, request: TaskInfoRequest) -> TaskInfoResponse | Refusal:
    """Tell one unit as it stands."""
    found = _standing(reader, request.spec_id)
    if isinstance(found, Refusal):
        return found
    for phase, unit in found.units():
        if unit.id == request.unit_id:
            return TaskInfoResponse(session_id=_session_id(found), task=found.view(phase, unit))
    details = {"spec_id": request.spec_id, "unit_id": request.unit_id}
    return Refusal(ErrorCode.UNIT_NOT_FOUND, f"The spec has no unit {request.unit_id!r}.", details)


def _session_id(found: Standing) -> str | MISSING:
    return or_absent(found.session.session_id if found.session else None)


def list_tasks(reader: Reader, request: TaskListRequest) -> TaskListResponse | Refusal:
    """List the units that fit the filters."""
    found = _standing(reader, request.spec_id)
    if isinstance(found, Refusal):
        return found
    first = 0 if request.cursor is MISSING else reader.cursors.place(_scope(request), request.cursor)
    if isinstance(first, Refusal):
        return first
    wanted = [(phase, unit) for phase, unit in found.units() if _fits(found, phase, unit, request)]
    end = first + request.limit
    return TaskListResponse(
        session_id=_session_id(found),
        tasks=[found.view(phase, unit) for phase, unit in wanted[first:end]],
        total=len(wanted),
        cursor=reader.cursors.seal(_scope(request), end) if end < len(wanted) else MISSING,
    )


def _scope(request: TaskListRequest) -> str:
    """Name a listing, so that another listing's cursor is not taken for one of its own."""
    filters = request.model_dump(mode="json", exclude_unset=True, exclude={"cursor", "limit"})
    return f"tasks:{sorted(filters.items())}"


def _fits(found: Standing, phase: PhaseIndex, unit: PlanUnit, request: TaskListRequest) -> bool:
    return (
        given(request.phase_id) in (None, phase.phase.id)
        and given(request.kind) in (None, unit.kind)
        and given(request.state) in (None, found.state(unit.id))
    )


def progress(reader: Reader, request: TaskProgressRequest) -> TaskProgressResponse | Refusal:
    """Tell how far a spec is, as a whole and by phase."""
    found = _standing(reader, request.spec_id)
    if isinstance(found, Refusal):
        return found
    session = found.session
    phases = [
        PhaseStanding(
            phase_id=phase.phase.id,
            title=phase.phase.title,
            gate_passed=session is not None and phase.phase.id in session.gates,
            progress=progress_of(len(phase.units), sum(found.state(u.id) is UnitState.DONE for u in phase.units)),
        )
        for phase in found.plan.phases
    ]
    done = len(session.standing) if session else 0
    return TaskProgressResponse(
        session_id=_session_id(found), progress=progress_of(found.plan.total_units, done), phases=phases
    )
