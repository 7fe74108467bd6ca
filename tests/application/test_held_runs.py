"""A run is held by its server from before its start is recorded until after its end is; only what is held is run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.models.formats_plan import CommandLine
from foundry_contracts.vocabulary import ErrorCode, EventType, RunState, StepType
from foundry_mcp.ports import Batch, Head, PortError, RunResult, StoreBusy, StoreUnavailable, VersionConflict
from tests.driving import (
    Json,
    accepted,
    check,
    next_step,
    nothing,
    parameters,
    report,
    result_of,
    spec,
    start,
    task,
    types,
)
from tests.driving import (
    refused as refused_with,
)
from tests.in_process import InProcess

pytestmark = pytest.mark.anyio

SPEC = "a-spec"


async def at_its_check(folder: Path) -> tuple[InProcess, str, Json]:
    """Give a world whose session has its check out, with the call that runs it."""
    world = InProcess(folder, spec(SPEC, [task("t1"), check("v1", command="true")]))
    session_id = await start(world, SPEC)
    step = (await next_step(world, session_id))["step"]
    await report(world, session_id, await result_of(world, step, nothing))
    step = (await next_step(world, session_id))["step"]
    assert step["type"] == StepType.EXECUTE_VERIFICATION
    return world, session_id, parameters(step["run_call"])


class Gate:
    """Hold every command back until it is opened."""

    def __init__(self, world: InProcess) -> None:
        self._runner = world.runner
        self.opened = asyncio.Event()

    async def run(self, command: CommandLine) -> RunResult:
        await self.opened.wait()
        return await self._runner.run(command)


async def held_back(folder: Path) -> tuple[InProcess, str, Json, Gate]:
    world, session_id, call = await at_its_check(folder)
    gate = Gate(world)
    world.runner = gate  # type: ignore[assignment]
    world.restart()
    return world, session_id, call, gate


async def test_a_run_is_held_while_it_is_under_way_and_not_after(tmp_path: Path) -> None:
    world, _, call, gate = await held_back(tmp_path)
    running = await accepted(world, "verification", **call, wait_ms=0)
    assert world.leases.held == {running["attempt_id"]}
    gate.opened.set()
    assert (await accepted(world, "verification", **call))["passed"]
    assert world.leases.held == set()


async def test_a_run_whose_start_could_not_be_recorded_is_not_held(tmp_path: Path) -> None:
    world, session_id, call = await at_its_check(tmp_path)
    append = world.store.append
    refused: list[set[str]] = []

    def busy(batch: Batch) -> Head:
        if not refused:
            refused.append(set(world.leases.held))
            raise VersionConflict
        return append(batch)

    world.store.append = busy  # type: ignore[method-assign]
    ended = await accepted(world, "verification", **call)
    assert len(refused[0]) == 1
    assert refused[0] != {ended["attempt_id"]}
    assert world.leases.held == set()
    assert (await types(world, session_id)).count(EventType.VERIFICATION_STARTED) == 1


async def test_a_run_that_another_server_holds_is_joined_and_not_run(tmp_path: Path) -> None:
    world, session_id, call, gate = await held_back(tmp_path)
    running = await accepted(world, "verification", **call, wait_ms=0)
    other = world.fork()
    other.store = world.store
    other.runner = Forbidden()  # type: ignore[assignment]
    other.restart()
    other.leases.held = world.leases.held
    assert await accepted(other, "verification", **call, wait_ms=150) == running
    waiting = asyncio.create_task(accepted(other, "verification", **call, wait_ms=10_000))
    await asyncio.sleep(0)
    gate.opened.set()
    assert (await waiting)["state"] == RunState.FINISHED
    assert EventType.RUN_INTERRUPTED not in await types(world, session_id)


def failing_to_record(world: InProcess, problem: PortError, often: int) -> list[Batch]:
    """Have a run's end not be recorded so often, and give what was refused."""
    append = world.store.append
    refused: list[Batch] = []

    def failing(batch: Batch) -> Head:
        if batch.events[0].type is EventType.VERIFICATION_FINISHED and len(refused) < often:
            refused.append(batch)
            raise problem
        return append(batch)

    world.store.append = failing  # type: ignore[method-assign]
    return refused


async def test_a_run_whose_end_could_not_be_recorded_is_told_of_and_not_made_over_and_over(tmp_path: Path) -> None:
    world, session_id, call = await at_its_check(tmp_path)
    refused = failing_to_record(world, StoreUnavailable("The disk is full.", ""), often=1)
    data = await refused_with(world, ErrorCode.STORE_UNAVAILABLE, "verification", **call)
    assert (len(world.runner.ran), len(refused), data["retryable"]) == (1, 1, False)
    assert (await accepted(world, "verification", **call))["passed"]
    assert (await types(world, session_id)).count(EventType.RUN_INTERRUPTED) == 1


async def test_what_a_run_came_to_is_recorded_once_the_store_is_no_longer_busy(tmp_path: Path) -> None:
    world, session_id, call = await at_its_check(tmp_path)
    refused = failing_to_record(world, StoreBusy("Locked.", ""), often=2)
    assert (await accepted(world, "verification", **call))["passed"]
    assert (len(world.runner.ran), len(refused)) == (1, 2)
    assert (await types(world, session_id)).count(EventType.RUN_INTERRUPTED) == 0


class Forbidden:
    """Fail the test that runs anything."""

    async def run(self, command: CommandLine) -> RunResult:
        raise AssertionError(f"{command.argv} is another server's to run")


async def test_a_run_that_nobody_holds_any_more_begins_again_in_the_call_that_waits(tmp_path: Path) -> None:
    world, session_id, call, _ = await held_back(tmp_path)
    lost = await accepted(world, "verification", **call, wait_ms=0)
    other = world.fork()
    other.store = world.store
    other.runner = InProcess(tmp_path / "other").runner
    other.restart()
    other.leases.held = set(world.leases.held)
    waiting = asyncio.create_task(accepted(other, "verification", **call, wait_ms=10_000))
    await asyncio.sleep(0.01)
    other.leases.held.clear()
    ended: dict[str, Any] = await waiting
    assert ended["state"] == RunState.FINISHED
    assert ended["attempt_id"] != lost["attempt_id"]
    assert EventType.RUN_INTERRUPTED in await types(other, session_id)
    await world.application.close()
