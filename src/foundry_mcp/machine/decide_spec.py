"""Decisions on changing a spec file: who may, while a session lives on it."""

from __future__ import annotations

from pydantic_core import MISSING

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, Refusal
from foundry_contracts.models.events_session import AccessDenied, LockBypassed
from foundry_contracts.models.task_update_status import TaskUpdateStatusRequest, TaskUpdateStatusResponse
from foundry_contracts.tables import SESSION_MACHINE_TERMINAL
from foundry_contracts.vocabulary import CommandName, ErrorCode, Role
from foundry_mcp.machine.decide_session import startable_plan
from foundry_mcp.machine.roles import permits
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.signal import signal_of
from foundry_mcp.machine.situation import Situation
from foundry_mcp.machine.structure import units_of


def update_status(
    situation: Situation, request: TaskUpdateStatusRequest
) -> Accepted[TaskUpdateStatusResponse] | Refusal:
    """Let a node's status in the spec file be changed; the shell writes it once this is accepted."""
    plan = startable_plan(situation, request.spec_id, any_command=True)
    if isinstance(plan, Refusal):
        return plan
    details = {"spec_id": request.spec_id, "node_id": request.node_id}
    if request.node_id not in units_of(plan):
        return Refusal(ErrorCode.UNIT_NOT_FOUND, f"The spec has no unit {request.node_id!r}.", details)
    bypassed = _through_lock(situation, request)
    if isinstance(bypassed, Refusal):
        return bypassed
    signal = signal_of(situation.session).loop_signal
    reply = TaskUpdateStatusResponse(
        loop_signal=signal, spec_id=request.spec_id, node_id=request.node_id, status=request.status
    )
    return Accepted(reply, bypassed)


def _through_lock(situation: Situation, request: TaskUpdateStatusRequest) -> tuple[EventPayload, ...] | Refusal:
    state = situation.session
    if state is None or state.status in SESSION_MACHINE_TERMINAL:
        return ()
    if request.bypass is MISSING:
        return _denied(state, ErrorCode.AUTONOMY_WRITE_LOCK_ACTIVE, "A live session holds the spec's write lock.")
    allowed = state.settings.allow_lock_bypass and situation.settings.allow_lock_bypass
    if not allowed or not permits(situation.caller.role, Role.MAINTAINER):
        return _denied(state, ErrorCode.LOCK_BYPASS_FORBIDDEN, "The posture and your role allow no bypass.")
    return (LockBypassed(node_id=request.node_id, status=request.status, reason=request.bypass),)


def _denied(state: Session, code: ErrorCode, message: str) -> Refusal:
    denied = AccessDenied(command=CommandName.TASK_UPDATE_STATUS, error_code=code)
    return Refusal(code, message, {"session_id": state.session_id, "spec_id": state.spec_id}, (denied,))
