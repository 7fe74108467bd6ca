"""What a session would do, told beforehand."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.models.spec_plan import PlannedStep
from foundry_contracts.vocabulary import (
    Attestation,
    CommandName,
    ErrorCode,
    EventType,
    Judgement,
    LoopSignal,
    PauseReason,
)
from foundry_mcp.application import planned_steps
from foundry_mcp.machine.plan_index import PlanIndex
from tests.driving import (
    Json,
    accepted,
    check,
    drive,
    events,
    make_files,
    spec,
    task,
)
from tests.in_process import InProcess
from tests.real_specs import REAL, REAL_SPECS
from tests.scenes import (
    SPEC,
    TWO_PHASES,
    TWO_TASKS,
    of,
    resumed,
    rewrite,
    turned_down,
)

pytestmark = pytest.mark.anyio


async def test_a_plan_is_what_a_driven_session_then_does(tmp_path: Path) -> None:
    document = spec(SPEC, [task("t2", "t1"), task("t1"), check("v1", command="make test")], [task("t3"), check("v2")])
    call = InProcess(tmp_path, document)
    plan = await accepted(call, "spec", **of(CommandName.SPEC_PLAN, spec_id=SPEC))
    planned = [(step["type"], step.get("unit_id")) for step in plan["steps"] if "type" in step]
    driven = await drive(call, SPEC)
    steps = list(driven.steps)
    await resumed(call.maintainer, driven.last, verdict={"id": "v2", "verdict": Judgement.PASS})
    steps += (await drive(call, SPEC)).steps
    assert [(step["type"], step.get("unit", {}).get("id")) for step in steps] == planned
    assert [step.get("pause") for step in plan["steps"] if "pause" in step] == [
        PauseReason.PHASE_COMPLETE,
        PauseReason.VERIFICATION_ATTESTATION,
    ]


async def test_a_plan_leaves_no_trace(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    before = call.spec_file(SPEC).read_bytes()
    plan = of(CommandName.SPEC_PLAN, spec_id=SPEC)
    whole = await accepted(call.observer, "spec", **plan)
    short = await accepted(call.observer, "spec", **plan, limit=2)
    assert (short["steps"], short["total"]) == (whole["steps"][:2], whole["total"])
    assert call.runner.ran == []
    assert call.spec_file(SPEC).read_bytes() == before
    assert (await accepted(call, "task", **of(CommandName.TASK_SESSION_LIST)))["sessions"] == []


async def test_a_plan_no_session_could_run_is_refused_as_a_start_is(tmp_path: Path) -> None:
    document = spec(SPEC, [task("t1")])
    document["phases"][0]["tasks"].append({"id": "v1", "type": "verify", "metadata": {"verification_type": "auto"}})
    call = InProcess(tmp_path, document)
    for tool, command in (("spec", CommandName.SPEC_PLAN), ("task", CommandName.TASK_SESSION_START)):
        await turned_down(call, ErrorCode.VERIFICATION_COMMAND_MISSING, tool, **of(command, spec_id=SPEC))


async def test_a_plan_is_read_page_by_page_while_the_spec_stays_as_it_is(tmp_path: Path) -> None:
    call = InProcess(tmp_path, TWO_PHASES)
    plan = of(CommandName.SPEC_PLAN, spec_id=SPEC)
    whole = await accepted(call.observer, "spec", **plan)
    assert not whole["has_more"]
    pages = [await accepted(call.observer, "spec", **plan, limit=2)]
    while pages[-1]["has_more"]:
        pages.append(await accepted(call.observer, "spec", **plan, limit=2, cursor=pages[-1]["cursor"]))
    assert [step for page in pages for step in page["steps"]] == whole["steps"]
    rewrite(call, TWO_TASKS)
    await turned_down(call.observer, ErrorCode.INVALID_CURSOR, "spec", **plan, cursor=pages[0]["cursor"])


async def test_a_plan_is_walked_once_for_all_its_pages_and_again_when_it_is_another_or_long_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[str] = []

    def counting(plan: PlanIndex, settings: SessionSettings) -> list[PlannedStep]:
        walked.append(plan.digest)
        return walk(plan, settings)

    walk = planned_steps._walk
    monkeypatch.setattr(planned_steps, "_walk", counting)
    others = [spec(f"spec-{number}", [task(f"t{number}")]) for number in range(planned_steps.KEPT)]
    call = InProcess(tmp_path, TWO_PHASES, *others)
    plan = of(CommandName.SPEC_PLAN, spec_id=SPEC, limit=2)
    page = await accepted(call.observer, "spec", **plan)
    while page["has_more"]:
        page = await accepted(call.observer, "spec", **plan, cursor=page["cursor"])
    assert len(walked) == 1
    rewrite(call, TWO_TASKS)
    assert (await accepted(call.observer, "spec", **plan))["total"] < page["total"]
    assert len(set(walked)) == 2
    for other in others:
        await accepted(call.observer, "spec", **of(CommandName.SPEC_PLAN, spec_id=other["spec_id"]))
    await accepted(call.observer, "spec", **plan)
    assert walked[-1] == walked[1]
    assert len(walked) == 3 + len(others)


async def test_a_command_in_a_shells_language_is_refused_before_anything_begins(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec(SPEC, [task("t1"), check("v1", command="make test | tee out.txt")]))
    for tool, command in (("spec", CommandName.SPEC_PLAN), ("task", CommandName.TASK_SESSION_START)):
        data = await turned_down(call, ErrorCode.VERIFICATION_SHELL_REFUSED, tool, **of(command, spec_id=SPEC))
        assert [fault["node"] for fault in data["details"]["nodes"]] == ["v1"]


def made_up(seed: int) -> Json:
    """Make up a spec: units of all kinds in some order, each waiting for some of those named before it."""
    chance = Random(seed)
    phases: list[list[Json]] = []
    for phase in range(chance.randint(1, 4)):
        names = [f"u{phase}-{number}" for number in range(chance.randint(1, 8))]
        units: list[Json] = []
        for place, name in enumerate(names):
            after = chance.sample(names[:place], chance.randint(0, min(2, place)))
            kind = chance.random()
            checks = [unit["id"] for unit in units if unit["type"] == "verify"]
            if kind < 0.6 or not units:
                # A task that waits for a check is no cycle: the check waits only for tasks that do not wait for it.
                units.append(task(name, *(other for other in after if other not in checks)))
            else:
                units.append(check(name, *after, command="" if kind > 0.9 else "make test"))
        chance.shuffle(units)
        phases.append(units)
    return spec(SPEC, *phases)


@pytest.mark.parametrize("seed", range(12))
async def test_a_made_up_specs_plan_is_what_a_session_does(tmp_path: Path, seed: int) -> None:
    call = InProcess(tmp_path, made_up(seed), max_tasks=10_000, attestation=Attestation.AGENT)
    await agrees_with_its_plan(call, SPEC)


async def agrees_with_its_plan(call: InProcess, spec_id: str) -> None:
    """Drive a spec to its end, and hold what it did to what its plan said."""
    plan = await accepted(call, "spec", **of(CommandName.SPEC_PLAN, spec_id=spec_id, limit=200))
    driven = await drive(call, spec_id, make_files(call.workspace), at_once=True)
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE, driven.last
    happened: list[tuple[str, str, str | None]] = []
    for event in await events(call, driven.session_id, types=[EventType.STEP_ISSUED, EventType.SESSION_PAUSED]):
        payload = event["payload"]
        kind = payload["type"] if event["type"] == EventType.STEP_ISSUED else payload["reason"]
        happened.append((kind, payload["phase_id"], payload.get("unit_id")))
    planned = [(step.get("type") or step["pause"], step["phase_id"], step.get("unit_id")) for step in plan["steps"]]
    assert happened[:200] == planned
    assert plan["total"] == len(happened)


@pytest.mark.parametrize("spec_id", REAL_SPECS)
async def test_a_real_specs_plan_is_what_a_session_does(spec_id: str, tmp_path: Path) -> None:
    source = REAL / f"{spec_id}.json"
    if not source.exists():
        pytest.skip(f"{source} is not here; FOUNDRY_SPECS names the folder of the real specs")
    call = InProcess(tmp_path, max_tasks=10_000, attestation=Attestation.AGENT, replace_command="true")
    shutil.copy(source, call.spec_file(spec_id))
    await agrees_with_its_plan(call, spec_id)
