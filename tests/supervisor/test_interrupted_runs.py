"""Runs that are stopped, by a word or by force, and those that go on from there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

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
    lab.unisolated()
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
    lab.unisolated()
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


# Kill the server that the supervisor, the worker's parent, has started.
KILL_SERVER = """
for entry in pathlib.Path("/proc").iterdir():
    if entry.name.isdigit():
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            words = (entry / "cmdline").read_bytes().split(b"\\0")
        except OSError:
            continue
        if int(parent) == os.getppid() and b"serve" in words:
            os.kill(int(entry.name), signal.SIGKILL)
answer(outcome="success")
"""


def test_a_server_that_is_killed_under_a_run_is_started_again_and_no_step_is_done_twice(lab: Lab) -> None:
    lab.unisolated()
    lab.plan("shot", [task("a"), task("b"), check("c", command="true")])
    result = lab.run("shot", KILL_SERVER)
    assert result.last.loop_signal is LoopSignal.SPEC_COMPLETE
    assert [step.unit_id for step in result.last.steps[:3]] == ["a", "b", "c"]


def test_a_run_told_to_stop_while_its_server_starts_stops_in_good_order(lab: Lab) -> None:
    lab.plan("early", [task("a")])
    run = lab.begin("early", BLOCK_ONCE)
    # The signals are taken before the server is started, whose process is the sign that they are.
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
    while not children.read_text():
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    out, said = run.communicate(timeout=20)
    assert (run.returncode, json.loads(out.splitlines()[-1])["interrupted"]) == (130, True)
    assert "Traceback" not in said
    assert not (lab.workspace / "begun").exists()
