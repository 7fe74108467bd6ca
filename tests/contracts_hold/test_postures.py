"""What each posture profile means, as a server that is started under it shows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.tables import POSTURE_VALUES, PostureValues
from foundry_contracts.vocabulary import (
    Attestation,
    CommandName,
    ErrorCode,
    EventType,
    GatePolicy,
    NodeStatus,
    ReasonCode,
    ReviewerKind,
    Role,
)
from foundry_mcp.bootstrap import examine, join
from foundry_mcp.machine.situation import Caller
from tests.driving import Json, accepted, refused, spec, task
from tests.mcp_client import McpClient
from tests.outside import outside, user_config
from tests.scenes import SPEC, of, payloads

pytestmark = pytest.mark.anyio

# Cell by cell, under the names a session's start event has.
PROFILES = ("strict-prod", "staging", "debug")
CELLS: dict[str, tuple[Any, Any, Any]] = {
    "allow_lock_bypass": (False, False, True),
    "allow_gate_waiver": (False, False, True),
    "enforce_gates": (True, True, False),
    "gate_policy": (GatePolicy.STRICT, GatePolicy.STRICT, GatePolicy.MANUAL),
    "stop_on_phase_completion": (True, True, False),
    "max_consecutive_errors": (3, 5, 20),
    "max_feedback_cycles": (3, 3, 10),
    "max_tasks": (100, 100, 250),
    "attestation": (Attestation.OPERATOR, Attestation.AGENT, Attestation.AGENT),
    "allow_unattended": (True, True, False),
    "auto_retry_gate": (True, True, False),
    "allow_shell": (False, True, True),
}
# What else would be refused is told in advance.
REHEARSES = (None, "strict-prod", None)
LOOP_ROLE = (Role.AUTONOMY_RUNNER, Role.AUTONOMY_RUNNER, Role.MAINTAINER)
# What a session starts with under any profile.
EVERYWHERE = {
    "default_test_command": "",
    "replace_command": "",
    "max_attempts": 3,
    "max_context_percent": 85,
    "heartbeat_stale_s": 600,
    "step_stale_s": 3600,
    "reviewer": ReviewerKind.EVIDENCE,
    "review_command": "",
    "protected_paths": [],
}
# What a maintainer is told who would waive a gate that does not wait, and who would write under a live session.
WAIVER = (ErrorCode.GATE_WAIVER_FORBIDDEN, ErrorCode.GATE_WAIVER_FORBIDDEN, ErrorCode.GATE_NOT_PENDING)
BYPASS = (ErrorCode.LOCK_BYPASS_FORBIDDEN, ErrorCode.LOCK_BYPASS_FORBIDDEN, None)
# What whoever calls without a token is told who would end the session.
END = (ErrorCode.UNAUTHORIZED, ErrorCode.UNAUTHORIZED, None)
# What a start with nobody watching is told.
UNATTENDED = (None, None, ErrorCode.ATTENDANCE_REQUIRED)

COLUMNS = pytest.mark.parametrize("column", range(len(PROFILES)), ids=PROFILES)
START = of(CommandName.TASK_SESSION_START, spec_id=SPEC)


@asynccontextmanager
async def server(folder: Path, role: Role | None = None, profile: str | None = None) -> AsyncIterator[McpClient]:
    """Start a server in a folder, and give a client of it: in its own role, or in another."""
    workspace = folder / "workspace"
    (workspace / "specs" / "active").mkdir(parents=True, exist_ok=True)
    document = spec(SPEC, [task("t1")])
    (workspace / "specs" / "active" / f"{SPEC}.json").write_text(json.dumps(document), encoding="utf-8")
    environ = {"XDG_STATE_HOME": str(folder / "state"), **outside(folder)}
    if profile is not None:
        user_config(folder, f'[posture]\nprofile = "{profile}"\n')
    joined = join(workspace, environ)
    caller = joined.caller if role is None else Caller(joined.caller.id, role)
    try:
        async with McpClient(joined.application.handle, joined.ids.fresh, caller) as client:
            yield client
    finally:
        await joined.application.close()


async def settings_of(call: McpClient) -> Json:
    """Start a session somebody watches, and give the settings its start event says."""
    started = await accepted(call, "task", **START, attended=True)
    (payload,) = await payloads(call, started["session"]["session_id"], EventType.SESSION_STARTED)
    settings: Json = payload["settings"]
    return settings


def stated(column: int) -> Json:
    """Give the settings of a profile's column."""
    cells = {name: values[column] for name, values in CELLS.items()}
    return EVERYWHERE | {"profile": PROFILES[column]} | cells


