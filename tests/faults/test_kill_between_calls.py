"""The server is killed between any two calls of a run, and a new one carries on as if nothing had happened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.vocabulary import EventType, LoopSignal
from tests.driving import (
    Json,
    check,
    drive,
    next_step,
    parameters,
    spec,
    start,
    task,
    types,
)
from tests.stdio_server import StdioServer, environment

pytestmark = pytest.mark.anyio

SPEC = "a-spec"
UNITS = ([task("t2", "t1"), task("t1"), check("v1", command="true")], [task("t3")])


def place(folder: Path, *documents: Json) -> tuple[Path, dict[str, str]]:
    """Make a workspace with specs, and give it with the environment of its servers."""
    workspace = folder / "workspace"
    active = workspace / "specs" / "active"
    active.mkdir(parents=True)
    for document in documents:
        (active / f"{document['spec_id']}.json").write_text(json.dumps(document), encoding="utf-8")
    return workspace, environment(folder / "state")


class Killed(Exception):
    """Tell that the server was killed instead of being sent a call."""


class Counted:
    """Send calls to a server, kill it instead of the call numbered `fatal`, and keep the last call and its answer."""

    def __init__(self, server: StdioServer, fatal: int | None = None) -> None:
        self._server = server
        self._fatal = fatal
        self.sent = 0
        self.last: tuple[str, Json, str] | None = None

    async def __call__(self, tool: str, /, **arguments: Any) -> Json:
        if self.sent == self._fatal:
            await self._server.kill()
            raise Killed
        self.sent += 1
        text = await self._server.text(tool, **arguments)
        self.last = (tool, arguments, text)
        document: Json = json.loads(text)
        return document


async def undisturbed(folder: Path) -> tuple[int, list[str]]:
    """Drive the run with no kill; give how many calls it took, and the types of its events."""
    async with StdioServer.begin(*place(folder, spec(SPEC, *UNITS))) as server:
        counted = Counted(server)
        driven = await drive(counted, SPEC)
        return counted.sent, await types(server, driven.session_id)


@dataclass(frozen=True)
class Survived:
    """Hold how a run ended that was killed, whether a report was answered with the same bytes, and its events."""

    signal: str
    same: bool
    types: list[str]


async def carried_on(server: StdioServer, spec_id: str, last: tuple[str, Json, str] | None) -> Survived:
    """Send the last report again, if the last call was one, and drive the run to its end."""
    same = True
    if last is not None and last[1].get("command") == "report":
        tool, arguments, text = last
        same = await server.text(tool, **arguments) == text
    driven = await drive(server, spec_id)
    return Survived(driven.last["loop_signal"], same, await types(server, driven.session_id))


async def killed_one_by_one(folder: Path, fatals: Sequence[int]) -> dict[int, Survived]:
    """Drive one spec for each fatal call; each server carries on what the one before it was killed in."""
    workspace, environ = place(folder, *(spec(f"{SPEC}-{fatal}", *UNITS) for fatal in fatals))
    survived: dict[int, Survived] = {}
    before: Counted | None = None
    for position, fatal in enumerate([*fatals, None]):
        async with StdioServer.begin(workspace, environ) as server:
            if before is not None:
                last = fatals[position - 1]
                survived[last] = await carried_on(server, f"{SPEC}-{last}", before.last)
            if fatal is not None:
                before = Counted(server, fatal)
                with pytest.raises(Killed):
                    await drive(before, f"{SPEC}-{fatal}")
    return survived


async def test_a_run_survives_a_kill_between_any_two_of_its_calls(tmp_path: Path) -> None:
    calls, expected = await undisturbed(tmp_path / "undisturbed")
    assert calls > 15
    # Two at a time: starting a server takes a processor most of a second.
    odd, even = await asyncio.gather(
        killed_one_by_one(tmp_path / "odd", range(1, calls, 2)),
        killed_one_by_one(tmp_path / "even", range(0, calls, 2)),
    )
    assert odd | even == dict.fromkeys(range(calls), Survived(LoopSignal.SPEC_COMPLETE, True, expected))


async def test_a_report_whose_answer_was_lost_with_its_server_is_recorded_once(tmp_path: Path) -> None:
    workspace, environ = place(tmp_path, spec(SPEC, *UNITS))
    async with StdioServer.begin(workspace, environ) as first:
        session_id = await start(first, SPEC)
        arguments = parameters((await next_step(first, session_id))["step"]["report_call"])
        # Its answer is not read: whether the kill comes before or after it was recorded, nobody knows.
        await first.send("task", **arguments)
        await first.kill()
    async with StdioServer.begin(workspace, environ) as second:
        text = await second.text("task", **arguments)
        assert json.loads(text)["success"]
        assert await second.text("task", **arguments) == text
        assert (await types(second, session_id)).count(EventType.STEP_REPORTED) == 1
