"""Who works on a session: one run at a time, and the next as soon as that one is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from pydantic_core import MISSING

from foundry_contracts.models.events_session import EventRecord
from foundry_contracts.models.formats_session import SessionView
from foundry_contracts.models.task_session_start import SessionStartResponse
from foundry_contracts.models.task_session_status import SessionStatusResponse
from foundry_contracts.tables import LOOP_SIGNAL_INFO
from foundry_contracts.vocabulary import CommandName, ErrorCode, EventType, LoopSignal, PauseReason, Role, Severity
from foundry_mcp.bootstrap import open_tokens
from foundry_mcp.supervisor.client import Refused, connect
from foundry_mcp.supervisor.history import events_of
from foundry_mcp.supervisor.run_id import own_run, run_file
from tests.driving import task
from tests.supervisor.lab import BLOCK_ONCE, SUCCEED, Lab, worker_process

HELD = LOOP_SIGNAL_INFO[LoopSignal.BLOCKED_RUNTIME].exit_code
STALE_S = 1
STALE_SOON = {"FOUNDRY_MCP_SESSION_DEFAULTS_HEARTBEAT_STALE_S": str(STALE_S)}


@pytest.mark.parametrize("role", [Role.AUTONOMY_RUNNER, Role.MAINTAINER])
def test_of_two_runs_at_once_the_second_stops_and_leaves_a_packet_whatever_its_role(lab: Lab, role: Role) -> None:
    lab.plan("shared", [task("a")])
    run = lab.begin("shared", BLOCK_ONCE)
    worker_process(run)
    token = open_tokens(lab.workspace, lab.environ()).add("second", role)
    second = lab.run("shared", environ=lab.environ(FOUNDRY_MCP_TOKEN=token))
    packet = lab.packet()
    assert (second.exit_code, second.last.steps) == (HELD, ())
    assert (packet["error_code"], packet["severity"]) == (ErrorCode.SESSION_HELD, Severity.L1)
    assert packet["message"] == (
        "Another foundry-mcp run on this machine works on this spec. This run did nothing more, so that no step is "
        "done twice. Let the other end; then run this again."
    )
    first = _session(lab, "shared")
    assert (packet["details"]["holder"], packet["details"]["session_id"]) == (first.holder, first.session_id)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=20)
    assert lab.run("shared").last.loop_signal is LoopSignal.SPEC_COMPLETE


def test_a_session_that_another_client_holds_is_left_to_it(lab: Lab) -> None:
    lab.plan("theirs", [task("a")])
    asyncio.run(_started_by(lab, "theirs", "somebody-else"))
    result = lab.run("theirs")
    packet = lab.packet()
    assert (result.exit_code, result.last.steps) == (HELD, ())
    assert packet["error_code"] == ErrorCode.SESSION_HELD
    assert packet["details"]["holder"] == "somebody-else"
    assert packet["message"].endswith("Let the other end; then run this again.")


def test_a_run_that_was_killed_goes_on_at_once_under_the_same_id(lab: Lab) -> None:
    lab.unisolated()
    lab.plan("killed", [task("a")])
    _killed(lab.begin("killed", BLOCK_ONCE))
    path = run_file("killed", lab.settings(SUCCEED))
    before = _session(lab, "killed")
    result = lab.run("killed", BLOCK_ONCE).last
    assert (result.loop_signal, result.escalation) == (LoopSignal.SPEC_COMPLETE, None)
    assert path.read_text().strip() == before.holder
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert result.session is not None
    assert result.session.holder == before.holder
    assert EventType.HOLDER_CHANGED not in {event.type for event in _events(lab, before.session_id)}


@pytest.mark.parametrize("same_id", [True, False], ids=["under its own id", "under another id"])
def test_a_session_that_went_stale_overnight_is_picked_up_with_a_fresh_step(lab: Lab, *, same_id: bool) -> None:
    lab.unisolated()
    lab.plan("overnight", [task("a")])
    _killed(lab.begin("overnight", BLOCK_ONCE, **STALE_SOON))
    if not same_id:
        run_file("overnight", lab.settings(SUCCEED)).unlink()
    session = _stale(lab, "overnight")
    result = lab.run("overnight", BLOCK_ONCE, environ=lab.environ(**STALE_SOON), heartbeat_s=0.2).last
    assert (result.loop_signal, result.escalation) == (LoopSignal.SPEC_COMPLETE, None)
    events = _events(lab, session.session_id)
    paused = [event.payload["reason"] for event in events if event.type is EventType.SESSION_PAUSED]
    assert paused == [PauseReason.HEARTBEAT_STALE]
    assert [event.payload["step_id"] for event in events if event.type is EventType.STEP_SUPERSEDED] == [
        session.last_step_id
    ]
    assert any(event.type is EventType.HOLDER_CHANGED for event in events) is not same_id


def test_an_id_is_kept_from_run_to_run_and_never_shared_by_two(lab: Lab) -> None:
    settings = lab.settings(SUCCEED)
    names = ("a-spec", "a-spec", "b-spec")
    with ExitStack() as held:
        first, second, other = (held.enter_context(own_run(name, settings)) for name in names)
        assert (first.alone, second.alone, other.alone) == (True, False, True)
        assert len({first.run_id, second.run_id, other.run_id}) == 3
    with own_run("a-spec", settings) as later:
        assert later == first


def test_a_file_that_holds_no_id_gets_one_and_a_name_that_is_no_spec_names_no_path(lab: Lab) -> None:
    settings = lab.settings(SUCCEED)
    path = run_file("../../outside", settings)
    assert path.parent == run_file("a-spec", settings).parent
    path.parent.mkdir(parents=True)
    path.write_text("half a li")
    with own_run("../../outside", settings) as run:
        assert path.read_text() == f"{run.run_id}\n"


def _killed(run: subprocess.Popen[str]) -> None:
    worker = worker_process(run)
    run.kill()
    # Nobody is left to end the worker, and it holds the pipes.
    os.kill(worker, signal.SIGKILL)
    run.communicate(timeout=20)


def _stale(lab: Lab, spec_id: str) -> SessionView:
    """Ask for a session until its last sign of life is too long ago."""

    async def asked() -> SessionView:
        async with connect(lab.workspace, lab.environ(**STALE_SOON)) as client, asyncio.timeout(20):
            while True:
                answer = await client.call(CommandName.TASK_SESSION_STATUS, {"spec_id": spec_id}, SessionStatusResponse)
                assert not isinstance(answer, Refused)
                assert answer.session is not MISSING
                seen = datetime.fromisoformat(str(answer.session.last_sign_of_life))
                if datetime.now(UTC) > seen + timedelta(seconds=STALE_S):
                    return answer.session

    return asyncio.run(asked())


def _session(lab: Lab, spec_id: str) -> SessionView:
    async def asked() -> SessionView:
        async with connect(lab.workspace, lab.environ()) as client:
            answer = await client.call(CommandName.TASK_SESSION_STATUS, {"spec_id": spec_id}, SessionStatusResponse)
            assert not isinstance(answer, Refused)
            assert answer.session is not MISSING
            return answer.session

    return asyncio.run(asked())


def _events(lab: Lab, session_id: str) -> list[EventRecord]:
    async def asked() -> list[EventRecord]:
        async with connect(lab.workspace, lab.environ()) as client:
            return await events_of(client, session_id)

    return asyncio.run(asked())


async def _started_by(lab: Lab, spec_id: str, run_id: str) -> None:
    async with connect(lab.workspace, lab.environ()) as client:
        params = {"spec_id": spec_id, "run_id": run_id}
        assert not isinstance(await client.call(CommandName.TASK_SESSION_START, params, SessionStartResponse), Refused)
