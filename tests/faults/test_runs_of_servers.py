"""A run belongs to the server that began it: it ends when that is killed, and no other server runs it beside it."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import time
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import EventType, LoopSignal, RunState, SandboxGuard, SandboxKind, StepType
from tests.adapters.sandboxes import STRAY, Pipe, kinds_that, need, pipe_in
from tests.driving import (
    Json,
    accepted,
    check,
    drive,
    events,
    next_step,
    nothing,
    parameters,
    report,
    result_of,
    run,
    spec,
    start,
    task,
    types,
)
from tests.outside import user_config
from tests.stdio_server import StdioServer, environment

pytestmark = pytest.mark.anyio

SPEC = "a-spec"

# Says that it was begun, and runs until it is let go.
HELD = """
import os, pathlib
with open("begun", "a") as begun:
    begun.write("once ")
pipe = os.open("alive", os.O_WRONLY)
os.write(pipe, b"up")
pathlib.Path("hold").open().close()
"""
# Leaves a stray behind and stays the first time, and ends well every other time.
FIRST_TIME = f"import os, sys\nif os.path.exists('up'):\n    sys.exit(0)\n{STRAY}"


def place(folder: Path, program: str, **settings: str) -> tuple[Path, dict[str, str]]:
    """Make a workspace whose one check is a program, and give it with the environment of its servers."""
    workspace = folder / "workspace"
    active = workspace / "specs" / "active"
    active.mkdir(parents=True)
    command = f"{shlex.quote(sys.executable)} program.py lets-go-of 60"
    active.joinpath(f"{SPEC}.json").write_text(json.dumps(spec(SPEC, [task("t1"), check("v1", command=command)])))
    (workspace / "program.py").write_text(program, encoding="utf-8")
    (folder / "temporary").mkdir()
    return workspace, environment(folder / "state", TMPDIR=str(folder / "temporary"), **settings)


async def begun(server: StdioServer, pipe: Pipe) -> tuple[str, Json, str]:
    """Bring a session to its check, begin that and see it at work; give the session, the step and the attempt."""
    session_id = await start(server, SPEC)
    step = (await next_step(server, session_id))["step"]
    await report(server, session_id, await result_of(server, step, nothing))
    step = (await next_step(server, session_id))["step"]
    assert step["type"] == StepType.EXECUTE_VERIFICATION
    running = await accepted(server, "verification", **parameters(step["run_call"]), wait_ms=0)
    assert running["state"] == RunState.RUNNING
    assert await asyncio.to_thread(pipe.wait_for_word)
    return session_id, step, running["attempt_id"]


@pytest.mark.parametrize("kind", kinds_that(SandboxGuard.ENDS_WITH_SERVER, SandboxGuard.DESCENDANTS_ENDED))
async def test_a_run_and_its_strays_end_with_a_killed_server_and_it_is_run_again(
    kind: SandboxKind, tmp_path: Path
) -> None:
    need(kind)
    workspace, environ = place(tmp_path, FIRST_TIME)
    user_config(tmp_path, f'[verification]\nsandbox = "{kind}"\n')
    with pipe_in(workspace) as pipe:
        async with StdioServer.begin(workspace, environ) as first:
            session_id, step, attempt_id = await begun(first, pipe)
            await first.kill()
        assert pipe.is_let_go()
        assert left_behind(tmp_path / "temporary") == []
    async with StdioServer.begin(workspace, environ) as second:
        ended = await run(second, step)
        assert ended["passed"]
        assert ended["attempt_id"] != attempt_id
        assert (await drive(second, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE
        assert (await types(second, session_id))[4:9] == [
            EventType.VERIFICATION_STARTED,
            EventType.RUN_INTERRUPTED,
            EventType.VERIFICATION_STARTED,
            EventType.VERIFICATION_FINISHED,
            EventType.STEP_REPORTED,
        ]


def left_behind(folder: Path) -> list[Path]:
    """List what is in a folder, once it is empty or after some time."""
    deadline = time.monotonic() + 5
    while (found := list(folder.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


async def test_a_second_server_joins_the_run_of_the_first(tmp_path: Path) -> None:
    workspace, environ = place(tmp_path, HELD)
    os.mkfifo(workspace / "hold")
    with pipe_in(workspace) as pipe:
        async with StdioServer.begin(workspace, environ) as first, StdioServer.begin(workspace, environ) as second:
            session_id, step, attempt_id = await begun(first, pipe)
            call = parameters(step["run_call"])
            joined = await accepted(second, "verification", **call, wait_ms=300)
            assert (joined["state"], joined["attempt_id"]) == (RunState.RUNNING, attempt_id)
            waiting = asyncio.create_task(accepted(second, "verification", **call, wait_ms=20_000))
            await asyncio.to_thread(let_go, workspace)
            ended = await waiting
            assert (ended["passed"], ended["attempt_id"]) == (True, attempt_id)
            assert await accepted(first, "verification", **call) == ended
            kinds = await types(second, session_id)
            assert kinds.count(EventType.VERIFICATION_STARTED) == kinds.count(EventType.VERIFICATION_FINISHED) == 1
            assert EventType.RUN_INTERRUPTED not in kinds
            assert (workspace / "begun").read_text() == "once "
            assert (await drive(second, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def test_a_server_that_waits_takes_over_when_the_other_is_killed(tmp_path: Path) -> None:
    workspace, environ = place(tmp_path, HELD)
    os.mkfifo(workspace / "hold")
    with pipe_in(workspace) as pipe:
        async with StdioServer.begin(workspace, environ) as first, StdioServer.begin(workspace, environ) as second:
            session_id, step, attempt_id = await begun(first, pipe)
            call = parameters(step["run_call"])
            waiting = asyncio.create_task(accepted(second, "verification", **call, wait_ms=20_000))
            # So that it waits already, as far as that can be known.
            await asyncio.sleep(0.3)
            await first.kill()
            assert await asyncio.to_thread(pipe.wait_for_word)
            await asyncio.to_thread(let_go, workspace)
            ended = await waiting
            assert ended["passed"]
            assert ended["attempt_id"] != attempt_id
            ends = [event["payload"] for event in await events(second, session_id)]
            assert {"attempt_id": attempt_id} in ends
            assert (workspace / "begun").read_text() == "once once "


def let_go(workspace: Path) -> None:
    """End the program that waits; opening a pipe waits for its reader."""
    os.close(os.open(workspace / "hold", os.O_WRONLY))
