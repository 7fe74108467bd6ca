"""Each command takes the role that is stated here, and so does each pause that is lifted: seen by sending them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    PauseReason,
    PostureProfile,
    Role,
)
from foundry_contracts.vocabulary import CommandName as Name
from foundry_contracts.vocabulary import SessionStatus as Status
from foundry_mcp.machine.settings import resolve, session_settings
from tests.contracts_hold.role_scenes import (
    ALLOWED,
    AT_ITS_GATE,
    CHECKING,
    ELSEWHERE,
    PAUSED,
    WORKING,
    Scene,
    documents,
    expected,
    parameters,
    scene,
)
from tests.contracts_hold.standings import Standing, send, stand, verdict_on
from tests.driving import Json, accepted, events
from tests.in_process import InProcess
from tests.scenes import SPEC, of

pytestmark = pytest.mark.anyio

# What each role adds to the one before it. An observer reads.
OBSERVER = (
    Name.TASK_SESSION_STATUS,
    Name.TASK_SESSION_LIST,
    Name.TASK_SESSION_EVENTS,
    Name.TASK_SESSION_CHECKPOINT,
    Name.TASK_INFO,
    Name.TASK_LIST,
    Name.TASK_PROGRESS,
    Name.SPEC_FIND,
    Name.SPEC_LIST,
    Name.SPEC_GET,
    Name.SPEC_VALIDATE,
    Name.SPEC_PLAN,
    Name.SERVER_CAPABILITIES,
    Name.SERVER_CONFIG,
)
# A runner works: it starts, pauses, resumes and rebases, does steps, has them checked, and says what it cannot do.
# A status in a file proves nothing, so a runner may write one where no live session locks the spec.
AUTONOMY_RUNNER = (
    Name.TASK_SESSION_START,
    Name.TASK_SESSION_PAUSE,
    Name.TASK_SESSION_RESUME,
    Name.TASK_SESSION_REBASE,
    Name.TASK_SESSION_STEP_NEXT,
    Name.TASK_SESSION_STEP_REPORT,
    Name.TASK_SESSION_STEP_REPLAY,
    Name.TASK_SESSION_STEP_HEARTBEAT,
    Name.VERIFICATION_EXECUTE,
    Name.REVIEW_FIDELITY_GATE,
    Name.TASK_BLOCK,
    Name.TASK_UPDATE_STATUS,
)
# A maintainer judges.
MAINTAINER = (
    Name.TASK_SESSION_END,
    Name.TASK_SESSION_RESET,
    Name.TASK_SESSION_ACCEPT_POLICY,
    Name.TASK_GATE_WAIVER,
    Name.TASK_UNBLOCK,
    Name.SERVER_EVENTS,
)
ADDS = {Role.OBSERVER: OBSERVER, Role.AUTONOMY_RUNNER: AUTONOMY_RUNNER, Role.MAINTAINER: MAINTAINER}
LEAST = {command: role for role, commands in ADDS.items() for command in commands}
MAY = {
    Role.OBSERVER: {Role.OBSERVER},
    Role.AUTONOMY_RUNNER: {Role.OBSERVER, Role.AUTONOMY_RUNNER},
    Role.MAINTAINER: set(Role),
}
# A runner lifts these; its own pause, too. Every other pause asks for a maintainer's judgement.
A_RUNNER_LIFTS = {
    PauseReason.PHASE_COMPLETE,
    PauseReason.CONTEXT_LIMIT,
    PauseReason.HEARTBEAT_STALE,
    PauseReason.STEP_STALE,
    PauseReason.USER,
}

# What a posture may refuse whatever the role.
POSTURES_OWN = {ErrorCode.ATTENDANCE_REQUIRED, ErrorCode.GATE_WAIVER_FORBIDDEN}
OTHER = "other-spec"


def test_each_command_is_added_by_one_role() -> None:
    listed = Counter([*OBSERVER, *AUTONOMY_RUNNER, *MAINTAINER])
    assert listed == Counter(list(COMMANDS))


async def scenes(folder: Path, **settings: Any) -> dict[str, tuple[InProcess, Scene]]:
    """Bring sessions to where every command can do what it asks, each in a world of its own."""
    found = {}
    for where in (WORKING, PAUSED, CHECKING, AT_ITS_GATE):
        specs = documents(where, SPEC, OTHER)
        call = InProcess(folder / where, *specs, **{"allow_gate_waiver": True, **settings})
        found[where] = (call, await scene(call, where, SPEC, OTHER))
    return found


async def traces(call: InProcess, session_id: str) -> tuple[list[Json], Json, dict[str, bytes]]:
    """Give what a call may leave behind: the session's log, the list of sessions, the files."""
    listed = await accepted(call.observer, "task", **of(Name.TASK_SESSION_LIST))
    files = {str(path): path.read_bytes() for path in call.workspace.rglob("*") if path.is_file()}
    return await events(call, session_id), listed, files


