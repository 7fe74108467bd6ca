"""Sessions brought to each status, and to each reason for a pause, by calls alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    GatePolicy,
    Judgement,
    PauseReason,
    ReasonCode,
    Role,
    Verdict,
)
from foundry_contracts.vocabulary import SessionStatus as Status
from foundry_mcp.ports import Review
from tests.driving import Json, accepted, check, next_step, nothing, refused, report, result_of, spec, start, task
from tests.in_process import InProcess
from tests.scenes import SPEC, TWO_PHASES, TWO_TASKS, done, failed, of, rewrite

NEXT = CommandName.TASK_SESSION_STEP_NEXT
ONE_TASK = spec(SPEC, [task("t1")])
CHECKED = spec(SPEC, [check("t1", command="make test")])
FOUR_TASKS = spec(SPEC, [task("t1"), task("t2"), task("t3"), task("t4")])
ONE_CYCLE, BY_A_PERSON = {"max_feedback_cycles": 1}, {"gate_policy": GatePolicy.MANUAL}
BY_HAND = spec(SPEC, [check("t1")])

Point = tuple[Status, PauseReason | None]
# Each status once before the other pauses, so that what differs between statuses shows soon.
POINTS: tuple[Point, ...] = (
    (Status.RUNNING, None),
    (Status.PAUSED, PauseReason.USER),
    (Status.FAILED, None),
    (Status.COMPLETED, None),
    (Status.ENDED, None),
    *((Status.PAUSED, reason) for reason in PauseReason if reason is not PauseReason.USER),
)


@dataclass(frozen=True)
class Closing:
    """Hold the call that brings a session to where it shall stand, and the last step that was handed out."""

    session_id: str
    step: Json | None
    command: CommandName
    params: Json


Way = Callable[[InProcess, str], Awaitable[Closing]]


@dataclass(frozen=True)
class Standing:
    """Hold a session that stands somewhere, the call that brought it there, and its last step."""

    call: InProcess
    session_id: str
    step: Json | None
    command: CommandName
    answer: Json

    @property
    def session(self) -> Json:
        """Give the session as it was last told."""
        told: Json = self.answer["session"]
        return told


async def stand(folder: Path, point: Point) -> Standing:
    """Bring a session to a status and pause reason."""
    document, settings, way = WAYS[point]
    call = InProcess(folder, document, allow_gate_waiver=True, **settings)
    session_id = await start(call, SPEC)
    closing = await way(call, session_id)
    answer = await accepted(call.maintainer, tool(closing.command), **of(closing.command, **closing.params))
    told = answer["session"]
    assert (told["status"], told.get("pause_reason")) == point, told
    return Standing(call, session_id, closing.step, closing.command, answer)


def tool(command: CommandName) -> str:
    """Give the tool of a command."""
    return COMMANDS[command].tool


async def send(call: InProcess, role: Role, command: CommandName, params: Json) -> Json:
    """Send a command in a role."""
    return (await call.answer(tool(command), role, **of(command, **params))).document


# What the pauses that ask for a verdict ask it on, in the specs here.
JUDGED: dict[str | None, str] = {
    PauseReason.VERIFICATION_ATTESTATION: "t1",
    PauseReason.GATE_REVIEW_REQUIRED: "phase-1",
}


def verdict_on(session: Json) -> Json:
    """Give the verdict that a pause asks for, where it asks for one."""
    judged = JUDGED.get(session.get("pause_reason"))
    return {"verdict": {"id": judged, "verdict": Judgement.PASS}} if judged else {}


def _next(session_id: str, step: Json | None, **more: Any) -> Closing:
    return Closing(session_id, step, NEXT, {"session_id": session_id, **more})


async def _one_task_out(call: InProcess, session_id: str) -> Closing:
    step = (await next_step(call, session_id))["step"]
    return Closing(session_id, step, CommandName.TASK_SESSION_STEP_HEARTBEAT, {"session_id": session_id})


async def _paused_by_a_runner(call: InProcess, session_id: str) -> Closing:
    step = (await next_step(call, session_id))["step"]
    await accepted(call, "task", **of(CommandName.TASK_SESSION_PAUSE, session_id=session_id))
    return _next(session_id, step)


async def _each_task_failing(call: InProcess, session_id: str) -> Closing:
    for _ in range(3):
        step = (await next_step(call, session_id))["step"]
        await report(call, session_id, failed(step))
    return _next(session_id, None)


def _steps_done(steps: int, *, reviews: int = 0, runs: int = 0) -> Way:
    """Give the way that carries steps out, the first reviews and runs of which fail."""

    async def way(call: InProcess, session_id: str) -> Closing:
        call.reviewer.reviews = [Review(Verdict.FAIL)] * reviews
        call.runner.endings = [(1, "1 failed")] * runs
        await done(call, session_id, steps)
        return _next(session_id, None)

    return way


async def _context_full(call: InProcess, session_id: str) -> Closing:
    step = (await next_step(call, session_id))["step"]
    result = await result_of(call, step, nothing)
    return _next(session_id, step, last_step_result=result, context_percent=85)


async def _everything_blocked(call: InProcess, session_id: str) -> Closing:
    await accepted(call, "task", **of(CommandName.TASK_BLOCK, session_id=session_id, unit_id="t1", reason="No."))
    return _next(session_id, None)


async def _silent(call: InProcess, session_id: str) -> Closing:
    step = (await next_step(call, session_id))["step"]
    call.clock.time = "2026-01-01T00:10:01.000Z"
    return _next(session_id, step)


async def _slow(call: InProcess, session_id: str) -> Closing:
    step = (await next_step(call, session_id))["step"]
    for minutes in range(9, 60, 9):
        call.clock.time = f"2026-01-01T00:{minutes:02d}:00.000Z"
        await accepted(call, "task", **of(CommandName.TASK_SESSION_STEP_HEARTBEAT, session_id=session_id))
    call.clock.time = "2026-01-01T01:00:01.000Z"
    return _next(session_id, step)


async def _key_lost(call: InProcess, session_id: str) -> Closing:
    """Lose the key that signed, after the last step of the phase: no receipt of its holds any more."""
    await done(call, session_id, 2)
    call.lose_key()
    await refused(call, ErrorCode.GATE_AUDIT_FAILURE, "task", **of(NEXT, session_id=session_id))
    return _next(session_id, None)


async def _spec_changed(call: InProcess, session_id: str) -> Closing:
    rewrite(call, TWO_TASKS)
    return _next(session_id, None)


async def _ended_by_a_maintainer(call: InProcess, session_id: str) -> Closing:
    step = (await next_step(call, session_id))["step"]
    params = {"session_id": session_id, "reason": ReasonCode.TESTING}
    return Closing(session_id, step, CommandName.TASK_SESSION_END, params)


WAYS: dict[Point, tuple[Json, Json, Way]] = {
    (Status.RUNNING, None): (TWO_TASKS, {}, _one_task_out),
    (Status.PAUSED, PauseReason.USER): (TWO_TASKS, {}, _paused_by_a_runner),
    (Status.PAUSED, PauseReason.PHASE_COMPLETE): (TWO_PHASES, {}, _steps_done(3)),
    (Status.PAUSED, PauseReason.ERROR_THRESHOLD): (FOUR_TASKS, {}, _each_task_failing),
    (Status.PAUSED, PauseReason.ATTEMPT_LIMIT): (ONE_TASK, {}, _each_task_failing),
    (Status.PAUSED, PauseReason.FEEDBACK_CYCLE_LIMIT): (
        ONE_TASK,
        {"max_feedback_cycles": 1},
        _steps_done(4, reviews=2),
    ),
    (Status.PAUSED, PauseReason.VERIFICATION_ATTESTATION): (BY_HAND, {}, _steps_done(0)),
    (Status.PAUSED, PauseReason.CONTEXT_LIMIT): (TWO_TASKS, {}, _context_full),
    (Status.PAUSED, PauseReason.TASK_LIMIT): (TWO_TASKS, {"max_tasks": 1}, _steps_done(1)),
    (Status.PAUSED, PauseReason.NO_PROGRESS): (CHECKED, {}, _steps_done(3, runs=2)),
    (Status.PAUSED, PauseReason.BLOCKED): (ONE_TASK, {}, _everything_blocked),
    (Status.PAUSED, PauseReason.GATE_REVIEW_REQUIRED): (ONE_TASK, BY_A_PERSON, _steps_done(2)),
    (Status.PAUSED, PauseReason.GATE_FAILED): (CHECKED, {}, _key_lost),
    (Status.PAUSED, PauseReason.HEARTBEAT_STALE): (TWO_TASKS, {}, _silent),
    (Status.PAUSED, PauseReason.STEP_STALE): (TWO_TASKS, {}, _slow),
    (Status.FAILED, None): (ONE_TASK, {}, _spec_changed),
    (Status.COMPLETED, None): (ONE_TASK, {}, _steps_done(2)),
    (Status.ENDED, None): (TWO_TASKS, {}, _ended_by_a_maintainer),
}
