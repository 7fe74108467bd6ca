"""Runs that are stopped, by a word or by force, and those that go on from there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import dataclass, field

import pytest

from foundry_contracts.models.formats_session import SessionView, Step
from foundry_contracts.models.task_session_pause import SessionPauseResponse
from foundry_contracts.models.task_session_start import SessionStartResponse
from foundry_contracts.vocabulary import CommandName, LoopSignal, PauseReason
from foundry_mcp.supervisor import PhaseRunResult, run_one_phase
from foundry_mcp.supervisor.client import Refused, connect
from foundry_mcp.supervisor.progress import Silent
from tests.driving import check, task
from tests.supervisor.lab import BLOCK_ONCE, SUCCEED, Lab, worker_process


def test_a_run_that_is_told_to_stop_ends_its_worker_and_pauses_and_the_next_run_goes_on(lab: Lab) -> None:
    lab.plan("long", [task("a"), check("b", command="true")])
    run = lab.begin("long", BLOCK_ONCE)
    worker = worker_process(run)
    run.send_signal(signal.SIGINT)
    out, _ = run.communicate(timeout=20)
    last = json.loads(out.splitlines()[-1])
    assert (run.returncode, last["interrupted"]) == (130, True)
    assert last["message"] == "Told to stop; the session is paused."
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert not lab.packets.exists()
    assert lab.run("long", BLOCK_ONCE).last.loop_signal is LoopSignal.SPEC_COMPLETE


@dataclass
class StopAtOnce(Silent):
    """Tell a run to stop as soon as its first step is being carried out."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def step_begins(self, step: Step, session: SessionView) -> None:
        asyncio.get_running_loop().call_later(0, self.stop.set)


def test_a_run_that_is_stopped_while_the_server_verifies_goes_on_from_there(lab: Lab) -> None:
    lab.plan("slow", [check("b", command="sh -c 'test -f go || exec sleep 60'")])

    async def stopped() -> PhaseRunResult:
        progress = StopAtOnce()
        return await run_one_phase("slow", lab.settings(SUCCEED), progress=progress, stop=progress.stop)

    result = asyncio.run(stopped())
    assert (result.interrupted, result.exit_code, result.steps) == (True, 130, ())
    (lab.workspace / "go").touch()
    assert lab.run("slow").last.loop_signal is LoopSignal.SPEC_COMPLETE


def test_a_run_whose_supervisor_was_killed_is_taken_up_by_the_next(lab: Lab) -> None:
    lab.plan("killed", [task("a")], [task("b")])
    run = lab.begin("killed", BLOCK_ONCE)
    worker = worker_process(run)
    run.kill()
    # Nobody is left to end the worker, and it holds the pipes.
    os.kill(worker, signal.SIGKILL)
    run.communicate(timeout=20)
    result = lab.run("killed", BLOCK_ONCE)
    assert [phase.loop_signal for phase in result.phases] == [LoopSignal.PHASE_COMPLETE, LoopSignal.SPEC_COMPLETE]
    assert next(step.unit_id for step in result.phases[0].steps) == "a"


def test_a_pause_by_somebody_else_is_not_lifted(lab: Lab) -> None:
    lab.plan("paused", [task("a")])
    asyncio.run(_pause(lab, "paused"))
    result = lab.run("paused").last
    assert (result.loop_signal, result.steps) == (LoopSignal.PAUSED_NEEDS_ATTENTION, ())
    assert lab.packet()["session"]["pause_reason"] == PauseReason.USER


async def _pause(lab: Lab, spec_id: str) -> None:
    async with connect(lab.workspace, lab.environ()) as client:
        started = await client.call(CommandName.TASK_SESSION_START, {"spec_id": spec_id}, SessionStartResponse)
        assert not isinstance(started, Refused)
        params = {"session_id": started.session.session_id, "note": "Lunch."}
        assert not isinstance(await client.call(CommandName.TASK_SESSION_PAUSE, params, SessionPauseResponse), Refused)