async def answered(call: InProcess, role: Role, command: CommandName, params: Json, session_id: str) -> str:
    """Send a command, and give that it was allowed, or the role a refusal names, which leaves nothing but itself."""
    before = await traces(call, session_id)
    answer = await send(call, role, command, params)
    if answer["success"]:
        return ALLOWED
    data = answer["data"]
    if data["error_code"] in POSTURES_OWN:
        code: str = data["error_code"]
        return code
    assert data["error_code"] == ErrorCode.UNAUTHORIZED, (command, data)
    assert data["details"]["role"] == role
    needed: str = data["details"]["needed"]
    log, listed, files = await traces(call, session_id)
    added = [(event["type"], event["actor"]["role"], event["payload"]) for event in log[len(before[0]) :]]
    denied = {"command": command, "error_code": ErrorCode.UNAUTHORIZED, "needed": needed}
    assert added == ([(EventType.ACCESS_DENIED, role, denied)] if "session_id" in params else []), command
    assert (log[: len(before[0])], files) == (before[0], before[2]), command
    same = ("status", "pause_reason", "progress", "spec_id")
    assert [[entry.get(key) for key in same] for entry in listed["sessions"]] == [
        [entry.get(key) for key in same] for entry in before[1]["sessions"]
    ]
    return needed


@pytest.mark.parametrize("role", Role)
async def test_each_command_is_allowed_in_the_roles_stated(tmp_path: Path, role: Role) -> None:
    found = await scenes(tmp_path)
    seen, stated = {}, {}
    for command in COMMANDS:
        call, of_scene = found[ELSEWHERE.get(command, WORKING)]
        world = call.fork()
        params = await parameters(world, command, of_scene)
        seen[command] = await answered(world, role, command, params, of_scene.session_id)
        stated[command] = ALLOWED if LEAST[command] in MAY[role] else LEAST[command]
    assert seen == stated


@pytest.mark.parametrize("profile", PostureProfile)
@pytest.mark.parametrize("role", Role)
async def test_each_command_in_each_role_and_profile_is_allowed_or_refused_as_the_contracts_say(
    tmp_path: Path, role: Role, profile: PostureProfile
) -> None:
    found = await scenes(tmp_path, **dict(session_settings(resolve((), profile))))
    seen, stated = {}, {}
    for command, entry in COMMANDS.items():
        call, of_scene = found[ELSEWHERE.get(command, WORKING)]
        world = call.fork()
        params = await parameters(world, command, of_scene)
        seen[command] = await answered(world, role, command, params, of_scene.session_id)
        stated[command] = expected(profile, role, command, entry.role)
    assert seen == stated


@pytest.mark.parametrize("reason", PauseReason)
async def test_each_pause_is_lifted_by_the_roles_stated(tmp_path: Path, reason: PauseReason) -> None:
    paused = await stand(tmp_path, (Status.PAUSED, reason))
    seen = await lifted(paused)
    needed = Role.AUTONOMY_RUNNER if reason in A_RUNNER_LIFTS else Role.MAINTAINER
    # Whoever may not resume at all is told so first.
    assert seen == {
        Role.OBSERVER: Role.AUTONOMY_RUNNER,
        Role.AUTONOMY_RUNNER: ALLOWED if needed is Role.AUTONOMY_RUNNER else needed,
        Role.MAINTAINER: ALLOWED,
    }


async def test_a_maintainers_pause_is_lifted_by_a_maintainer_alone(tmp_path: Path) -> None:
    running = await stand(tmp_path, (Status.RUNNING, None))
    pause = of(Name.TASK_SESSION_PAUSE, session_id=running.session_id)
    answer = await accepted(running.call.maintainer, "task", **pause)
    paused = Standing(running.call, running.session_id, running.step, Name.TASK_SESSION_PAUSE, answer)
    assert await lifted(paused) == {
        Role.OBSERVER: Role.AUTONOMY_RUNNER,
        Role.AUTONOMY_RUNNER: Role.MAINTAINER,
        Role.MAINTAINER: ALLOWED,
    }


async def lifted(paused: Standing) -> dict[Role, str]:
    """Have each role lift a pause, and give what it was told."""
    params = {"session_id": paused.session_id, **verdict_on(paused.session)}
    seen = {}
    for role in Role:
        world = paused.call.fork()
        seen[role] = await answered(world, role, Name.TASK_SESSION_RESUME, params, paused.session_id)
        status = await accepted(world, "task", **of(Name.TASK_SESSION_STATUS, session_id=paused.session_id))
        assert status["session"]["status"] == (Status.RUNNING if seen[role] == ALLOWED else Status.PAUSED)
    return seen
