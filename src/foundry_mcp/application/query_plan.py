"""What a session of a spec would do, page by page; nothing is carried out."""

from __future__ import annotations

from pydantic_core import MISSING

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.spec_plan import SpecPlanRequest, SpecPlanResponse
from foundry_mcp.application.reader import Reader


def plan(reader: Reader, request: SpecPlanRequest) -> SpecPlanResponse | Refusal:
    """Walk the machine through a spec."""
    found = reader.plan(request.spec_id)
    if isinstance(found, Refusal):
        return found
    steps = reader.planned_steps.of(found)
    if isinstance(steps, Refusal):
        return steps
    scope = f"plan:{request.spec_id}:{found.structure_digest}"
    first = 0 if request.cursor is MISSING else reader.cursors.place(scope, request.cursor)
    if isinstance(first, Refusal):
        return first
    shown = steps[first : first + request.limit]
    end = first + len(shown)
    return SpecPlanResponse(
        steps=shown, total=len(steps), cursor=reader.cursors.seal(scope, end), has_more=end < len(steps)
    )
