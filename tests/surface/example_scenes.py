"""The world in which each example of the contracts is played: what was done before it, and what is then sent.

Ids, clock and key are known beforehand, so an answer comes out the same on every machine, to the last digit.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    NodeStatus,
    ReasonCode,
    Role,
    SettingSource,
    SpecFolder,
    UnitState,
    Verdict,
)
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.machine.settings import Layer, Said, resolve, shown
from foundry_mcp.ports import Review
from tests.driving import Json, accepted, check, next_step, nothing, refused, report, result_of, run, spec, start, task
from tests.in_process import InProcess
from tests.scenes import done, of
from tests.surface.known_key import KnownKey
from tests.tampering import HARMS

SPEC = "greeter-2026-11-24-001"
BEGUN = "2026-11-24T09:00:00.000Z"
FIVE_MINUTES_ON = "2026-11-24T09:05:00.000Z"
GREETER: Json = spec(
    SPEC,
    [
        task("task-1-1", title="Write greet()", file_path="greeter.py"),
        task("task-1-2", "task-1-1", title="Write its tests", file_path="test_greeter.py"),
    ],
    [
        check("verify-2-1", command="python -m pytest -q"),
        task("task-2-1", title="Greet by name", file_path="greeter.py"),
    ],
    [task("task-3-1", title="Say how to start", file_path="README.md"), check("verify-3-1")],
) | {"title": "A greeter"}
for _phase, _title in zip(GREETER["phases"], ("Say hello", "Prove it", "Tell others"), strict=True):
    _phase["title"] = _title

Scene = Callable[[InProcess], Awaitable[Json]]


class KnownIds:
    """Give ids that look like real ones and count up from the same one in every world."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def fresh(self, prefix: str) -> str:
        self._counts[prefix] += 1
        return f"{prefix}_01jdf3k2m4n5p6q7r8s9t0v{self._counts[prefix]:03d}"


@dataclass(frozen=True)
class Played:
    """Hold an example as it was played: its role, the whole call and the whole answer."""

    command: CommandName
    title: str
    role: Role
    request: Json
    answer: Json

    def line(self) -> Json:
        """Give it as a line of a transcript."""
        arguments = of(self.command, **self.request)
        return {"role": self.role, "tool": COMMANDS[self.command].tool, "arguments": arguments, "answer": self.answer}


def world(folder: Path, **settings: Any) -> InProcess:
    """Give a server whose every answer is known beforehand."""
    key = KnownKey()
    store = SqliteStore(folder / "state" / "store.sqlite3", key.mac)
    call = InProcess(folder, GREETER, store=store, signer=key, allow_gate_waiver=True, **settings)
    call.ids, call.clock.time = KnownIds(), BEGUN  # type: ignore[assignment]
    call.restart()
    return call


async def play(call: InProcess, command: CommandName, title: str) -> Played:
    """Play an example."""
    request = await SCENES[command, title](call)
    entry = COMMANDS[command]
    role = Role.MAINTAINER if entry.role is Role.MAINTAINER else Role.AUTONOMY_RUNNER
    answer = (await call.answer(entry.tool, role, **of(command, **request))).document
    return Played(command, title, role, request, dict(answer))


def sends(**request: Any) -> Scene:
    """Give a scene in which nothing was done before."""

    async def scene(_call: InProcess) -> Json:
        return request

    return scene


def after_steps(steps: int, **more: Any) -> Scene:
    """Give a scene in which a session was started and so many steps were done well."""

    async def scene(call: InProcess) -> Json:
        session_id = await start(call, SPEC)
        await done(call, session_id, steps)
        return {"session_id": session_id, **more}

    return scene


def of_spec_after(steps: int, **more: Any) -> Scene:
    """Give the same, asked for by the spec."""

    async def scene(call: InProcess) -> Json:
        await after_steps(steps)(call)
        return {"spec_id": SPEC, **more}

    return scene


async def _with_a_step_out(call: InProcess) -> Json:
    session_id = await start(call, SPEC)
    await next_step(call, session_id)
    return {"session_id": session_id}


async def _told(call: InProcess) -> Json:
    # A few are enough to read; a real server tells all.
    few = ("posture.profile", "session_defaults.max_tasks", "server.actor")
    said = {"session_defaults.max_tasks": Said(50, "/home/me/.config/foundry-mcp/config.toml")}
    call.shown = [told for told in shown(resolve([Layer(SettingSource.USER, said)])) if told.name in few]
    call.restart()
    return {}


async def _listed(call: InProcess) -> Json:
    await start(call, SPEC)
    return {}


async def _alive(call: InProcess) -> Json:
    request = await _with_a_step_out(call)
    call.clock.time = FIVE_MINUTES_ON
    return request


async def _reported(call: InProcess) -> Json:
    session_id = await start(call, SPEC)
    result = await result_of(call, (await next_step(call, session_id))["step"], nothing)
    return {"session_id": session_id, "result": {**result, "files_touched": ["greeter.py"]}}


async def _phase_done(call: InProcess) -> Json:
    session_id = await start(call, SPEC)
    await done(call, session_id, 3)
    await next_step(call, session_id)
    return {"session_id": session_id}


async def _tampered_with(call: InProcess) -> Json:
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    edited = next(harm for harm in HARMS if harm.name == "an edited payload")
    edited.do(call.workspace.parent / "state" / "store.sqlite3", session_id)
    call.restart()
    return {"session_id": session_id}


async def _to_be_reset(call: InProcess) -> Json:
    return {**await _tampered_with(call), "reason": ReasonCode.CORRUPT_STATE}


