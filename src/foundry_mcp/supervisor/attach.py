"""Getting at a session: start one, or go on with the one that is there."""

from __future__ import annotations

from typing import Final

from pydantic_core import MISSING

from foundry_contracts.models.envelope import ErrorData
from foundry_contracts.models.formats_session import SessionView, StepResult
from foundry_contracts.models.task_session_events import TaskSessionEventsResponse
from foundry_contracts.models.task_session_resume import SessionResumeResponse
from foundry_contracts.models.task_session_start import SessionStartResponse
from foundry_contracts.models.task_session_status import SessionStatusResponse
from foundry_contracts.models.task_session_step_next import SessionStepNextResponse
from foundry_contracts.models.task_session_step_replay import SessionStepReplayResponse
from foundry_contracts.tables import ERROR_CODE_INFO, decide_loop_decision
from foundry_contracts.vocabulary import CommandName, ErrorCode, EventOrder, EventType, PauseReason, SessionStatus
from foundry_mcp.supervisor.absent import given
from foundry_mcp.supervisor.client import Refused, ServerClient
from foundry_mcp.supervisor.result import Standing
from foundry_mcp.supervisor.run_id import OwnRun
from foundry_mcp.supervisor.settings import PAUSE_NOTE

_PICKED_UP: Final = frozenset({PauseReason.HEARTBEAT_STALE, PauseReason.STEP_STALE, PauseReason.CONTEXT_LIMIT})
"""Pauses that ask for nothing but a fresh start, which a run that begins is."""


async def start_or_attach(client: ServerClient, spec_id: str, run: OwnRun) -> Standing | Refused:
    """Start a session of a spec and take its first step; where one lives already, go on with that."""
    if not run.alone:
        return await _held_here(client, spec_id)
    params = {"spec_id": spec_id, "run_id": run.run_id}
    started = await client.call(CommandName.TASK_SESSION_START, params, SessionStartResponse)
    if not isinstance(started, Refused):
        return await next_step(client, started.session.session_id, run)
    if started.code is not ErrorCode.SESSION_EXISTS:
        return started
    session_id = str(started.data.details["session_id"])
    standing = await attach(client, session_id, run)
    if isinstance(standing, Standing) and given(standing.session.pause_reason) in _PICKED_UP:
        return await _resumed(client, session_id, run)
    return standing


async def attach(client: ServerClient, session_id: str, run: OwnRun) -> Standing | Refused:
    """Go on with a session as far as a runner may; give its standing answer where a person is asked for."""
    status = await client.call(CommandName.TASK_SESSION_STATUS, {"session_id": session_id}, SessionStatusResponse)
    if isinstance(status, Refused):
        return status
    session = status.session
    if session is MISSING:
        return _at_fault(status)
    if session.status is SessionStatus.RUNNING:
        return await _step_at_hand(client, session_id, run)
    if await _may_resume(client, session):
        return await _resumed(client, session_id, run)
    return Standing(session, status.loop_signal, tuple(given(status.recommended_actions) or ()))


def _at_fault(status: SessionStatusResponse) -> Refused:
    """Take a degraded session for what any other call on it is: refused for its log."""
    code = ErrorCode.LOG_INTEGRITY
    info = ERROR_CODE_INFO[code]
    found = given(status.degraded)
    data = ErrorData(
        error_code=code,
        error_type=info.type,
        remediation=info.remedy,
        details=found.finding.model_dump(mode="json") if found else {},
        loop_signal=status.loop_signal,
        recommended_actions=given(status.recommended_actions) or [],
        retryable=info.retryable,
    )
    return Refused(f"The session's log is at fault: {found.finding.message if found else ''}", data)


async def next_step(
    client: ServerClient, session_id: str, run: OwnRun, result: StepResult | None = None
) -> Standing | Refused:
    """Report a step, if one was carried out, and take the next."""
    params: dict[str, object] = {"session_id": session_id, "run_id": run.run_id}
    if result is not None:
        params["last_step_result"] = result.model_dump(mode="json", exclude_unset=True)
    return _standing(await client.call(CommandName.TASK_SESSION_STEP_NEXT, params, SessionStepNextResponse))


async def _resumed(client: ServerClient, session_id: str, run: OwnRun) -> Standing | Refused:
    resumed = await client.call(CommandName.TASK_SESSION_RESUME, {"session_id": session_id}, SessionResumeResponse)
    return resumed if isinstance(resumed, Refused) else await _step_at_hand(client, session_id, run)


async def _step_at_hand(client: ServerClient, session_id: str, run: OwnRun) -> Standing | Refused:
    # First the next step and only then the one that is out: a session gone stale says so, and pauses.
    taken = await next_step(client, session_id, run)
    if not isinstance(taken, Refused) or taken.code is not ErrorCode.STEP_RESULT_REQUIRED:
        return taken
    params = {"session_id": session_id, "run_id": run.run_id}
    return _standing(await client.call(CommandName.TASK_SESSION_STEP_REPLAY, params, SessionStepReplayResponse))


async def _held_here(client: ServerClient, spec_id: str) -> Refused:
    """Refuse a second run on this machine, whatever its role: a maintainer's would take the session over."""
    status = await client.call(CommandName.TASK_SESSION_STATUS, {"spec_id": spec_id}, SessionStatusResponse)
    code = ErrorCode.SESSION_HELD
    info, row = ERROR_CODE_INFO[code], decide_loop_decision(error=code, status=None, reason=None)
    details = (
        {}
        if isinstance(status, Refused) or status.session is MISSING
        else {"session_id": status.session.session_id, "holder": status.session.holder}
    )
    data = ErrorData(
        error_code=code,
        error_type=info.type,
        remediation="Let the other run end, or stop it with Ctrl-C; then run this again.",
        details={"spec_id": spec_id, **details},
        loop_signal=row.signal,
        recommended_actions=[],
        retryable=False,
    )
    return Refused("Another foundry-mcp run on this machine works on this spec.", data)


async def _may_resume(client: ServerClient, session: SessionView) -> bool:
    if session.status is not SessionStatus.PAUSED:
        return False
    if session.pause_reason is PauseReason.USER:
        return await _paused_by_us(client, session.session_id)
    return session.pause_reason is PauseReason.PHASE_COMPLETE


async def _paused_by_us(client: ServerClient, session_id: str) -> bool:
    """Tell whether the last pause bears the supervisor's own note."""
    params = {
        "session_id": session_id,
        "types": [EventType.SESSION_PAUSED.value],
        "order": EventOrder.DESC.value,
        "limit": 1,
    }
    page = await client.call(CommandName.TASK_SESSION_EVENTS, params, TaskSessionEventsResponse)
    return not isinstance(page, Refused) and any(event.payload.get("note") == PAUSE_NOTE for event in page.events)


def _standing(answer: SessionStepNextResponse | SessionStepReplayResponse | Refused) -> Standing | Refused:
    if isinstance(answer, Refused):
        return answer
    return Standing(
        answer.session, answer.loop_signal, tuple(given(answer.recommended_actions) or ()), given(answer.step)
    )
