"""Files that nobody may change while a session runs: what a gate finds of them, and how a change is taken over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.vocabulary import (
    ChangeKind,
    CommandName,
    ErrorCode,
    EventType,
    GatePolicy,
    Judgement,
    LoopSignal,
    PauseReason,
    ReasonCode,
    ReviewerKind,
    ReviewFindingCode,
    StepType,
    Verdict,
)
from foundry_mcp.ports import Review
from tests.driving import Json, accepted, check, drive, next_step, report, result_of, run, spec, start, task
from tests.in_process import InProcess
from tests.scenes import SPEC, done, of, paused_for, payloads, resumed, rewrite, turned_down

pytestmark = pytest.mark.anyio

PROTECTED = {"metadata": {"protected_paths": ["tests"]}}
ONE = spec(SPEC, [task("t1")]) | PROTECTED
TWO = spec(SPEC, [task("t1")], [task("t2")]) | PROTECTED
CHECKED = spec(SPEC, [task("t1"), check("v1", "t1", command="make")]) | PROTECTED
TEST = "tests/test_it.py"


def server(folder: Path, document: Json, **settings: Any) -> InProcess:
    """Give a server of a workspace with a test and a file beside it."""
    call = InProcess(folder, document, **settings)
    (call.workspace / "tests").mkdir()
    (call.workspace / TEST).write_text("assert False\n", encoding="utf-8")
    (call.workspace / "code.py").write_text("1\n", encoding="utf-8")
    return call


def edit(call: InProcess) -> None:
    (call.workspace / TEST).write_text("assert True\n", encoding="utf-8")


def remove(call: InProcess) -> None:
    (call.workspace / TEST).unlink()


def add(call: InProcess) -> None:
    (call.workspace / "tests" / "conftest.py").write_text("", encoding="utf-8")


def touch_mode(call: InProcess) -> None:
    (call.workspace / TEST).chmod(0o755)


def swap_for_link(call: InProcess) -> None:
    shutil.copytree(call.workspace / "tests", call.workspace / "others")
    shutil.rmtree(call.workspace / "tests")
    (call.workspace / "tests").symlink_to("others")


CHANGES: list[tuple[Callable[[InProcess], None], dict[str, ChangeKind]]] = [
    (edit, {TEST: ChangeKind.CHANGED}),
    (touch_mode, {TEST: ChangeKind.CHANGED}),
    (remove, {TEST: ChangeKind.REMOVED}),
    (add, {"tests/conftest.py": ChangeKind.ADDED}),
    (swap_for_link, {"tests": ChangeKind.ADDED, TEST: ChangeKind.REMOVED}),
]


async def gate(call: InProcess, session_id: str) -> Json:
    """Have the gate step reviewed and reported, and give the review."""
    step = (await next_step(call, session_id))["step"]
    assert step["type"] == StepType.RUN_FIDELITY_GATE
    await report(call, session_id, await result_of(call, step, lambda step: None))
    found = await payloads(call, session_id, EventType.GATE_FINISHED)
    return found[-1]


def changed(review: Json) -> dict[str, str]:
    """Give what a review found of protected files, and hold its findings to it."""
    kinds = {change["path"]: change["change"] for change in review["protected_changes"]}
    coded = [one for one in review["findings"] if one["code"] == ReviewFindingCode.PROTECTED_PATH_CHANGED]
    assert [one["path"] for one in coded] == list(kinds)
    return kinds


@pytest.mark.parametrize(("change", "found"), CHANGES)
@pytest.mark.parametrize("policy", [GatePolicy.STRICT, GatePolicy.LENIENT])
async def test_a_changed_test_fails_the_gate_whatever_the_reviewer_says(
    tmp_path: Path, change: Callable[[InProcess], None], found: dict[str, ChangeKind], policy: GatePolicy
) -> None:
    call = server(tmp_path, ONE, gate_policy=policy)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    change(call)
    review = await gate(call, session_id)
    assert changed(review) == found
    assert review["verdict"] == Verdict.FAIL
    (asked,) = call.reviewer.asked
    assert [finding.path for finding in asked.findings] == list(found)
    assert {change.path: change.change for change in asked.protected_changes} == found
    step = (await next_step(call, session_id))["step"]
    assert (step["type"], step["findings"]) == (StepType.ADDRESS_FEEDBACK, review["findings"])


async def test_a_test_that_is_put_back_is_no_longer_a_finding(tmp_path: Path) -> None:
    call = server(tmp_path, ONE)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    before = (call.workspace / TEST).read_text()
    edit(call)
    await gate(call, session_id)
    (call.workspace / TEST).write_text(before, encoding="utf-8")
    await done(call, session_id)
    assert (await gate(call, session_id))["verdict"] == Verdict.PASS
    assert (await next_step(call, session_id))["loop_signal"] == LoopSignal.SPEC_COMPLETE


async def verified(call: InProcess, session_id: str) -> Json:
    """Have the verification that comes next carried out and reported, and give what the log says of it."""
    step = (await next_step(call, session_id))["step"]
    assert step["type"] == StepType.EXECUTE_VERIFICATION
    await report(call, session_id, await result_of(call, step, lambda step: None))
    return (await payloads(call, session_id, EventType.VERIFICATION_FINISHED))[-1]


@pytest.mark.parametrize(("change", "found"), CHANGES)
async def test_no_check_passes_while_a_protected_file_is_another(
    tmp_path: Path, change: Callable[[InProcess], None], found: dict[str, ChangeKind]
) -> None:
    call = server(tmp_path, CHECKED)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    change(call)
    run = await verified(call, session_id)
    assert {one["path"]: one["change"] for one in run["protected_changes"]} == found
    assert (run["passed"], "exit_code" in run, call.runner.ran) == (False, False, [])
    step = (await next_step(call, session_id))["step"]
    assert step["type"] == StepType.ADDRESS_FEEDBACK
    assert [finding["path"] for finding in step["findings"]] == list(found)


async def test_a_test_that_is_put_back_before_the_gate_did_not_pass_meanwhile(tmp_path: Path) -> None:
    call = server(tmp_path, CHECKED)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    before = (call.workspace / TEST).read_text()
    edit(call)
    assert not (await verified(call, session_id))["passed"]
    (call.workspace / TEST).write_text(before, encoding="utf-8")
    await done(call, session_id)
    run = await verified(call, session_id)
    assert (run["passed"], "protected_changes" in run, len(call.runner.ran)) == (True, False, 1)
    assert (await gate(call, session_id))["verdict"] == Verdict.PASS


async def test_a_command_that_edits_a_protected_file_does_not_pass(tmp_path: Path) -> None:
    call = server(tmp_path, CHECKED)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    call.runner.meanwhile = lambda: edit(call)
    run = await verified(call, session_id)
    assert (run["passed"], run["exit_code"]) == (False, 0)
    assert [one["path"] for one in run["protected_changes"]] == [TEST]


async def test_who_asks_for_a_check_is_told_why_a_command_that_exits_well_does_not_pass(tmp_path: Path) -> None:
    call = server(tmp_path, CHECKED)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    call.runner.meanwhile = lambda: edit(call)
    step = (await next_step(call, session_id))["step"]
    ended = await run(call, step)
    assert (ended["passed"], ended["exit_code"]) == (False, 0)
    assert [one["path"] for one in ended["protected_changes"]] == [TEST]


async def test_a_command_that_fails_by_itself_and_edits_a_protected_file_gives_both_to_mend(tmp_path: Path) -> None:
    call = server(tmp_path, CHECKED)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    call.runner.endings, call.runner.meanwhile = [(2, "1 test failed")], lambda: edit(call)
    await verified(call, session_id)
    findings = (await next_step(call, session_id))["step"]["findings"]
    assert [finding["code"] for finding in findings] == [
        ReviewFindingCode.PROTECTED_PATH_CHANGED,
        ReviewFindingCode.VERIFICATION_FAILED,
    ]
    assert findings[1]["message"].endswith("exited with 2. The end of its output:\n1 test failed")


async def test_putting_one_of_two_files_back_is_progress(tmp_path: Path) -> None:
    call = server(tmp_path, CHECKED, max_attempts=9)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    edit(call)
    add(call)
    await verified(call, session_id)
    (call.workspace / "tests" / "conftest.py").unlink()
    await done(call, session_id)
    await verified(call, session_id)
    await done(call, session_id)
    await verified(call, session_id)
    await paused_for(call, session_id, PauseReason.NO_PROGRESS)


async def test_of_very_many_changes_the_first_are_told_and_all_are_recorded(tmp_path: Path) -> None:
    call = server(tmp_path, ONE)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    for number in range(150):
        (call.workspace / "tests" / f"test_{number}.py").touch()
    review = await gate(call, session_id)
    assert (len(review["protected_changes"]), len(review["findings"])) == (150, 101)
    assert "150 protected files" in review["findings"][-1]["message"]


async def test_other_files_and_what_python_compiles_may_change(tmp_path: Path) -> None:
    call = server(tmp_path, ONE)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    (call.workspace / "code.py").write_text("2\n", encoding="utf-8")
    (call.workspace / "tests" / "__pycache__").mkdir()
    (call.workspace / "tests" / "__pycache__" / "test_it.pyc").touch()
    assert (await gate(call, session_id))["protected_changes"] == []


@pytest.mark.parametrize(
    "document",
    [
        spec(SPEC, [task("t1"), check("v1", command="make") | {"protected_paths": ["tests/*.py"]}]),
        {"spec_id": SPEC, "title": "A", "phases": [{"id": "phase-1", "tasks": [task("t1")], **PROTECTED}]},
        ONE,
    ],
    ids=["verification", "phase", "spec"],
)
async def test_a_spec_a_phase_and_a_verification_may_protect(tmp_path: Path, document: Json) -> None:
    call = server(tmp_path, document)
    session_id = await start(call, SPEC)
    await done(call, session_id, sum(len(phase["tasks"]) for phase in document["phases"]))
    edit(call)
    assert changed(await gate(call, session_id)) == {TEST: ChangeKind.CHANGED}


async def test_the_settings_protect_too_and_a_pattern_without_files_is_a_warning(tmp_path: Path) -> None:
    call = server(tmp_path, spec(SPEC, [task("t1")]), protected_paths=["**/test_*.py", "test"])
    begun = await accepted(call, "task", **of(CommandName.TASK_SESSION_START, spec_id=SPEC))
    assert begun["warnings"] == ["The protected path 'test' names no file that is there now."]
    session_id = begun["session"]["session_id"]
    (started,) = await payloads(call, session_id, EventType.SESSION_STARTED)
    assert [file["path"] for file in started["protected"]] == [TEST]
    await done(call, session_id)
    edit(call)
    assert changed(await gate(call, session_id)) == {TEST: ChangeKind.CHANGED}


async def test_a_maintainers_rebase_takes_a_named_change_over_and_no_other(tmp_path: Path) -> None:
    call = server(tmp_path, ONE, max_feedback_cycles=1)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    edit(call)
    add(call)
    await gate(call, session_id)
    await done(call, session_id)
    review = await gate(call, session_id)
    paused = await paused_for(call, session_id, PauseReason.FEEDBACK_CYCLE_LIMIT)
    assert paused["session"]["findings"] == review["findings"]
    rebase = of(CommandName.TASK_SESSION_REBASE, session_id=session_id)
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **rebase, take_over=[TEST])
    data = await turned_down(
        call.maintainer, ErrorCode.PROTECTED_PATH_UNCHANGED, "task", **rebase, take_over=[TEST, "code.py"]
    )
    assert data["details"]["changed"] == ["tests/conftest.py", TEST]
    assert data["details"]["unchanged"] == ["code.py"]
    rebased = await accepted(call.maintainer, "task", **rebase, take_over=[TEST], note="The test was wrong.")
    (event,) = await payloads(call, session_id, EventType.SESSION_REBASED)
    assert [(one["path"], one["change"]) for one in event["taken_over"]] == [(TEST, ChangeKind.CHANGED)]
    assert "protected" not in event
    await resumed(call.maintainer, rebased)
    assert changed(await gate(call, session_id)) == {"tests/conftest.py": ChangeKind.ADDED}
    (call.workspace / "tests" / "conftest.py").unlink()
    await done(call, session_id)
    assert (await drive(call, SPEC)).last["loop_signal"] == LoopSignal.SPEC_COMPLETE


@pytest.mark.parametrize(
    "settings", [{"gate_policy": GatePolicy.MANUAL}, {"reviewer": ReviewerKind.MANUAL}], ids=["policy", "reviewer"]
)
async def test_a_person_is_shown_the_change_and_passing_takes_over_what_was_shown(
    tmp_path: Path, settings: Json
) -> None:
    call = server(tmp_path, TWO, **settings)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    edit(call)
    review = await gate(call, session_id)
    paused = await paused_for(call, session_id, PauseReason.GATE_REVIEW_REQUIRED)
    assert paused["session"]["findings"] == review["findings"]
    assert changed(review) == {TEST: ChangeKind.CHANGED}
    # What comes after the review was shown to nobody.
    add(call)
    verdict = {"id": "phase-1", "verdict": Judgement.PASS}
    assert "findings" not in (await resumed(call.maintainer, paused, verdict=verdict))["session"]
    (event,) = await payloads(call, session_id, EventType.SESSION_RESUMED)
    assert event["taken_over"] == review["protected_changes"]
    await resumed(call, await paused_for(call, session_id, PauseReason.PHASE_COMPLETE))
    await done(call, session_id)
    assert changed(await gate(call, session_id)) == {"tests/conftest.py": ChangeKind.ADDED}


async def test_a_failing_verdict_takes_nothing_over_and_the_findings_come_with_it(tmp_path: Path) -> None:
    call = server(tmp_path, ONE, reviewer=ReviewerKind.MANUAL)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    remove(call)
    review = await gate(call, session_id)
    paused = await paused_for(call, session_id, PauseReason.GATE_REVIEW_REQUIRED)
    verdict = {"id": "phase-1", "verdict": Judgement.FAIL, "note": "Put it back."}
    await resumed(call.maintainer, paused, verdict=verdict)
    step = (await next_step(call, session_id))["step"]
    assert [finding["code"] for finding in step["findings"]] == [
        ReviewFindingCode.GATE_REVIEW_FAILED,
        ReviewFindingCode.PROTECTED_PATH_CHANGED,
    ]
    (event,) = await payloads(call, session_id, EventType.SESSION_RESUMED)
    assert "taken_over" not in event
    assert changed(review) == {TEST: ChangeKind.REMOVED}


async def test_ending_a_session_takes_no_change_over_and_a_reset_begins_anew(tmp_path: Path) -> None:
    call = server(tmp_path, ONE)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    edit(call)
    end = of(CommandName.TASK_SESSION_END, session_id=session_id, reason=ReasonCode.TESTING)
    await accepted(call.maintainer, "task", **end)
    second = await start(call, SPEC)
    assert changed(await gate(call, second)) == {TEST: ChangeKind.CHANGED}
    await accepted(call, "task", **of(CommandName.TASK_SESSION_PAUSE, session_id=second))
    reset = of(CommandName.TASK_SESSION_RESET, session_id=second, reason=ReasonCode.TESTING)
    await accepted(call.maintainer, "task", **reset)
    third = await start(call, SPEC)
    await done(call, third)
    assert (await gate(call, third))["protected_changes"] == []


async def test_other_patterns_take_nothing_over(tmp_path: Path) -> None:
    call = server(tmp_path, spec(SPEC, [task("t1")]), protected_paths=["tests/test_*"])
    session_id = await start(call, SPEC)
    await done(call, session_id)
    edit(call)
    (call.workspace / "tests" / "test_new.py").touch()
    call.settings = call.settings.model_copy(update={"protected_paths": ["tests", "code.py"]})
    call.restart()
    accept = of(CommandName.TASK_SESSION_ACCEPT_POLICY, session_id=session_id)
    await accepted(call.maintainer, "task", **accept)
    (call.workspace / "code.py").write_text("2\n", encoding="utf-8")
    found = {TEST: ChangeKind.CHANGED, "code.py": ChangeKind.CHANGED, "tests/test_new.py": ChangeKind.ADDED}
    assert changed(await gate(call, session_id)) == found
    (event,) = await payloads(call, session_id, EventType.POLICY_ACCEPTED)
    assert [file["path"] for file in event["protected"]] == ["code.py", TEST]


async def test_a_rebase_that_protects_more_holds_to_what_is_there_and_less_takes_a_maintainer(tmp_path: Path) -> None:
    call = server(tmp_path, ONE)
    session_id = await start(call, SPEC)
    await done(call, session_id)
    await accepted(call, "task", **of(CommandName.TASK_SESSION_PAUSE, session_id=session_id))
    rewrite(call, {**ONE, "metadata": {"protected_paths": ["tests", "code.py"]}})
    rebase = of(CommandName.TASK_SESSION_REBASE, session_id=session_id)
    await accepted(call, "task", **rebase)
    rewrite(call, {**ONE, "metadata": {"protected_paths": ["code.py"]}})
    await turned_down(call, ErrorCode.UNAUTHORIZED, "task", **rebase)
    rewrite(call, {**ONE, "metadata": {"protected_paths": ["tests", "code.py"]}})
    rebased = await accepted(call, "task", **rebase)
    assert rebased["changes"] == []
    await resumed(call, rebased)
    (call.workspace / "code.py").write_text("2\n", encoding="utf-8")
    assert changed(await gate(call, session_id)) == {"code.py": ChangeKind.CHANGED}


async def test_a_spec_that_protects_other_files_is_another_structure(tmp_path: Path) -> None:
    call = server(tmp_path, ONE)
    session_id = await start(call, SPEC)
    rewrite(call, spec(SPEC, [task("t1")]))
    assert (await next_step(call, session_id))["loop_signal"] == LoopSignal.FAILED


async def test_a_protected_path_outside_the_workspace_is_refused(tmp_path: Path) -> None:
    call = server(tmp_path, {**ONE, "metadata": {"protected_paths": ["tests", "../secrets"]}})
    begin = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
    data = await turned_down(call, ErrorCode.SPEC_INVALID, "task", **begin)
    (finding,) = data["details"]["findings"]
    assert finding["pointer"] == "/metadata/protected_paths"


async def test_a_gate_that_is_not_enforced_records_the_change_and_holds_nobody_up(tmp_path: Path) -> None:
    call = server(tmp_path, ONE, enforce_gates=False)
    call.reviewer.reviews = [Review(Verdict.PASS)]
    session_id = await start(call, SPEC)
    await done(call, session_id)
    edit(call)
    assert (await gate(call, session_id))["verdict"] == Verdict.FAIL
    assert (await next_step(call, session_id))["loop_signal"] == LoopSignal.SPEC_COMPLETE