async def _with_a_new_task(call: InProcess) -> Json:
    session_id = await start(call, SPEC)
    await done(call, session_id)
    changed = json.loads(json.dumps(GREETER))
    changed["phases"][0]["tasks"].append(task("task-1-3", title="Greet in colour"))
    call.spec_file(SPEC).write_text(json.dumps(changed), encoding="utf-8")
    await next_step(call, session_id)
    return {"session_id": session_id}


async def _under_other_limits(call: InProcess) -> Json:
    session_id = await start(call, SPEC)
    call.settings = call.settings.model_copy(update={"max_tasks": 200})
    call.restart()
    return {"session_id": session_id}


async def _gate_failed(call: InProcess) -> Json:
    call.reviewer.reviews = [Review(Verdict.FAIL)]
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    gate = (await next_step(call, session_id))["step"]
    await report(call, session_id, await result_of(call, gate, nothing))
    return {"session_id": session_id, "phase_id": "phase-1", "reason": ReasonCode.OPERATOR_OVERRIDE}


async def _gate_out(call: InProcess) -> Json:
    session_id = await start(call, SPEC)
    await done(call, session_id, 2)
    return {"session_id": session_id, "step_id": (await next_step(call, session_id))["step"]["step_id"]}


async def _verification_run(call: InProcess) -> Json:
    session = await _phase_done(call)
    await accepted(call, "task", **of(CommandName.TASK_SESSION_RESUME, **session))
    await done(call, session["session_id"])
    step = (await next_step(call, **session))["step"]
    await run(call, step)
    return {**session, "step_id": step["step_id"]}


async def _blocked(call: InProcess) -> Json:
    session_id = await start(call, SPEC)
    unit = {"session_id": session_id, "unit_id": "task-1-2"}
    await accepted(call, "task", **of(CommandName.TASK_BLOCK, **unit, reason="The account is not there yet."))
    return unit


NAME = CommandName
BLOCKED = {"unit_id": "task-1-2", "reason": "The account is not there yet."}


async def _denied(call: InProcess) -> Json:
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
    await refused(call.observer, ErrorCode.UNAUTHORIZED, "task", **begin)
    return {}


SCENES: dict[tuple[CommandName, str], Scene] = {
    (NAME.TASK_SESSION_START, "Start a run"): sends(spec_id=SPEC),
    (NAME.TASK_SESSION_START, "There is no such spec"): sends(spec_id="no-such-spec"),
    (NAME.TASK_SESSION_STATUS, "A phase is done"): _phase_done,
    (NAME.TASK_SESSION_STATUS, "A log that was tampered with"): _tampered_with,
    (NAME.TASK_SESSION_PAUSE, "Pause for the night"): after_steps(1, note="Off for the night."),
    (NAME.TASK_SESSION_RESUME, "On into the next phase"): _phase_done,
    (NAME.TASK_SESSION_END, "End a stuck run"): after_steps(1, reason=ReasonCode.STUCK_AGENT),
    (NAME.TASK_SESSION_LIST, "All of them"): _listed,
    (NAME.TASK_SESSION_REBASE, "A task was added"): _with_a_new_task,
    (NAME.TASK_SESSION_RESET, "Start from nothing"): _to_be_reset,
    (NAME.TASK_SESSION_ACCEPT_POLICY, "The limits were raised"): _under_other_limits,
    (NAME.TASK_SESSION_CHECKPOINT, "Of the log so far"): after_steps(2),
    (NAME.TASK_SESSION_STEP_NEXT, "The first step"): after_steps(0),
    (NAME.TASK_SESSION_STEP_REPORT, "A task is done"): _reported,
    (NAME.TASK_SESSION_STEP_REPLAY, "After a restart"): _with_a_step_out,
    (NAME.TASK_SESSION_STEP_HEARTBEAT, "Alive"): _alive,
    (NAME.TASK_SESSION_EVENTS, "From the beginning"): after_steps(1, limit=2),
    (NAME.TASK_GATE_WAIVER, "A known false alarm"): _gate_failed,
    (NAME.TASK_BLOCK, "Waiting for access"): after_steps(0, **BLOCKED),
    (NAME.TASK_UNBLOCK, "Access is there"): _blocked,
    (NAME.TASK_INFO, "A done task"): of_spec_after(1, unit_id="task-1-1"),
    (NAME.TASK_LIST, "What is done"): of_spec_after(1, state=UnitState.DONE),
    (NAME.TASK_PROGRESS, "Half way through a phase"): of_spec_after(1),
    (NAME.TASK_UPDATE_STATUS, "Mark it done"): sends(spec_id=SPEC, node_id="task-1-1", status=NodeStatus.COMPLETED),
    (NAME.SPEC_FIND, "By a word"): sends(query="greet"),
    (NAME.SPEC_GET, "No such spec"): sends(spec_id="no-such-spec"),
    (NAME.SPEC_LIST, "The active ones"): sends(folder=SpecFolder.ACTIVE),
    (NAME.SPEC_PLAN, "The first step"): sends(spec_id=SPEC, limit=1),
    (NAME.SPEC_VALIDATE, "A good spec"): sends(spec_id=SPEC),
    (NAME.VERIFICATION_EXECUTE, "It passed"): _verification_run,
    (NAME.REVIEW_FIDELITY_GATE, "A pass"): _gate_out,
    (NAME.SERVER_CAPABILITIES, "Ask"): sends(),
    (NAME.SERVER_CONFIG, "Ask"): _told,
    (NAME.SERVER_EVENTS, "A denied start"): _denied,
}
