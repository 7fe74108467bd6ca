"""Specs of few words, and an agent that drives a session through any way of calling the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from foundry_contracts.vocabulary import ErrorCode, LoopSignal, Outcome, RunState, StepType, Verdict

Json = dict[str, Any]
Work = Callable[[Json], None]


class Call(Protocol):
    """Send a call to a tool, and give its envelope."""

    def __call__(self, tool: str, /, **arguments: Any) -> Awaitable[Json]:
        """Send it."""


def task(name: str, *after: str, **more: Any) -> Json:
    """Describe a task that comes after others."""
    return {"id": name, "type": "task", "title": f"Do {name}", "dependencies": {"blocked_by": list(after)}, **more}


def check(name: str, *after: str, command: str = "") -> Json:
    """Describe a verification: by its command, else by hand."""
    metadata = {"verification_type": "auto" if command else "manual", "command": command}
    return {"id": name, "type": "verify", "title": f"Check {name}", "metadata": metadata} | (
        {"dependencies": {"blocked_by": list(after)}} if after else {}
    )


def spec(spec_id: str, *phases: list[Json]) -> Json:
    """Describe a spec by the units of its phases."""
    return {
        "spec_id": spec_id,
        "title": f"The spec {spec_id}",
        "phases": [
            {"id": f"phase-{number}", "title": f"Phase {number}", "tasks": units}
            for number, units in enumerate(phases, start=1)
        ],
    }


def parameters(call: Json) -> Json:
    """Give the arguments of a call that a reply offers, ready to send."""
    command = {"command": call["command"]} if "command" in call else {}
    return {"action": call["action"], **command, **call["params"]}


async def accepted(call: Call, tool: str, /, **arguments: Any) -> Json:
    """Send a call that has to go through, and give its data."""
    answer = await call(tool, **arguments)
    assert answer["success"], answer
    data: Json = answer["data"]
    return data


async def refused(call: Call, code: ErrorCode, tool: str, /, **arguments: Any) -> Json:
    """Send a call that has to be refused with this code, and give the data."""
    answer = await call(tool, **arguments)
    assert (answer["success"], answer["data"].get("error_code")) == (False, code), answer
    data: Json = answer["data"]
    return data


async def start(call: Call, spec_id: str, **more: Any) -> str:
    """Start a session, and give its id."""
    data = await accepted(call, "task", action="session", command="start", spec_id=spec_id, **more)
    session_id: str = data["session"]["session_id"]
    return session_id


async def next_step(call: Call, session_id: str, result: Json | None = None) -> Json:
    """Take the next step, with the last one's result where one is given, and give the answer's data."""
    more = {} if result is None else {"last_step_result": result}
    return await accepted(call, "task", action="session-step", command="next", session_id=session_id, **more)


async def report(call: Call, session_id: str, result: Json) -> Json:
    """Report a step, and give the answer's data."""
    return await accepted(call, "task", action="session-step", command="report", session_id=session_id, result=result)


async def run(call: Call, step: Json) -> Json:
    """Have the server run what a step asks for, and give how it ended."""
    while True:
        data = await accepted(call, step["run_call"]["tool"], **parameters(step["run_call"]))
        if data["state"] == RunState.FINISHED:
            return data


async def result_of(call: Call, step: Json, work: Work) -> Json:
    """Carry a step out as its own words say, and give the result to report."""
    result = dict(step["report_call"]["params"]["result"])
    if "run_call" in step:
        ended = await run(call, step)
        well = ended.get("passed", ended.get("verdict") == Verdict.PASS)
        return {**result, "attempt_id": ended["attempt_id"], "outcome": Outcome.SUCCESS if well else Outcome.FAILURE}
    if step["type"] == StepType.IMPLEMENT_TASK:
        work(step)
    return result


def nothing(step: Json) -> None:
    """Do no work."""


def make_files(workspace: Path) -> Work:
    """Give work that makes the file a step declares, where its path is one and no prose."""

    def work(step: Json) -> None:
        declared = step["unit"].get("file_path", "")
        path = Path(declared)
        if not declared or any(mark in declared for mark in " ,*?[]{}") or path.is_absolute() or ".." in path.parts:
            return
        if declared.endswith("/"):
            return
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).touch()

    return work


@dataclass
class Driven:
    """Hold what an agent did: the steps it reported, the phases that ended, and the last answer's data."""

    session_id: str
    steps: list[Json] = field(default_factory=list)
    phases: int = 0
    last: Json = field(default_factory=dict)


async def drive(call: Call, spec_id: str, work: Work = nothing, *, at_once: bool = False) -> Driven:
    """Drive a spec from wherever it stands until nothing is left to do; `at_once` reports with the next call."""
    known = await call("task", action="session", command="status", spec_id=spec_id)
    if not known["success"]:
        assert known["data"]["error_code"] == ErrorCode.SESSION_NOT_FOUND, known
        driven = Driven(await start(call, spec_id))
    else:
        driven = Driven(known["data"]["session"]["session_id"])
        out = await call("task", action="session-step", command="replay", session_id=driven.session_id)
        if out["success"]:
            await _report(call, driven, out["data"]["step"], work)
        else:
            assert out["data"]["error_code"] == ErrorCode.NO_STEP_OUT, out
    result: Json | None = None
    while True:
        driven.last = await next_step(call, driven.session_id, result)
        result = None
        if "step" in driven.last and at_once:
            result = await result_of(call, driven.last["step"], work)
            driven.steps.append(driven.last["step"])
        elif "step" in driven.last:
            await _report(call, driven, driven.last["step"], work)
        elif driven.last["loop_signal"] == LoopSignal.PHASE_COMPLETE:
            driven.phases += 1
            await accepted(call, "task", action="session", command="resume", session_id=driven.session_id)
        else:
            driven.phases += driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE
            return driven


async def _report(call: Call, driven: Driven, step: Json, work: Work) -> None:
    await report(call, driven.session_id, await result_of(call, step, work))
    driven.steps.append(step)


async def events(call: Call, session_id: str, **more: Any) -> list[Json]:
    """Read all of a session's events, page by page."""
    found: list[Json] = []
    cursor: Json = {}
    while True:
        page = await accepted(call, "task", action="session-events", session_id=session_id, **cursor, **more)
        found += page["events"]
        if not page["has_more"]:
            return found
        cursor = {"cursor": page["cursor"]}


async def types(call: Call, session_id: str) -> list[str]:
    """Give the types of a session's events, in order."""
    return [event["type"] for event in await events(call, session_id)]
