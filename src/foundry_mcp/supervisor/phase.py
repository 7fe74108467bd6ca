"""The loop over one phase: take a step, have it carried out, report it, until an answer says to stop."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter

from pydantic_core import MISSING

from foundry_contracts.models.formats_session import SessionView, StepResult
from foundry_contracts.models.formats_worker import EscalationStep
from foundry_contracts.models.task_session_pause import SessionPauseResponse
from foundry_contracts.tables import LOOP_SIGNAL_INFO, PAUSE_REASON_INFO
from foundry_contracts.vocabulary import CommandName, ErrorCode, LoopSignal, WorkerIsolation
from foundry_mcp.supervisor.attach import attach, next_step, start_or_attach
from foundry_mcp.supervisor.checkpoints import KeptHead, kept_head
from foundry_mcp.supervisor.client import Refused, ServerClient, connect
from foundry_mcp.supervisor.connection import ServerFailed
from foundry_mcp.supervisor.escalation import escalated
from foundry_mcp.supervisor.interrupt import Interrupted, unless_stopped
from foundry_mcp.supervisor.isolation import isolation_of, server_environ
from foundry_mcp.supervisor.progress import Progress, Silent
from foundry_mcp.supervisor.result import PhaseRunResult, Standing
from foundry_mcp.supervisor.run_id import OwnRun, own_run
from foundry_mcp.supervisor.settings import PAUSE_NOTE, RunSettings
from foundry_mcp.supervisor.step import StepRunner

_NO_ISOLATION = (
    "security.worker_isolation asks for it: install bubblewrap and let this user make namespaces, or set it to auto."
)
_TRESPASSED = (
    "Look at it, and take it away if you did not want it: a server reads it when it starts. Then run this again."
)
_HELD = "This run did nothing more, so that no step is done twice. Let the other end; then run this again."


async def run_one_phase(
    spec_id: str,
    settings: RunSettings,
    *,
    client: ServerClient | None = None,
    progress: Progress | None = None,
    stop: asyncio.Event | None = None,
) -> PhaseRunResult:
    """Run a spec's session to the end of its phase, or to where a person is asked for.

    Starts a server where no `client` of one is given. Setting `stop` ends the worker and pauses the session. Anything
    but success leaves an escalation packet. Nothing is raised for what a server refuses or fails to answer.
    """
    progress, stop = progress or Silent(), stop or asyncio.Event()
    try:
        if client is None:
            async with connect(settings.workspace, server_environ(settings), settings.server_url) as started:
                return await run_one_phase(spec_id, settings, client=started, progress=progress, stop=stop)
        with own_run(spec_id, settings) as run:
            return await phase_of_run(run, spec_id, settings, client=client, progress=progress, stop=stop)
    except ServerFailed as failure:
        return escalated(PhaseRunResult(spec_id=spec_id, message=str(failure)), settings, progress)


async def phase_of_run(
    run: OwnRun, spec_id: str, settings: RunSettings, *, client: ServerClient, progress: Progress, stop: asyncio.Event
) -> PhaseRunResult:
    """Run a phase as run_one_phase does, as part of a run that goes on after it."""
    result = await _PhaseRun(client, run, spec_id, settings, progress, stop).run()
    # A server that gave no answer would give none to this either.
    answered = result.loop_signal is not None or result.refused is not None
    if result.session is not None and answered:
        head = await kept_head(client, result.session.session_id, settings)
        progress.checkpointed(head)
        result = _with_head(result, head)
    return escalated(result, settings, progress)


def _with_head(result: PhaseRunResult, head: KeptHead) -> PhaseRunResult:
    """Add the head to a result; where the log was found at fault, no signal of success stands."""
    refused = head.refused
    if refused is None or refused.data.loop_signal is None or not result.succeeded:
        return dataclasses.replace(result, checkpoint=head.checkpoint)
    return dataclasses.replace(
        result,
        message=refused.message,
        loop_signal=refused.data.loop_signal,
        actions=tuple(refused.data.recommended_actions),
        refused=refused,
    )


def run_one_phase_sync(spec_id: str, settings: RunSettings, *, progress: Progress | None = None) -> PhaseRunResult:
    """Run a phase as run_one_phase does, from code that is not async."""
    return asyncio.run(run_one_phase(spec_id, settings, progress=progress))


class _Trespassed(Exception):
    """Report a worker that made or moved what is not its own, after its step was reported as failed."""


class _PhaseRun:
    """Hold what one phase run has seen so far."""

    def __init__(
        self,
        client: ServerClient,
        run: OwnRun,
        spec_id: str,
        settings: RunSettings,
        progress: Progress,
        stop: asyncio.Event,
    ) -> None:
        self._client = client
        self._run = run
        self._spec_id = spec_id
        self._settings = settings
        self._progress = progress
        self._stop = stop
        self._isolated = False
        self._session: SessionView | None = None
        self._steps: list[EscalationStep] = []
        self._errors: Counter[ErrorCode] = Counter()

    async def run(self) -> PhaseRunResult:
        try:
            return await self._until_told()
        except Interrupted:
            return await self._paused()
        except (ServerFailed, _Trespassed) as failure:
            return self._result(str(failure))

    async def _until_told(self) -> PhaseRunResult:
        if self._stop.is_set():
            raise Interrupted
        isolation = await isolation_of(self._client)
        if isinstance(isolation, Refused):
            return self._refused(isolation)
        if isolation.asked is WorkerIsolation.REQUIRED and not isolation.holds:
            return self._result(f"{isolation.warning} {_NO_ISOLATION}")
        self._isolated = isolation.holds
        self._progress.isolation(isolation)
        answer = await start_or_attach(self._client, self._spec_id, self._run)
        if isinstance(answer, Standing):
            self._progress.attached(answer.session)
        while True:
            if isinstance(answer, Refused):
                self._progress.refused(answer)
                if self._session is None or self._gives_up(answer):
                    return self._refused(answer)
                answer = await attach(self._client, self._session.session_id, self._run)
                continue
            self._session = answer.session
            if answer.loop_signal is not None:
                return self._told(answer, answer.loop_signal)
            if self._stop.is_set():
                raise Interrupted
            answer = await self._advanced(answer)

    def _gives_up(self, refused: Refused) -> bool:
        self._errors[refused.code] += 1
        return refused.data.loop_signal is not None or self._errors[refused.code] > self._settings.repeats

    async def _advanced(self, standing: Standing) -> Standing | Refused:
        if standing.step is None:
            return await next_step(self._client, standing.session.session_id, self._run)
        began = time.monotonic()
        self._progress.step_begins(standing.step, standing.session)
        # Made for each step: what there is to protect may have changed.
        runner = StepRunner(self._client, self._settings, self._run, isolated=self._isolated)
        result = await unless_stopped(self._stop, runner.carry_out(standing.step))
        if isinstance(result, Refused):
            return result
        answer = await next_step(self._client, standing.session.session_id, self._run, result)
        if isinstance(answer, Standing):
            self._steps.append(_as_carried_out(result))
            self._progress.step_ended(standing.step, result, answer.session, time.monotonic() - began)
        if runner.trespass:
            # What lies there now would be looked at by no later step, and may loosen what holds for the next run.
            raise _Trespassed(f"{runner.trespass} {_TRESPASSED}")
        return answer

    async def _paused(self) -> PhaseRunResult:
        """Pause the session with a note of our own, by which a later run knows that it may lift the pause."""
        message = "Told to stop before a session was at hand."
        if self._session is not None:
            params = {"session_id": self._session.session_id, "note": PAUSE_NOTE}
            answer = await self._client.call(CommandName.TASK_SESSION_PAUSE, params, SessionPauseResponse)
            if isinstance(answer, Refused):
                message = f"Told to stop; the session was not paused: {answer.message}"
            else:
                self._session, message = answer.session, "Told to stop; the session is paused."
        return self._result(message, interrupted=True)

    def _told(self, standing: Standing, signal: LoopSignal) -> PhaseRunResult:
        return self._result(_reason(standing.session, signal), loop_signal=signal, answer=standing)

    def _refused(self, refused: Refused) -> PhaseRunResult:
        remedy = _HELD if refused.code is ErrorCode.SESSION_HELD else refused.data.remediation
        message = f"{refused.message} {remedy}"
        return self._result(message, loop_signal=refused.data.loop_signal, answer=refused)

    def _result(
        self,
        message: str,
        *,
        loop_signal: LoopSignal | None = None,
        answer: Standing | Refused | None = None,
        interrupted: bool = False,
    ) -> PhaseRunResult:
        refused = answer if isinstance(answer, Refused) else None
        actions = answer.actions if isinstance(answer, Standing) else ()
        return PhaseRunResult(
            spec_id=self._spec_id,
            message=message,
            loop_signal=loop_signal,
            session=self._session,
            steps=tuple(self._steps),
            actions=tuple(refused.data.recommended_actions) if refused else actions,
            refused=refused,
            interrupted=interrupted,
        )


def _reason(session: SessionView, signal: LoopSignal) -> str:
    if session.pause_reason is not MISSING:
        about = "" if session.pause_unit_id is MISSING else f" It is about {session.pause_unit_id}."
        return f"Paused for {session.pause_reason.value}: {PAUSE_REASON_INFO[session.pause_reason].description}{about}"
    if session.failure_reason is not MISSING:
        return f"Failed for {session.failure_reason.value}: {LOOP_SIGNAL_INFO[signal].description}"
    return f"The session is {session.status.value}. {LOOP_SIGNAL_INFO[signal].description}"


def _as_carried_out(result: StepResult) -> EscalationStep:
    return EscalationStep(
        step_id=result.step_id, type=result.type, unit_id=result.unit_id, outcome=result.outcome, note=result.note
    )
