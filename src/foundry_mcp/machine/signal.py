"""The loop signal of a situation, and the calls that lead out of it: read from the decision table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pydantic_core import MISSING

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.models.common import RecommendedAction, ToolCall
from foundry_contracts.tables import ACTION_TEMPLATE_VALUES, decide_loop_decision
from foundry_contracts.vocabulary import ErrorCode, LoopSignal, PauseReason, SessionStatus, Severity
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.machine.session import Session

# The table is small and every answer reads it.
_decided = cache(decide_loop_decision)


@dataclass(frozen=True, slots=True)
class Signal:
    """Hold what a loop should do (None: go on), who has to act, and the ways out."""

    loop_signal: LoopSignal | None
    severity: Severity
    actions: tuple[RecommendedAction, ...]


def signal_of(
    state: Session | None, error: ErrorCode | None = None, facts: Mapping[str, object] | None = None
) -> Signal:
    """Decide the signal of a session, or of an error met with it. `facts` fill in the recommended calls."""
    status, reason = (state.status, state.pause_reason) if state else (None, None)
    return signal_at(error, status, reason, dict(_facts_of(state)) | dict(facts or {}))


def signal_at(
    error: ErrorCode | None, status: SessionStatus | None, reason: PauseReason | None, known: Mapping[str, object]
) -> Signal:
    """Decide the signal of a situation that no session's state tells. `known` fills in the recommended calls."""
    row = _decided(error=error, status=status, reason=reason)
    return Signal(row.signal, row.severity, tuple(_action(name, known) for name in row.actions))


def _facts_of(state: Session | None) -> Mapping[str, object]:
    if state is None:
        return {}
    facts: dict[str, object] = {"session_id": state.session_id, "spec_id": state.spec_id}
    if state.pause_unit is not None:
        facts["verdict"] = {"id": state.pause_unit, "verdict": "pass"}
    blocked = state.phase.units if state.pause_reason is PauseReason.BLOCKED else ()
    first = next((unit.id for unit in blocked if unit.id in state.blocked), None)
    return facts if first is None else facts | {"unit_id": first}


def _action(name: str, facts: Mapping[str, object]) -> RecommendedAction:
    template = ACTION_TEMPLATE_VALUES[name]
    call: ToolCall | MISSING = MISSING
    # A call whose parameters the situation does not know is no call to make: the sentence has to do.
    if template.call is not None and all(param in facts for param in template.params):
        entry = COMMANDS[template.call]
        params = {param: facts[param] for param in template.params} | dict(template.fixed)
        call = ToolCall(tool=entry.tool, action=entry.action, command=or_absent(entry.command), params=params)
    return RecommendedAction(action=name, description=template.description, least_role=template.least_role, call=call)
