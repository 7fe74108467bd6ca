"""Where each command can do what it asks, and what a role is then to be told, whatever brings the calls there."""

from __future__ import annotations

from dataclasses import dataclass

from foundry_contracts.tables import POSTURE_VALUES
from foundry_contracts.vocabulary import CommandName as Name
from foundry_contracts.vocabulary import ErrorCode, NodeStatus, PostureProfile, ReasonCode, Role
from foundry_mcp.machine.roles import permits
from tests.driving import Call, Json, accepted, check, next_step, nothing, report, result_of, spec, start, task
from tests.scenes import of

ALLOWED = "allowed"
WORKING, PAUSED, CHECKING, AT_ITS_GATE = "working", "paused", "checking", "at its gate"
# Where each command that is not sent to a session at work can do what it asks.
ELSEWHERE = {
    Name.TASK_SESSION_RESUME: PAUSED,
    Name.TASK_SESSION_REBASE: PAUSED,
    Name.TASK_SESSION_RESET: PAUSED,
    Name.VERIFICATION_EXECUTE: CHECKING,
    Name.REVIEW_FIDELITY_GATE: AT_ITS_GATE,
    Name.TASK_GATE_WAIVER: AT_ITS_GATE,
}
_WORK = [task("t1"), task("t2"), task("t3"), check("v1", "t1", command="make test")]
_UNITS = {WORKING: _WORK, PAUSED: _WORK, CHECKING: [check("v1", command="true")], AT_ITS_GATE: [task("t1")]}


@dataclass(frozen=True)
class Scene:
    """Hold a session, its spec, the step that is out, and another spec that has no session."""

    session_id: str
    spec_id: str
    step: Json
    other: str


def documents(where: str, spec_id: str, other: str) -> list[Json]:
    """Give the specs of a scene."""
    return [spec(spec_id, _UNITS[where]), spec(other, [task("t1")])]


async def scene(call: Call, where: str, spec_id: str, other: str) -> Scene:
    """Bring a session of a spec that is there to where it shall stand."""
    session_id = await start(call, spec_id, attended=True)
    step: Json = (await next_step(call, session_id))["step"]
    if where == AT_ITS_GATE:
        await report(call, session_id, await result_of(call, step, nothing))
        step = (await next_step(call, session_id))["step"]
    if where in (WORKING, PAUSED):
        await accepted(call, "task", **of(Name.TASK_BLOCK, session_id=session_id, unit_id="t2", reason="Not yet."))
    if where == PAUSED:
        await accepted(call, "task", **of(Name.TASK_SESSION_PAUSE, session_id=session_id))
    return Scene(session_id, spec_id, step, other)


async def parameters(call: Call, command: Name, of_scene: Scene) -> Json:
    """Give parameters with which a command can do what it asks."""
    of_session: Json = {"session_id": of_scene.session_id}
    of_step: Json = of_session | {"step_id": of_scene.step["step_id"]}
    of_spec: Json = {"spec_id": of_scene.spec_id}
    more: dict[Name, Json] = {
        Name.TASK_SESSION_START: {"spec_id": of_scene.other},
        Name.TASK_UPDATE_STATUS: {"spec_id": of_scene.other, "node_id": "t1", "status": NodeStatus.IN_PROGRESS},
        Name.TASK_SESSION_LIST: {},
        Name.TASK_INFO: of_spec | {"unit_id": "t1"},
        Name.TASK_LIST: of_spec,
        Name.TASK_PROGRESS: of_spec,
        Name.SPEC_FIND: {"query": "spec"},
        Name.SPEC_LIST: {},
        Name.SPEC_GET: of_spec,
        Name.SPEC_VALIDATE: of_spec,
        Name.SPEC_PLAN: of_spec,
        Name.SERVER_CAPABILITIES: {},
        Name.SERVER_CONFIG: {},
        Name.SERVER_EVENTS: {},
        Name.TASK_SESSION_END: of_session | {"reason": ReasonCode.TESTING},
        Name.TASK_SESSION_RESET: of_session | {"reason": ReasonCode.TESTING},
        Name.TASK_GATE_WAIVER: of_session | {"phase_id": "phase-1", "reason": ReasonCode.TESTING},
        Name.TASK_BLOCK: of_session | {"unit_id": "t3", "reason": "Not yet."},
        Name.TASK_UNBLOCK: of_session | {"unit_id": "t2"},
        Name.VERIFICATION_EXECUTE: of_step,
        Name.REVIEW_FIDELITY_GATE: of_step,
    }
    if command is Name.TASK_SESSION_STEP_REPORT:
        return of_session | {"result": await result_of(call, of_scene.step, nothing)}
    if command is Name.TASK_SESSION_STEP_NEXT:
        return of_session | {"last_step_result": await result_of(call, of_scene.step, nothing)}
    return more.get(command, of_session)


def expected(profile: PostureProfile, role: Role, command: Name, least: Role) -> str:
    """Give what a role is told of a command: that it was allowed, the role it needs, or the posture's own refusal."""
    posture = POSTURE_VALUES[profile]
    if not permits(role, least):
        return least
    if command is Name.TASK_GATE_WAIVER and not posture.allow_gate_waiver:
        return ErrorCode.GATE_WAIVER_FORBIDDEN
    if command is Name.TASK_SESSION_START and not posture.allow_unattended:
        return ErrorCode.ATTENDANCE_REQUIRED
    return ALLOWED
