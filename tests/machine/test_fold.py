"""A state is what its events make of it: folded from the log, it is the state that was kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from foundry_contracts.events import EVENT_MODELS
from foundry_contracts.models.events_session import SessionPaused
from foundry_contracts.vocabulary import (
    Attestation,
    EventType,
    Judgement,
    LoopSignal,
    PauseReason,
    ReasonCode,
    Role,
    Verdict,
)
from foundry_mcp.adapters.spec_files import WorkspaceSpecFiles
from foundry_mcp.application.plans import Plans
from foundry_mcp.machine.evolve import _CHANGES, evolve, fold
from foundry_mcp.machine.session import Recorded, Session
from foundry_mcp.ports import Batch, Head, Review
from tests.adapters.batches import logged
from tests.adapters.memory_store import MemoryStore
from tests.driving import Json, accepted, check, drive, next_step, run, spec, start, task
from tests.in_process import InProcess

pytestmark = pytest.mark.anyio

SPEC = "a-spec"
# These pin a plan, which no row of the table is given.
FIRST = {EventType.SESSION_STARTED, EventType.SESSION_REBASED}
# These are of no session.
OF_THE_SERVER = {EventType.CALL_DENIED, EventType.ACTOR_LIMITED}
PHASES = spec(
    SPEC,
    [task("t2", "t1"), task("t1"), check("v1", command="make test"), check("v2", "t1")],
    [task("t3")],
)


def recorded(store: MemoryStore, session_id: str) -> list[Recorded]:
    return [
        Recorded(
            event.session_id,
            event.spec_id,
            event.seq,
            event.time,
            event.actor_role,
            EVENT_MODELS[event.type].model_validate_json(event.payload),
        )
        for event in logged(store, session_id)
    ]


class Watched(MemoryStore):
    """A store that shows each session as the application has it after each append."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[int] = []

    def append(self, batch: Batch) -> Head:
        head = super().append(batch)
        self.ends.append(batch.session.version)
        return head


async def every_event(call: InProcess) -> str:
    """Drive a session through every type of event but failure and end, and give its id."""
    call.runner.endings = [(1, "no")]
    call.reviewer.reviews = [Review(Verdict.FAIL)]
    driven = await drive(call, SPEC)
    while driven.last["loop_signal"] != LoopSignal.SPEC_COMPLETE:
        verdict: Json = {"id": driven.last["session"]["pause_unit_id"], "verdict": Judgement.PASS}
        resume: Json = {"action": "session", "command": "resume", "session_id": driven.session_id}
        await accepted(call.maintainer, "task", **resume, verdict=verdict)
        driven = await drive(call, SPEC)
    return driven.session_id


async def test_every_prefix_of_the_log_folds_to_the_state_the_application_kept(tmp_path: Path) -> None:
    store = Watched()
    call = InProcess(tmp_path, PHASES, store=store)
    kept: dict[int, Session] = {}
    append = call.application._sessions.append

    def remembered(*given: object, **named: object) -> Session:
        state = append(*given, **named)  # type: ignore[arg-type]
        kept[state.version] = state
        return state

    call.application._sessions.append = remembered  # type: ignore[method-assign]
    session_id = await every_event(call)
    log = recorded(store, session_id)
    plans = Plans(store, WorkspaceSpecFiles(call.workspace)).pinned
    state: Session | None = None
    for place, event in enumerate(log, start=1):
        state = evolve(state, event, plans)
        assert fold(log[:place], plans) == state
        assert place not in kept or kept[place] == state
    assert sorted(kept) == store.ends
    assert store.ends[-1] == len(log)


async def test_what_is_left_of_a_log_folds_onto_any_state_of_it(tmp_path: Path) -> None:
    store = MemoryStore()
    call = InProcess(tmp_path, PHASES, store=store)
    log = recorded(store, await every_event(call))
    plans = Plans(store, WorkspaceSpecFiles(call.workspace)).pinned
    whole = fold(log, plans)
    for place in range(len(log) + 1):
        assert fold(log[place:], plans, fold(log[:place], plans)) == whole


async def test_a_lost_run_a_changed_structure_and_an_end_are_events_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    other = "other"
    call = InProcess(tmp_path, PHASES, spec(other, [check("v1", command="make test")]), store=store)
    met = {event.type for event in logged(store, await every_event(call))}
    # A run that its server did not outlive, a structure that changed, and the end.
    session_id = await start(call, other)
    step = (await next_step(call, session_id))["step"]
    monkeypatch.setattr(call.runner, "run", _cut_off)
    params = {**step["run_call"]["params"], "wait_ms": 0}
    await accepted(call, "verification", action="execute", **params)
    await call.application.close()
    monkeypatch.undo()
    call.restart()
    attempt = (await run(call, step))["attempt_id"]
    result = {**step["report_call"]["params"]["result"], "attempt_id": attempt}
    changed = spec(other, [check("v1", command="make test"), task("t9")])
    call.spec_file(other).write_text(json.dumps(changed), encoding="utf-8")
    await next_step(call, session_id, result)
    end: Json = {"action": "session", "command": "end", "reason": ReasonCode.TESTING}
    await accepted(call.maintainer, "task", **end, session_id=session_id)
    met |= {event.type for event in logged(store, session_id)}
    assert met <= set(_CHANGES) | FIRST


def test_the_table_of_changes_is_whole() -> None:
    assert set(_CHANGES) | FIRST == set(EventType) - OF_THE_SERVER


async def _cut_off(command: object) -> None:
    """Run for as long as the server lives."""
    await asyncio.Event().wait()


def test_a_log_that_does_not_begin_with_a_start_is_no_session() -> None:
    pause = SessionPaused(reason=PauseReason.USER)
    event = Recorded("ses_x", SPEC, 1, "2026-01-01T00:00:00.000Z", Role.MAINTAINER, pause)

    def no_plans(digest: str) -> object:
        raise AssertionError(digest)

    with pytest.raises(ValueError, match="session_paused, not a start"):
        fold([event], no_plans)  # type: ignore[arg-type]


async def test_units_are_done_in_the_order_of_the_plan_as_far_as_their_dependencies_let_them(tmp_path: Path) -> None:
    call = InProcess(tmp_path, PHASES, attestation=Attestation.AGENT)
    driven = await drive(call, SPEC)
    assert [step["unit"]["id"] for step in driven.steps if "unit" in step] == ["t1", "t2", "v1", "v2", "t3"]