def test_each_profile_has_a_column_and_each_cell_a_row() -> None:
    assert set(POSTURE_VALUES) == set(PROFILES)
    assert {*CELLS, "loop_role", "rehearses"} == set(PostureValues.__slots__)


@COLUMNS
async def test_a_session_starts_with_what_its_profile_says(tmp_path: Path, column: int) -> None:
    async with server(tmp_path, profile=PROFILES[column]) as call:
        assert await settings_of(call) == stated(column)


@COLUMNS
async def test_a_workspace_that_is_stricter_than_its_user_gets_what_it_asks_for(tmp_path: Path, column: int) -> None:
    (tmp_path / "workspace").mkdir()
    file = tmp_path / "workspace" / "foundry-mcp.toml"
    file.write_text(f'[posture]\nprofile = "{PROFILES[column]}"\n', encoding="utf-8")
    async with server(tmp_path, profile="debug") as call:
        assert await settings_of(call) == stated(column)


async def test_no_profile_means_the_strictest(tmp_path: Path) -> None:
    async with server(tmp_path) as call:
        assert await settings_of(call) == stated(PROFILES.index("strict-prod"))


@COLUMNS
async def test_whoever_has_no_token_has_the_loops_role(tmp_path: Path, column: int) -> None:
    async with server(tmp_path, profile=PROFILES[column]) as call:
        told = await accepted(call, "server", **of(CommandName.SERVER_CAPABILITIES))
        session = (await accepted(call, "task", **START, attended=True))["session"]
        end = of(CommandName.TASK_SESSION_END, session_id=session["session_id"], reason=ReasonCode.TESTING)
        await sent(call, END[column], end)
    assert told["role"] == LOOP_ROLE[column]


@COLUMNS
async def test_which_profile_asks_for_somebody_who_watches(tmp_path: Path, column: int) -> None:
    async with server(tmp_path, profile=PROFILES[column]) as call:
        await sent(call, UNATTENDED[column], START)


@COLUMNS
async def test_which_profile_lets_a_maintainer_waive_and_bypass(tmp_path: Path, column: int) -> None:
    async with server(tmp_path, Role.MAINTAINER, profile=PROFILES[column]) as call:
        session = (await accepted(call, "task", **START, attended=True))["session"]
        why = {"session_id": session["session_id"], "reason": ReasonCode.TESTING}
        await sent(call, WAIVER[column], of(CommandName.TASK_GATE_WAIVER, phase_id="phase-1", **why))
        status = {"node_id": "t1", "status": NodeStatus.IN_PROGRESS, "bypass": ReasonCode.TESTING}
        await sent(call, BYPASS[column], of(CommandName.TASK_UPDATE_STATUS, spec_id=SPEC, **status))


# What is in force under a profile, and refused under the one it rehearses, or might rehearse.
REFUSED_ELSEWHERE = (
    ("[security]\nallow_unattended = true\n", ""),
    ("[security]\nallow_gate_waiver = true\n", ""),
    ("", "[session_defaults]\nmax_tasks = 200\n"),
)


@COLUMNS
def test_which_profile_tells_what_another_would_refuse(tmp_path: Path, column: int) -> None:
    user, own = REFUSED_ELSEWHERE[column]
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "foundry-mcp.toml").write_text(own, encoding="utf-8")
    environ = user_config(tmp_path, f'[posture]\nprofile = "{PROFILES[column]}"\n{user}')
    examined = examine(workspace, environ | {"XDG_STATE_HOME": str(tmp_path / "state")})
    rehearsed = {finding.profile for finding in examined.findings} - {PROFILES[column]}
    assert rehearsed == {REHEARSES[column]} - {None}
    assert examined.refusals == []


async def sent(call: McpClient, code: ErrorCode | None, arguments: Json) -> None:
    """Send a call to the task tool that has to go through, or to be refused with a code."""
    if code is None:
        await accepted(call, "task", **arguments)
    else:
        await refused(call, code, "task", **arguments)
