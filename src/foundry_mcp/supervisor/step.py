"""Carrying out one step: by the worker, or by having the server run what only it may vouch for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from pydantic_core import MISSING

from foundry_contracts.models.formats_session import Step, StepResult
from foundry_contracts.models.formats_worker import WorkerTask
from foundry_contracts.models.review_fidelity_gate import ReviewFidelityGateResponse
from foundry_contracts.models.task_session_step_heartbeat import SessionStepHeartbeatResponse
from foundry_contracts.models.verification_execute import VerificationExecuteResponse
from foundry_contracts.vocabulary import CommandName, Outcome, RunState, StepType
from foundry_mcp.supervisor.absent import or_absent
from foundry_mcp.supervisor.client import Refused, ServerClient
from foundry_mcp.supervisor.isolation import grounds_of, watched_places
from foundry_mcp.supervisor.run_id import OwnRun
from foundry_mcp.supervisor.settings import RunSettings
from foundry_mcp.supervisor.worker import Worker

R = TypeVar("R", VerificationExecuteResponse, ReviewFidelityGateResponse)


class StepRunner:
    """Carry out steps of any type."""

    def __init__(self, client: ServerClient, settings: RunSettings, run: OwnRun, *, isolated: bool) -> None:
        self._client = client
        self._run_id = run.run_id
        self._settings = settings
        self._worker = Worker(
            settings.worker,
            settings.workspace,
            timeout_s=settings.worker_timeout_s,
            environ=settings.environ,
            grounds=grounds_of(settings) if isolated else None,
            watched=watched_places(settings) if isolated else None,
        )

    @property
    def trespass(self) -> str:
        """Say what a worker made or moved that is not its own; empty where it did not."""
        return self._worker.trespass

    async def carry_out(self, step: Step) -> StepResult | Refused:
        """Do what a step asks for and give the result to report."""
        # A step that names no call to send is work, a check to be made by hand among it.
        if step.run_call is MISSING:
            return await self._with_worker(step)
        if step.type is StepType.EXECUTE_VERIFICATION:
            return await self._verified(step)
        return await self._reviewed(step)

    async def _with_worker(self, step: Step) -> StepResult:
        task = WorkerTask(workspace=str(self._settings.workspace), step=step)
        async with heartbeats(self._client, step.session_id, self._run_id, self._settings.heartbeat_s):
            result = await self._worker.work(task)
        report = _result(step, result.outcome)
        return report.model_copy(update={"note": result.note, "files_touched": result.files_touched})

    async def _verified(self, step: Step) -> StepResult | Refused:
        run = await self._run(CommandName.VERIFICATION_EXECUTE, step, VerificationExecuteResponse)
        if isinstance(run, Refused):
            return run
        return _result(step, Outcome.SUCCESS if run.passed is True else Outcome.FAILURE, run.attempt_id)

    async def _reviewed(self, step: Step) -> StepResult | Refused:
        run = await self._run(CommandName.REVIEW_FIDELITY_GATE, step, ReviewFidelityGateResponse)
        if isinstance(run, Refused):
            return run
        return _result(step, Outcome.SUCCESS if run.passed is True else Outcome.FAILURE, run.attempt_id)

    async def _run(self, name: CommandName, step: Step, model: type[R]) -> R | Refused:
        params = {"session_id": step.session_id, "step_id": step.step_id, "run_id": self._run_id}
        while True:
            answer = await self._client.call(name, params, model)
            if isinstance(answer, Refused) or answer.state is RunState.FINISHED:
                return answer


def _result(step: Step, outcome: Outcome, attempt_id: str | None = None) -> StepResult:
    return StepResult(
        step_id=step.step_id,
        type=step.type,
        phase_id=step.phase_id,
        unit_id=MISSING if step.unit is MISSING else step.unit.id,
        proof=step.proof,
        outcome=outcome,
        attempt_id=or_absent(attempt_id),
    )


@asynccontextmanager
async def heartbeats(client: ServerClient, session_id: str, run_id: str, every_s: float) -> AsyncIterator[None]:
    """Tell the server every so often, while a block runs, that the run is alive."""
    beating = asyncio.create_task(_beat(client, session_id, run_id, every_s))
    try:
        yield
    finally:
        beating.cancel()
        # A server that is gone is met by the next call, which can say so.
        await asyncio.gather(beating, return_exceptions=True)


async def _beat(client: ServerClient, session_id: str, run_id: str, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        params = {"session_id": session_id, "run_id": run_id}
        await client.call(CommandName.TASK_SESSION_STEP_HEARTBEAT, params, SessionStepHeartbeatResponse)
