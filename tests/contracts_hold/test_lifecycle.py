"""Which command a session takes in which status, and which status follows: seen by sending every one in every one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.tables import SESSION_MACHINE_TRANSITIONS, Transition
from foundry_contracts.vocabulary import CommandName as Name
from foundry_contracts.vocabulary import ErrorCode, EventType, NodeStatus, Outcome, ReasonCode, Role, StepType
from foundry_contracts.vocabulary import SessionStatus as Status
from tests.contracts_hold.standings import POINTS, Point, Standing, send, stand, verdict_on
from tests.driving import Json, accepted, events
from tests.in_process import InProcess
from tests.scenes import SPEC, of

pytestmark = pytest.mark.anyio

RUNNING, PAUSED, FAILED, COMPLETED, ENDED = Status
LIVE = {RUNNING, PAUSED, FAILED}
# In which statuses each command is taken; one that is not listed, in all. While a session is paused nothing advances:
# `next` tells the pause again, and the step that is out can still be checked, reported and kept alive.
TAKEN_WHILE = {
    Name.TASK_SESSION_START: {COMPLETED, ENDED},
    Name.TASK_SESSION_PAUSE: {RUNNING},
    Name.TASK_SESSION_RESUME: {PAUSED},
    Name.TASK_SESSION_REBASE: {PAUSED, FAILED},
    Name.TASK_SESSION_END: LIVE,
    Name.TASK_SESSION_RESET: {PAUSED, FAILED},
    Name.TASK_SESSION_ACCEPT_POLICY: LIVE,
    Name.TASK_SESSION_STEP_REPORT: {RUNNING, PAUSED},
    Name.TASK_SESSION_STEP_HEARTBEAT: {RUNNING, PAUSED},
    Name.VERIFICATION_EXECUTE: {RUNNING, PAUSED},
    Name.REVIEW_FIDELITY_GATE: {RUNNING, PAUSED},
    Name.TASK_GATE_WAIVER: {RUNNING, PAUSED},
    Name.TASK_BLOCK: {RUNNING, PAUSED},
    Name.TASK_UNBLOCK: {RUNNING, PAUSED},
    Name.TASK_UPDATE_STATUS: {COMPLETED, ENDED},
}
# What a command that is not taken is told, where it is not SESSION_STATE_CONFLICT.
TOLD = {
    Name.TASK_SESSION_START: ErrorCode.SESSION_EXISTS,
    Name.TASK_UPDATE_STATUS: ErrorCode.AUTONOMY_WRITE_LOCK_ACTIVE,
}
# The status after a command that changes it; after any other it is as it was. `next` ends a running stretch in a
# status of its own, and changes no other status.
BECOMES = {
    Name.TASK_SESSION_PAUSE: PAUSED,
    Name.TASK_SESSION_RESUME: RUNNING,
    Name.TASK_SESSION_REBASE: PAUSED,
    Name.TASK_SESSION_END: ENDED,
    Name.TASK_SESSION_RESET: ENDED,
}
NEXT_ENDS_IN = {PAUSED, FAILED, COMPLETED}
# The events that change a status: from which, and to which.
EVENTS = {
    EventType.SESSION_PAUSED: ({RUNNING}, PAUSED),
    EventType.SESSION_RESUMED: ({PAUSED}, RUNNING),
    EventType.SESSION_FAILED: ({RUNNING}, FAILED),
    EventType.SESSION_COMPLETED: ({RUNNING}, COMPLETED),
    EventType.SESSION_ENDED: (LIVE, ENDED),
    EventType.SESSION_REBASED: ({PAUSED, FAILED}, PAUSED),
    EventType.SESSION_RESET: ({PAUSED, FAILED}, ENDED),
}

TAKEN = "taken"
# What a command that its status allows may still be told: there is nothing of the kind it is for.
NOTHING_TO_DO = {
    ErrorCode.STEP_RESULT_REQUIRED,
    ErrorCode.NO_STEP_OUT,
    ErrorCode.STEP_PROOF_MISMATCH,
    ErrorCode.STEP_PROOF_EXPIRED,
    ErrorCode.GATE_NOT_PENDING,
    ErrorCode.UNIT_STATE_CONFLICT,
}


@dataclass
class Seen:
    """Hold what was seen: what each command was told and the status after it, and every change of a status."""

    told: dict[Name, tuple[str, Status]] = field(default_factory=dict)
    sources: dict[str, set[Status]] = field(default_factory=lambda: defaultdict(set))
    changes: dict[str, set[Status]] = field(default_factory=lambda: defaultdict(set))

    def note(self, triggers: list[str], before: Status, after: Status) -> None:
        """Note what was taken in a status, and the status after it."""
        for trigger in triggers:
            self.sources[trigger].add(before)
            if before is not after:
                self.changes[trigger].add(after)


@pytest.fixture(scope="module")
def walked() -> dict[Point, Seen]:
    """Keep what was seen of each point, as more than one test asks for it."""
    return {}


async def walk(walked: dict[Point, Seen], folder: Path, point: Point) -> Seen:
    """Send every command to a session that stands somewhere, each in a world of its own."""
    if point not in walked:
        standing = await stand(folder, point)
        seen = walked[point] = Seen()
        log = [event["type"] for event in await events(standing.call, standing.session_id)]
        closed_by = [kind for kind in log[-1:] if kind in EVENTS]
        seen.note([standing.command, *closed_by], RUNNING, point[0])
        for command in COMMANDS:
            seen.told[command] = await tell(seen, standing, command, len(log))
    return walked[point]


async def tell(seen: Seen, standing: Standing, command: Name, known: int) -> tuple[str, Status]:
    """Send a command, and give what it was told and the status after it."""
    world, before = standing.call.fork(), Status(standing.session["status"])
    kept = world.spec_file(SPEC).read_bytes()
    answer = await send(world, Role.MAINTAINER, command, parameters(standing, command))
    world.spec_file(SPEC).write_bytes(kept)
    after = await status_of(world, standing.session_id)
    code = answer["data"].get("error_code")
    if code is not None and code not in NOTHING_TO_DO:
        return code, after
    log = [event["type"] for event in await events(world, standing.session_id)]
    assert answer["success"] or (command not in BECOMES and log[known:] == []), answer
    changed_by = [kind for kind in log[known:] if kind in EVENTS]
    assert len(changed_by) <= 1, log
    seen.note([command, *changed_by], before, after)
    return TAKEN, after


async def status_of(call: InProcess, session_id: str) -> Status:
    """Ask for a session's status."""
    told = await accepted(call, "task", **of(Name.TASK_SESSION_STATUS, session_id=session_id))
    return Status(told["session"]["status"])


