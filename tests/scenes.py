"""What scenes of sessions share: specs of few words, and answers held to what every answer of their kind owes."""

from __future__ import annotations

import json
from typing import Any

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import CommandName, ErrorCode, EventType, LoopSignal, Outcome, PauseReason, Role
from foundry_contracts.vocabulary import SessionStatus as Status
from tests.driving import (
    Call,
    Json,
    accepted,
    check,
    events,
    next_step,
    nothing,
    parameters,
    refused,
    report,
    result_of,
    spec,
    start,
    task,
)
from tests.in_process import As, InProcess

SPEC = "a-spec"
TWO_TASKS = spec(SPEC, [task("t1"), task("t2")])
TWO_PHASES = spec(SPEC, [task("t1"), check("v1", command="make test")], [task("t2")])
# Refusals that stop a loop; any other is the caller's own mistake and has no signal.
STOPPING = {
    ErrorCode.UNAUTHORIZED,
    ErrorCode.ATTENDANCE_REQUIRED,
    ErrorCode.RATE_LIMITED,
    ErrorCode.GATE_WAIVER_FORBIDDEN,
    ErrorCode.LOCK_BYPASS_FORBIDDEN,
    ErrorCode.AUTONOMY_WRITE_LOCK_ACTIVE,
    ErrorCode.SESSION_HELD,
    ErrorCode.POLICY_CHANGED,
    ErrorCode.FEATURE_DISABLED,
}


def of(command: CommandName, **params: Any) -> Json:
    """Give the arguments of a command."""
    entry = COMMANDS[command]
    return {"action": entry.action, **({"command": entry.command} if entry.command else {}), **params}


async def payloads(call: Call, session_id: str, kind: EventType) -> list[Json]:
    """Give what a session's events of a type say."""
    return [event["payload"] for event in await events(call, session_id, types=[kind])]


async def every_way_out(call: InProcess, data: Json) -> None:
    """Send each call an answer recommends, in the least role it names and each in a world of its own."""
    for action in data.get("recommended_actions", []):
        if "call" not in action:
            continue
        role, offered = Role(action["least_role"]), action["call"]
        answer = await call.fork().answer(offered["tool"], role, **parameters(offered))
        assert answer.document["success"], (action["action"], answer.document)


async def turned_down(call: InProcess | As, code: ErrorCode, tool: str, /, **arguments: Any) -> Json:
    """Send a call that has to be refused with this code, its signal and ways out that are open; give the data."""
    owner = call.owner if isinstance(call, As) else call
    data = await refused(call, code, tool, **arguments)
    assert data["loop_signal"] == (LoopSignal.BLOCKED_RUNTIME if code in STOPPING else None), data
    await every_way_out(owner, data)
    return data


async def paused_for(call: InProcess, session_id: str, reason: PauseReason, **more: Any) -> Json:
    """Ask for what comes next, which has to be a pause for this reason with open ways out; give the answer's data."""
    data = await accepted(call, "task", **of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id, **more))
    assert (data["session"]["status"], data["session"].get("pause_reason")) == (Status.PAUSED, reason), data
    wanted = LoopSignal.PAUSED_NEEDS_ATTENTION
    if reason is PauseReason.PHASE_COMPLETE:
        wanted = LoopSignal.PHASE_COMPLETE
    assert data["loop_signal"] == wanted, data
    assert data["recommended_actions"], data
    await every_way_out(call, data)
    last = (await payloads(call, session_id, EventType.SESSION_PAUSED))[-1]
    assert last["reason"] == reason
    return data


async def resumed(call: Call, data: Json, **more: Any) -> Json:
    """Lift the pause an answer told of."""
    resume = of(CommandName.TASK_SESSION_RESUME, session_id=data["session"]["session_id"], **more)
    return await accepted(call, "task", **resume)


def failed(step: Json, note: str = "It did not work.") -> Json:
    """Give the result of a step that failed."""
    return {**step["report_call"]["params"]["result"], "outcome": Outcome.FAILURE, "note": note}


async def done(call: InProcess, session_id: str, steps: int = 1) -> None:
    """Carry out as many steps as said, each well."""
    for _ in range(steps):
        step = (await next_step(call, session_id))["step"]
        await report(call, session_id, await result_of(call, step, nothing))


async def to_second_phase(call: InProcess) -> str:
    """Bring a session of TWO_PHASES to the end of its first."""
    session_id = await start(call, SPEC)
    await done(call, session_id, 3)
    await paused_for(call, session_id, PauseReason.PHASE_COMPLETE)
    return session_id


def rewrite(call: InProcess, document: Json) -> None:
    """Change the spec's file."""
    call.spec_file(SPEC).write_text(json.dumps(document), encoding="utf-8")
