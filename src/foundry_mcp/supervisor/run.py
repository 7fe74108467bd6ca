"""Phase after phase, while each ends well."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass

from foundry_contracts.vocabulary import LoopSignal, Outcome
from foundry_mcp.supervisor.client import ServerClient, connect
from foundry_mcp.supervisor.connection import ServerFailed
from foundry_mcp.supervisor.escalation import escalated
from foundry_mcp.supervisor.interrupt import stopped_by_signals
from foundry_mcp.supervisor.isolation import server_environ
from foundry_mcp.supervisor.phase import phase_of_run
from foundry_mcp.supervisor.progress import Progress
from foundry_mcp.supervisor.result import PhaseRunResult
from foundry_mcp.supervisor.run_id import OwnRun, own_run
from foundry_mcp.supervisor.settings import RunSettings

_STUCK = "Two phase runs in a row made no progress."


@dataclass(frozen=True, slots=True)
class RunResult:
    """Hold the phase runs of one run, in order; the last says how it ended."""

    phases: tuple[PhaseRunResult, ...]

    @property
    def last(self) -> PhaseRunResult:
        """Give the phase run that ended it."""
        return self.phases[-1]

    @property
    def exit_code(self) -> int:
        """Give the exit code of a process that ends with this result."""
        return self.last.exit_code


async def run(spec_id: str, settings: RunSettings, progress: Progress, *, phases: int | None = None) -> RunResult:
    """Run a spec to its end, through so many phases at most; SIGINT and SIGTERM pause it."""
    stop = asyncio.Event()
    try:
        # The signals first: while the server starts, too, a run is told to stop and not broken off.
        with stopped_by_signals(stop):
            async with connect(settings.workspace, server_environ(settings), settings.server_url) as client:
                return await _with(client, spec_id, settings, progress, stop, phases)
    except ServerFailed as failure:
        failed = PhaseRunResult(spec_id=spec_id, message=str(failure))
        return RunResult((escalated(failed, settings, progress),))


async def run_with(
    client: ServerClient, spec_id: str, settings: RunSettings, progress: Progress, *, phases: int | None = None
) -> RunResult:
    """Run a spec as `run` does, on a server that is there already."""
    stop = asyncio.Event()
    with stopped_by_signals(stop):
        return await _with(client, spec_id, settings, progress, stop, phases)


async def _with(
    client: ServerClient,
    spec_id: str,
    settings: RunSettings,
    progress: Progress,
    stop: asyncio.Event,
    phases: int | None,
) -> RunResult:
    # One id from the first phase to the last: between two of them the spec is still this run's.
    with own_run(spec_id, settings) as own:
        return await _phases(client, own, spec_id, settings, progress, stop, phases)


async def _phases(
    client: ServerClient,
    own: OwnRun,
    spec_id: str,
    settings: RunSettings,
    progress: Progress,
    stop: asyncio.Event,
    limit: int | None,
) -> RunResult:
    done: list[PhaseRunResult] = []
    while True:
        result = await phase_of_run(own, spec_id, settings, client=client, progress=progress, stop=stop)
        goes_on = result.loop_signal is LoopSignal.PHASE_COMPLETE and len(done) + 1 != limit
        if goes_on and done and not _moved(result) and not _moved(done[-1]):
            stuck = dataclasses.replace(result, loop_signal=None, message=_STUCK)
            result, goes_on = escalated(stuck, settings, progress), False
        done.append(result)
        progress.phase_ended(result)
        if not goes_on:
            return RunResult(tuple(done))


def _moved(result: PhaseRunResult) -> bool:
    return any(step.outcome is Outcome.SUCCESS for step in result.steps)


def run_sync(spec_id: str, settings: RunSettings, progress: Progress, *, phases: int | None = None) -> RunResult:
    """Run a spec as `run` does, from code that is not async."""
    return asyncio.run(run(spec_id, settings, progress, phases=phases))