def parameters(standing: Standing, command: Name) -> Json:
    """Give the parameters of a command to a session that stands somewhere."""
    of_session: Json = {"session_id": standing.session_id}
    step = standing.step or {"step_id": f"stp_{'9' * 26}", "report_call": {"params": {"result": NO_STEP}}}
    more: dict[Name, Json] = {
        Name.TASK_SESSION_START: {"spec_id": SPEC},
        Name.TASK_UPDATE_STATUS: {"spec_id": SPEC, "node_id": UNIT_OF_ALL, "status": NodeStatus.PENDING},
        Name.TASK_SESSION_LIST: {},
        Name.TASK_INFO: {"spec_id": SPEC, "unit_id": UNIT_OF_ALL},
        Name.TASK_LIST: {"spec_id": SPEC},
        Name.TASK_PROGRESS: {"spec_id": SPEC},
        Name.SPEC_FIND: {"query": "spec"},
        Name.SPEC_LIST: {},
        Name.SPEC_GET: {"spec_id": SPEC},
        Name.SPEC_VALIDATE: {"spec_id": SPEC},
        Name.SPEC_PLAN: {"spec_id": SPEC},
        Name.SERVER_CAPABILITIES: {},
        Name.SERVER_CONFIG: {},
        Name.SERVER_EVENTS: {},
        Name.TASK_SESSION_RESUME: of_session | verdict_on(standing.session),
        Name.TASK_SESSION_END: of_session | {"reason": ReasonCode.TESTING},
        Name.TASK_SESSION_RESET: of_session | {"reason": ReasonCode.TESTING},
        Name.TASK_SESSION_STEP_REPORT: of_session | {"result": step["report_call"]["params"]["result"]},
        Name.TASK_GATE_WAIVER: of_session | {"phase_id": "phase-1", "reason": ReasonCode.TESTING},
        Name.TASK_BLOCK: of_session | {"unit_id": UNIT_OF_ALL, "reason": "Not yet."},
        Name.TASK_UNBLOCK: of_session | {"unit_id": UNIT_OF_ALL},
        Name.VERIFICATION_EXECUTE: of_session | {"step_id": step["step_id"]},
        Name.REVIEW_FIDELITY_GATE: of_session | {"step_id": step["step_id"]},
    }
    return more.get(command, of_session)


# The first unit of every spec that a session is brought to a standing with.
UNIT_OF_ALL = "t1"
NO_STEP = {
    "step_id": f"stp_{'9' * 26}",
    "type": StepType.IMPLEMENT_TASK,
    "phase_id": "phase-1",
    "unit_id": UNIT_OF_ALL,
    "outcome": Outcome.SUCCESS,
    "proof": f"prf_{'0' * 64}",
}


def test_the_machines_table_says_what_is_stated() -> None:
    assert stated_table() == SESSION_MACHINE_TRANSITIONS


@pytest.mark.parametrize("point", POINTS, ids=lambda point: " ".join(filter(None, point)))
async def test_each_command_is_taken_in_the_statuses_stated(
    tmp_path: Path, point: Point, walked: dict[Point, Seen]
) -> None:
    status = point[0]
    stated: dict[Name, tuple[str, Status]] = {}
    for command in COMMANDS:
        if status in TAKEN_WHILE.get(command, set(Status)):
            stated[command] = (TAKEN, BECOMES.get(command, status))
        else:
            stated[command] = (TOLD.get(command, ErrorCode.SESSION_STATE_CONFLICT), status)
    assert (await walk(walked, tmp_path, point)).told == stated


async def test_what_is_stated_is_all_that_was_seen(tmp_path: Path, walked: dict[Point, Seen]) -> None:
    seen = Seen()
    for number, point in enumerate(POINTS):
        found = await walk(walked, tmp_path / str(number), point)
        for trigger in found.sources:
            seen.sources[trigger] |= found.sources[trigger]
            seen.changes[trigger] |= found.changes[trigger]
    observed = {
        trigger: Transition(frozenset(seen.sources[trigger]), frozenset(seen.changes[trigger]))
        for trigger in stated_table()
    }
    assert observed == stated_table()


def is_in_a_session(command: Name) -> bool:
    """Tell whether a command is sent to one session, to work on it."""
    return not COMMANDS[command].read_only and command not in TOLD


def stated_table() -> dict[str, Transition[Status]]:
    """Put what is stated here in the form of the machine's table."""
    table: dict[str, Transition[Status]] = {}
    for command in filter(is_in_a_session, COMMANDS):
        after = {BECOMES[command]} if command in BECOMES else set()
        if command is Name.TASK_SESSION_STEP_NEXT:
            after = NEXT_ENDS_IN
        table[command] = Transition(frozenset(TAKEN_WHILE.get(command, set(Status))), frozenset(after))
    return table | {kind: Transition(frozenset(source), frozenset({to})) for kind, (source, to) in EVENTS.items()}
