"""Getting at a session: start one, or go on with the one that is there."""

from __future__ import annotations

from foundry_contracts.models.formats_session import SessionView, StepResult
from foundry_contracts.models.task_session_events import TaskSessionEventsResponse
from foundry_contracts.models.task_session_resume import SessionResumeResponse
from foundry_contracts.models.task_session_start import SessionStartResponse
from foundry_contracts.models.task_session_status import SessionStatusResponse
from foundry_contracts.models.task_session_step_next import SessionStepNextResponse
from foundry_contracts.models.task_session_step_replay import SessionStepReplayResponse
from foundry_contracts.vocabulary import CommandName, ErrorCode, EventOrder, EventType, PauseReason, SessionStatus
from foundry_mcp.supervisor.absent import given
from foundry_mcp.supervisor.client import Refused, ServerClient
from foundry_mcp.supervisor.result import Standing
from foundry_mcp.supervisor.settings import PAUSE_NOTE


async def start_or_attach(client: ServerClient, spec_id: str) -> Standing | Refused:
    """Start a session of a spec and take its first step; where one lives already, go on with that."""
    started = await client.call(CommandName.TASK_SESSION_START, {"spec_id": spec_id}, SessionStartResponse)
    if not isinstance(started, Refused):
        return await next_step(client, started.session.session_id)
    if started.code is not ErrorCode.SESSION_EXISTS:
        return started
    return await attach(client, str(started.data.details["session_id"]))


async def attach(client: ServerClient, session_id: str) -> Standing | Refused:
    """Go on with a session as far as a runner may; give its standing answer where a person is asked for."""
    status = await client.call(CommandName.TASK_SESSION_STATUS, {"session_id": session_id}, SessionStatusResponse)
    if isinstance(status, Refused):
        return status
    if status.session.status is not SessionStatus.RUNNING:
        if not await _may_resume(client, status.session):
            return Standing(status.session, status.loop_signal, tuple(given(status.recommended_actions) or ()))
        resumed = await client.call(CommandName.TASK_SESSION_RESUME, {"session_id": session_id}, SessionResumeResponse)
        if isinstance(resumed, Refused):
            return resumed
    return await _step_at_hand(client, session_id)


async def next_step(client: ServerClient, session_id: str, result: StepResult | None = None) -> Standing | Refused:
    """Report a step, if one was carried out, and take the next."""
    params: dict[str, object] = {"session_id": session_id}
    if result is not None:
        params["last_step_result"] = result.model_dump(mode="json", exclude_unset=True)
    return _standing(await client.call(CommandName.TASK_SESSION_STEP_NEXT, params, SessionStepNextResponse))


async def _step_at_hand(client: ServerClient, session_id: str) -> Standing | Refused:
    params = {"session_id": session_id}
    replayed = await client.call(CommandName.TASK_SESSION_STEP_REPLAY, params, SessionStepReplayResponse)
    if isinstance(replayed, Refused) and replayed.code is ErrorCode.NO_STEP_OUT:
        return await next_step(client, session_id)
    return _standing(replayed)


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
