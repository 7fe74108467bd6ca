"""A log that is not what the server wrote: found when it is loaded, told to whoever asks, and led out of."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw
import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import (
    CommandName,
    ErrorCode,
    EventType,
    LogFault,
    LoopSignal,
    ReasonCode,
    Role,
    SessionStatus,
    Severity,
)
from foundry_mcp.adapters import event_chain
from foundry_mcp.adapters.event_chain import Entry, canonical
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.machine.signal import signal_of
from foundry_mcp.ports import LOG_HEAD_TYPE
from tests.driving import Json, accepted, check, events, next_step, parameters, refused, spec, start, task
from tests.in_process import InProcess
from tests.scenes import SPEC, done, of
from tests.tampering import HARMS, Harm

pytestmark = pytest.mark.anyio

PLAN = spec(SPEC, [task("t1"), task("t2", "t1"), check("v1", command="make test")], [task("t3")])
RESET = {"reason": ReasonCode.CORRUPT_STATE}
FOUND_ONLY_WHOLE = {"a changed plan", "a plan that is no JSON", "a plan gone"}


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.sqlite3"


@pytest.fixture
def call(tmp_path: Path, store_file: Path) -> Iterator[InProcess]:
    signer = FileSigner(tmp_path / "state")
    store = SqliteStore(store_file, signer.mac)
    yield InProcess(tmp_path, PLAN, store=store, signer=signer)
    store.close()


async def nine_events(call: InProcess) -> str:
    session_id = await start(call, SPEC)
    await done(call, session_id, 3)
    assert len(await events(call, session_id)) == 9
    return session_id


def found(data: Json) -> tuple[str, int]:
    return data["details"]["fault"], data["details"]["seq"]


@pytest.mark.parametrize("harm", HARMS, ids=str)
async def test_a_harmed_log_is_found_when_it_is_loaded_and_a_reset_leads_out(
    call: InProcess, store_file: Path, harm: Harm
) -> None:
    session_id = await nine_events(call)
    harm.do(store_file, session_id)
    call.restart()

    data = await refused(
        call, ErrorCode.LOG_INTEGRITY, "task", **of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
    )
    assert found(data) == (harm.fault, harm.seq)
    assert (data["loop_signal"], data["error_type"], data["retryable"]) == (LoopSignal.FAILED, "evidence", False)
    assert [action["action"] for action in data["recommended_actions"]] == ["audit", "reset"]

    await told_as_degraded(call, session_id, harm, SessionStatus.FAILED)
    before = rows(store_file)
    if harm.name != "the row gone":
        again = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
        assert found(await refused(call, ErrorCode.LOG_INTEGRITY, "task", **again)) == (harm.fault, harm.seq)
    reset = data["recommended_actions"][1]
    assert reset["least_role"] == Role.MAINTAINER
    await refused(call, ErrorCode.UNAUTHORIZED, reset["call"]["tool"], **parameters(reset["call"]))
    answer = await accepted(call.maintainer, reset["call"]["tool"], **parameters(reset["call"]))
    assert (answer["loop_signal"], answer["degraded"]["closed"]) == (LoopSignal.PAUSED_NEEDS_ATTENTION, True)
    assert rows(store_file) == before
    await told_as_degraded(call, session_id, harm, SessionStatus.ENDED)

    await refused(call, ErrorCode.LOG_INTEGRITY, "task", **of(CommandName.TASK_SESSION_EVENTS, session_id=session_id))
    another = await start(call, SPEC)
    assert (await next_step(call, another))["step"]["unit"]["id"] == "t1"
    assert (await events(call, another))[0]["payload"]["carried"] == []


async def told_as_degraded(call: InProcess, session_id: str, harm: Harm, effective: SessionStatus) -> None:
    status = await accepted(call.observer, "task", **of(CommandName.TASK_SESSION_STATUS, session_id=session_id))
    assert "session" not in status
    assert status["effective_status"] == effective
    finding = status["degraded"]["finding"]
    assert (finding["session_id"], finding["fault"]) == (session_id, harm.fault)
    listed = await accepted(call.observer, "task", **of(CommandName.TASK_SESSION_LIST))
    if harm.name == "the row's status no text" and effective is SessionStatus.FAILED:
        assert (listed["sessions"], listed["unreadable"]) == ([], 1)
    elif harm.name not in ("the row gone", "the row's status changed"):
        (entry,) = listed["sessions"]
        assert (entry["effective_status"], entry["finding"]["fault"]) == (effective, harm.fault)


def rows(store_file: Path) -> list[Any]:
    raw = apsw.Connection(str(store_file))
    try:
        return raw.execute(
            "SELECT seq, CAST(payload AS BLOB), hash, seal FROM events ORDER BY session_id, seq"
        ).fetchall()
    finally:
        raw.close()


@pytest.mark.parametrize("harm", [harm for harm in HARMS if harm.name not in FOUND_ONLY_WHOLE], ids=str)
async def test_a_server_that_knows_the_session_finds_the_harm_when_it_signs_the_head(
    call: InProcess, store_file: Path, harm: Harm
) -> None:
    session_id = await nine_events(call)
    harm.do(store_file, session_id)
    data = await refused(
        call, ErrorCode.LOG_INTEGRITY, "task", **of(CommandName.TASK_SESSION_CHECKPOINT, session_id=session_id)
    )
    assert found(data) == (harm.fault, harm.seq)
    # From now on it trusts nothing it had in memory.
    step = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
    await refused(call, ErrorCode.LOG_INTEGRITY, "task", **step)


@pytest.mark.parametrize(
    ("name", "fault", "seq"),
    [
        ("a forged event at the end, chained", LogFault.FORGED, 10),
        ("a cut tail", LogFault.CUT, 7),
        ("a cut tail, and the session's row to go with it", LogFault.CUT, 7),
        ("an edited event, all chained anew", LogFault.FORGED, 4),
        ("the row's status changed", LogFault.ROW_ALTERED, 9),
    ],
)
async def test_a_server_that_knows_the_session_finds_a_harmed_end_with_the_next_step(
    call: InProcess, store_file: Path, name: str, fault: LogFault, seq: int
) -> None:
    session_id = await nine_events(call)
    next(harm for harm in HARMS if harm.name == name).do(store_file, session_id)
    step = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
    assert found(await refused(call, ErrorCode.LOG_INTEGRITY, "task", **step)) == (fault, seq)


async def test_an_event_that_is_shown_is_checked(call: InProcess, store_file: Path) -> None:
    session_id = await nine_events(call)
    HARMS[0].do(store_file, session_id)
    read = of(CommandName.TASK_SESSION_EVENTS, session_id=session_id)
    assert found(await refused(call, ErrorCode.LOG_INTEGRITY, "task", **read)) == (LogFault.EDITED, 4)


async def test_a_log_put_back_to_an_older_state_is_found_by_who_saw_the_newer(
    call: InProcess, store_file: Path
) -> None:
    session_id = await start(call, SPEC)
    raw = apsw.Connection(str(store_file))
    old = raw.execute("SELECT * FROM sessions").fetchall()[0]
    await done(call, session_id, 2)
    raw.execute("DELETE FROM events WHERE seq > 1")
    raw.execute("DELETE FROM sessions")
    raw.execute(f"INSERT INTO sessions VALUES ({', '.join('?' * len(old))})", old)
    step = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
    assert found(await refused(call, ErrorCode.LOG_INTEGRITY, "task", **step)) == (LogFault.CUT, 2)
    raw.execute("DELETE FROM events")
    raw.execute("DELETE FROM sessions")
    raw.close()


async def test_a_session_that_vanished_is_found_by_who_knew_it(call: InProcess, store_file: Path) -> None:
    session_id = await nine_events(call)
    raw = apsw.Connection(str(store_file))
    raw.execute("DELETE FROM events")
    raw.execute("DELETE FROM sessions")
    raw.close()
    step = of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
    assert found(await refused(call, ErrorCode.LOG_INTEGRITY, "task", **step)) == (LogFault.LOST, 0)


async def test_while_the_log_is_at_fault_nothing_but_a_reset_changes_anything(
    call: InProcess, store_file: Path
) -> None:
    session_id = await nine_events(call)
    HARMS[0].do(store_file, session_id)
    call.restart()
    before = rows(store_file)
    given = {
        "session_id": session_id,
        "spec_id": SPEC,
        "unit_id": "t1",
        "node_id": "t1",
        "phase_id": "phase-1",
        "status": "completed",
        "step_id": f"stp_{'0' * 26}",
        "reason": ReasonCode.TESTING,
    }
    for entry in COMMANDS.values():
        name = CommandName(entry.name)
        if entry.read_only or name is CommandName.TASK_SESSION_RESET:
            continue
        known = call_parameters(entry.request_schema)
        params: Json = {key: value for key, value in given.items() if key in known}
        if name is CommandName.TASK_SESSION_STEP_REPORT:
            params["result"] = {
                "step_id": given["step_id"], "type": "implement_task", "phase_id": "phase-1", "outcome": "success"
            }  # fmt: skip
        await refused(call.maintainer, ErrorCode.LOG_INTEGRITY, entry.tool, **of(name, **params))
    assert rows(store_file) == before


def call_parameters(schema: str) -> set[str]:
    document = json.loads((files("foundry_contracts") / "schemas" / schema).read_text(encoding="utf-8"))
    return set(document["properties"])


async def test_a_reset_by_key_is_answered_again_and_a_second_one_too(call: InProcess, store_file: Path) -> None:
    session_id = await nine_events(call)
    HARMS[0].do(store_file, session_id)
    call.restart()
    reset = of(CommandName.TASK_SESSION_RESET, session_id=session_id, idempotency_key="once", **RESET)
    first = await call.answer("task", Role.MAINTAINER, **reset)
    assert (await call.answer("task", Role.MAINTAINER, **reset)).text == first.text
    other = {**reset, "note": "another"}
    await refused(call.maintainer, ErrorCode.IDEMPOTENCY_CONFLICT, "task", **other)
    await accepted(call.maintainer, "task", **of(CommandName.TASK_SESSION_RESET, session_id=session_id, **RESET))
    raw = apsw.Connection(str(store_file))
    assert raw.execute("SELECT count(*) FROM upkeep").get == 1
    raw.close()


async def test_what_the_store_holds_though_nobody_wrote_it_there_is_no_fault_of_the_servers(
    call: InProcess, store_file: Path
) -> None:
    """A row that bears a good seal and says what this server does not know, as one by a newer server does."""
    session_id = await nine_events(call)
    raw = apsw.Connection(str(store_file))
    columns = "event_id, session_id, seq, spec_id, time, actor_id, actor_role, type, payload"
    row: Any = raw.execute(f"SELECT {columns}, hash FROM events WHERE seq = 9").fetchall()[0]
    for kind, payload in (("of_the_future", "{}"), ("step_reported", "<"), ("session_paused", '{"reason": "no"}')):
        spec_id, time, actor, role = row[3:7]
        entry = Entry(f"evt_{kind}", session_id, 10, spec_id, time, actor, role, kind, payload)
        digest = event_chain.link(row[-1], entry)
        seals = event_chain.Seals(call.signer.mac)
        values = (
            *(getattr(entry, name) for name in columns.split(", ")),
            digest,
            seals.of_event(session_id, 10, digest),
        )
        raw.execute("DELETE FROM events WHERE seq = 10")
        raw.execute(f"INSERT INTO events ({columns}, hash, seal) VALUES ({', '.join('?' * 11)})", values)
        raw.execute("UPDATE sessions SET version = 10, seal = ?", (seals.of_head(session_id, 10, digest),))
        call.restart()
        data = await refused(
            call, ErrorCode.LOG_INTEGRITY, "task", **of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id)
        )
        assert found(data) == (LogFault.UNREADABLE, 10)
    raw.close()


async def test_rows_that_cannot_be_read_at_all_are_counted_and_hide_no_other(call: InProcess, store_file: Path) -> None:
    session_id = await nine_events(call)
    raw = apsw.Connection(str(store_file))
    columns = "session_id, spec_id, status, version, created_at, updated_at, live, seal"
    raw.execute(f"INSERT INTO sessions ({columns}) VALUES ('../x', 'y', 'ended', 1, 'then', 'now', 0, '')")
    raw.execute(f"INSERT INTO sessions ({columns}) VALUES (CAST(x'ff' AS TEXT), 'y', 'ended', 1, 'then', 'now', 0, '')")
    raw.close()
    listed = await accepted(call, "task", **of(CommandName.TASK_SESSION_LIST))
    assert ([entry["session_id"] for entry in listed["sessions"]], listed["unreadable"]) == ([session_id], 2)


async def test_a_head_is_signed_where_the_log_ends(call: InProcess) -> None:
    session_id = await nine_events(call)
    data = await accepted(call.observer, "task", **of(CommandName.TASK_SESSION_CHECKPOINT, session_id=session_id))
    assert call.signer.verify(data["checkpoint"], LOG_HEAD_TYPE) == data["head"]
    assert call.signer.verify(data["checkpoint"]) is None
    assert (data["head"]["seq"], data["head"]["session_id"]) == (9, session_id)
    assert json.loads(base64.b64decode(data["checkpoint"]["payload"])) == data["head"]
    await refused(
        call,
        ErrorCode.SESSION_NOT_FOUND,
        "task",
        **of(CommandName.TASK_SESSION_CHECKPOINT, session_id=f"ses_{'9' * 26}"),
    )


async def test_a_clock_set_back_lets_no_event_run_backwards_and_says_so(call: InProcess) -> None:
    session_id = await start(call, SPEC)
    began = call.clock.time
    call.clock.time = "2025-06-01T00:00:00.000Z"
    answer = await call("task", **of(CommandName.TASK_SESSION_STEP_NEXT, session_id=session_id))
    (warning,) = answer["meta"]["warnings"]
    assert began in warning
    times = [event["time"] for event in await events(call, session_id)]
    assert times == sorted(times) == [began, began]
    call.clock.time = "2026-01-01T00:00:01.000Z"
    status = await call("task", **of(CommandName.TASK_SESSION_STEP_REPLAY, session_id=session_id))
    assert "warnings" not in status["meta"]


def test_a_log_at_fault_is_for_a_maintainer() -> None:
    assert signal_of(None, ErrorCode.LOG_INTEGRITY).severity is Severity.L2


async def test_loading_costs_no_more_as_the_log_grows(call: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = await start(call, SPEC)
    linked: list[Entry] = []

    def counted(entry: Entry) -> bytes:
        linked.append(entry)
        return canonical(entry)

    monkeypatch.setattr(event_chain, "canonical", counted)
    counts = []
    for _ in range(3):
        linked.clear()
        await accepted(call, "task", **of(CommandName.TASK_SESSION_STATUS, session_id=session_id))
        counts.append(len(linked))
        await done(call, session_id)
    assert counts == [0, 0, 0]
    assert EventType.STEP_REPORTED in {event["type"] for event in await events(call, session_id)}
