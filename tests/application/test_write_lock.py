"""Who may change a spec file while a session lives on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    NodeStatus,
    ReasonCode,
)
from tests.driving import (
    accepted,
    next_step,
    spec,
    start,
    task,
    types,
)
from tests.in_process import InProcess
from tests.scenes import (
    SPEC,
    TWO_TASKS,
    of,
    payloads,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_a_live_session_locks_its_spec_and_a_bypass_is_recorded(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS, allow_lock_bypass=True)
    update = of(CommandName.TASK_UPDATE_STATUS, spec_id=SPEC, node_id="t1", status=NodeStatus.COMPLETED)
    await turned_down(call, ErrorCode.UNIT_NOT_FOUND, "task", **{**update, "node_id": "t9"})
    await accepted(call, "task", **{**update, "status": NodeStatus.IN_PROGRESS})
    session_id = await start(call, SPEC)
    before = json.loads(call.spec_file(SPEC).read_text(encoding="utf-8"))
    await turned_down(call, ErrorCode.AUTONOMY_WRITE_LOCK_ACTIVE, "task", **update)
    bypass = {**update, "bypass": ReasonCode.OPERATOR_OVERRIDE}
    await turned_down(call, ErrorCode.LOCK_BYPASS_FORBIDDEN, "task", **bypass)
    assert json.loads(call.spec_file(SPEC).read_text(encoding="utf-8")) == before
    await accepted(call.maintainer, "task", **bypass)
    before["phases"][0]["tasks"][0]["status"] = NodeStatus.COMPLETED
    assert json.loads(call.spec_file(SPEC).read_text(encoding="utf-8")) == before
    log = await types(call, session_id)
    assert (log.count(EventType.ACCESS_DENIED), log.count(EventType.LOCK_BYPASSED)) == (2, 1)
    assert "step" in await next_step(call, session_id)


async def test_a_status_is_written_and_everything_else_stays(tmp_path: Path) -> None:
    document = spec(SPEC, [task("t1", note="kept, Ünïcode too")], [task("t2")]) | {"unknown": {"b": 1, "a": [None]}}
    call = InProcess(tmp_path, document)
    file = call.spec_file(SPEC)
    file.chmod(0o640)
    update = of(CommandName.TASK_UPDATE_STATUS, spec_id=SPEC, node_id="t1", status=NodeStatus.COMPLETED)
    answer = await accepted(call, "task", **update)
    assert (answer["loop_signal"], answer["status"]) == (None, NodeStatus.COMPLETED)
    document["phases"][0]["tasks"][0]["status"] = NodeStatus.COMPLETED
    # As text, so that the order of keys counts too.
    assert json.dumps(json.loads(file.read_text(encoding="utf-8"))) == json.dumps(document)
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == [file.name]


async def test_the_lock_ends_with_the_session(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_TASKS)
    session_id = await start(call, SPEC)
    update = of(CommandName.TASK_UPDATE_STATUS, spec_id=SPEC, node_id="t1", status=NodeStatus.COMPLETED)
    before = call.spec_file(SPEC).read_bytes()
    await turned_down(call.maintainer, ErrorCode.AUTONOMY_WRITE_LOCK_ACTIVE, "task", **update)
    assert call.spec_file(SPEC).read_bytes() == before
    assert await payloads(call, session_id, EventType.ACCESS_DENIED) == [
        {"command": CommandName.TASK_UPDATE_STATUS, "error_code": ErrorCode.AUTONOMY_WRITE_LOCK_ACTIVE}
    ]
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    await accepted(call.maintainer, "task", **end)
    await accepted(call, "task", **update)
    assert call.spec_file(SPEC).read_bytes() != before


@pytest.mark.parametrize("looser", ["session", "server"])
async def test_a_bypass_takes_the_leave_of_the_session_and_of_the_server(tmp_path: Path, looser: str) -> None:
    call = InProcess(tmp_path, TWO_TASKS, allow_lock_bypass=looser == "session")
    session_id = await start(call, SPEC)
    call.settings = call.settings.model_copy(update={"allow_lock_bypass": looser == "server"})
    call.restart()
    update = of(CommandName.TASK_UPDATE_STATUS, spec_id=SPEC, node_id="t1", status=NodeStatus.COMPLETED)
    bypass = {**update, "bypass": ReasonCode.OPERATOR_OVERRIDE}
    await turned_down(call.maintainer, ErrorCode.LOCK_BYPASS_FORBIDDEN, "task", **bypass)
    assert EventType.LOCK_BYPASSED not in await types(call, session_id)
