"""What a loop is told, who has to act, and the ways out: stated here for every point of the signal table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from foundry_contracts.tables import ACTION_TEMPLATE_VALUES, ERROR_CODE_INFO, decide_loop_decision
from foundry_contracts.vocabulary import CommandName as Name
from foundry_contracts.vocabulary import ErrorCode as Error
from foundry_contracts.vocabulary import LoopSignal as Signal
from foundry_contracts.vocabulary import PauseReason as Reason
from foundry_contracts.vocabulary import ReasonCode, Role, Severity
from foundry_contracts.vocabulary import SessionStatus as Status
from tests.contracts_hold.standings import POINTS, Point, Standing, stand
from tests.driving import Json, accepted, next_step, nothing, parameters, refused, report, result_of
from tests.scenes import SPEC, of

pytestmark = pytest.mark.anyio

NOBODY, A_PERSON, A_MAINTAINER = Severity.L0, Severity.L1, Severity.L2


@dataclass(frozen=True)
class Told:
    """Hold what a loop is told: the signal (None: go on), who has to act, and the ways out by name."""

    signal: Signal | None
    severity: Severity
    ways: tuple[str, ...] = ()


GO_ON = Told(None, NOBODY)
# A refusal comes first, whatever the session is at: a refused call of a paused session tells of no finished phase.
REFUSED: list[tuple[str, Told, set[Error]]] = [
    ("the spec file is gone", Told(Signal.FAILED, A_PERSON, ("restore_spec",)), {Error.SPEC_UNAVAILABLE}),
    ("unrecoverable", Told(Signal.FAILED, A_MAINTAINER, ("look",)), {Error.STORE_UNAVAILABLE, Error.INTERNAL_ERROR}),
    ("the log is not what was written", Told(Signal.FAILED, A_MAINTAINER, ("audit", "reset")), {Error.LOG_INTEGRITY}),
    (
        "authorization, rate limit",
        Told(Signal.BLOCKED_RUNTIME, A_MAINTAINER, ("use_role",)),
        {
            Error.UNAUTHORIZED,
            Error.ATTENDANCE_REQUIRED,
            Error.GATE_WAIVER_FORBIDDEN,
            Error.LOCK_BYPASS_FORBIDDEN,
            Error.RATE_LIMITED,
        },
    ),
    (
        "write lock, held",
        Told(Signal.BLOCKED_RUNTIME, A_PERSON, ("look",)),
        {Error.AUTONOMY_WRITE_LOCK_ACTIVE, Error.SESSION_HELD},
    ),
    ("feature flag", Told(Signal.BLOCKED_RUNTIME, A_MAINTAINER, ("enable_feature",)), {Error.FEATURE_DISABLED}),
    ("policy changed", Told(Signal.BLOCKED_RUNTIME, A_MAINTAINER, ("accept_policy",)), {Error.POLICY_CHANGED}),
    (
        "proof, receipt, gate integrity",
        Told(Signal.BLOCKED_RUNTIME, A_MAINTAINER, ("replay", "look")),
        {
            Error.STEP_PROOF_MISSING,
            Error.STEP_PROOF_MISMATCH,
            Error.VERIFICATION_RECEIPT_MISSING,
            Error.VERIFICATION_RECEIPT_INVALID,
            Error.INVALID_GATE_EVIDENCE,
            Error.GATE_INTEGRITY_CHECKSUM,
        },
    ),
    (
        "audit, required gate",
        Told(Signal.BLOCKED_RUNTIME, A_MAINTAINER, ("resume", "audit")),
        {Error.REQUIRED_GATE_UNSATISFIED, Error.GATE_AUDIT_FAILURE},
    ),
    (
        "a used proof with another result, of which nothing is out any more",
        Told(Signal.BLOCKED_RUNTIME, A_MAINTAINER, ("look",)),
        {Error.STEP_PROOF_CONFLICT},
    ),
    ("transient", GO_ON, {Error.STORE_BUSY}),
    (
        "the caller's own mistake",
        GO_ON,
        {
            Error.VALIDATION_ERROR,
            Error.UNKNOWN_ACTION,
            Error.SPEC_NOT_FOUND,
            Error.SPEC_INVALID,
            Error.VERIFICATION_COMMAND_MISSING,
            Error.VERIFICATION_SHELL_REFUSED,
            Error.SESSION_NOT_FOUND,
            Error.SESSION_EXISTS,
            Error.SESSION_STATE_CONFLICT,
            Error.VERDICT_REQUIRED,
            Error.STEP_RESULT_REQUIRED,
            Error.STEP_MISMATCH,
            Error.NO_STEP_OUT,
            Error.STEP_PROOF_EXPIRED,
            Error.STEP_SUPERSEDED,
            Error.SKIP_REASON_MISSING,
            Error.IDEMPOTENCY_CONFLICT,
            Error.UNIT_NOT_FOUND,
            Error.UNIT_STATE_CONFLICT,
            Error.GATE_NOT_PENDING,
            Error.PROTECTED_PATH_UNCHANGED,
            Error.INVALID_CURSOR,
        },
    ),
]
# The same call may go through a moment later; for any other refusal something has to change first.
RETRYABLE = {Error.STORE_BUSY, Error.RATE_LIMITED}

JUDGE_IT = Told(Signal.PAUSED_NEEDS_ATTENTION, A_PERSON, ("attest_pass",))
A_FRESH_AGENT = Told(Signal.PAUSED_NEEDS_ATTENTION, A_PERSON, ("go_on_fresh", "look"))
LOOK_INTO_IT = Told(Signal.PAUSED_NEEDS_ATTENTION, A_PERSON, ("resume", "look"))
STANDING: dict[Point, Told] = {
    (Status.RUNNING, None): GO_ON,
    (Status.PAUSED, Reason.PHASE_COMPLETE): Told(Signal.PHASE_COMPLETE, NOBODY, ("go_on",)),
    (Status.PAUSED, Reason.VERIFICATION_ATTESTATION): JUDGE_IT,
    (Status.PAUSED, Reason.GATE_REVIEW_REQUIRED): JUDGE_IT,
    (Status.PAUSED, Reason.CONTEXT_LIMIT): A_FRESH_AGENT,
    (Status.PAUSED, Reason.HEARTBEAT_STALE): A_FRESH_AGENT,
    (Status.PAUSED, Reason.STEP_STALE): A_FRESH_AGENT,
    (Status.PAUSED, Reason.USER): LOOK_INTO_IT,
    (Status.PAUSED, Reason.ERROR_THRESHOLD): LOOK_INTO_IT,
    (Status.PAUSED, Reason.ATTEMPT_LIMIT): LOOK_INTO_IT,
    (Status.PAUSED, Reason.FEEDBACK_CYCLE_LIMIT): LOOK_INTO_IT,
    (Status.PAUSED, Reason.TASK_LIMIT): LOOK_INTO_IT,
    (Status.PAUSED, Reason.NO_PROGRESS): LOOK_INTO_IT,
    (Status.PAUSED, Reason.BLOCKED): Told(Signal.PAUSED_NEEDS_ATTENTION, A_PERSON, ("unblock", "resume", "look")),
    (Status.PAUSED, Reason.GATE_FAILED): LOOK_INTO_IT,
    (Status.COMPLETED, None): Told(Signal.SPEC_COMPLETE, NOBODY),
    (Status.FAILED, None): Told(Signal.FAILED, A_PERSON, ("rebase", "start_over")),
    (Status.ENDED, None): Told(Signal.PAUSED_NEEDS_ATTENTION, A_PERSON, ("start_again",)),
}

SESSION: tuple[str, ...] = ("session_id",)
# Each way out: who may take it, the call, the parameters that the situation fills in, and those that are fixed.
WAYS: dict[str, tuple[Role, Name | None, tuple[str, ...], Json]] = {
    "go_on": (Role.AUTONOMY_RUNNER, Name.TASK_SESSION_RESUME, SESSION, {}),
    "go_on_fresh": (Role.AUTONOMY_RUNNER, Name.TASK_SESSION_RESUME, SESSION, {}),
    "resume": (Role.MAINTAINER, Name.TASK_SESSION_RESUME, SESSION, {}),
    "unblock": (Role.MAINTAINER, Name.TASK_UNBLOCK, (*SESSION, "unit_id"), {}),
    "attest_pass": (Role.MAINTAINER, Name.TASK_SESSION_RESUME, (*SESSION, "verdict"), {}),
    "rebase": (Role.MAINTAINER, Name.TASK_SESSION_REBASE, SESSION, {}),
    "start_over": (Role.MAINTAINER, Name.TASK_SESSION_END, SESSION, {"reason": ReasonCode.OPERATOR_OVERRIDE}),
    "start_again": (Role.AUTONOMY_RUNNER, Name.TASK_SESSION_START, ("spec_id",), {}),
    "accept_policy": (Role.MAINTAINER, Name.TASK_SESSION_ACCEPT_POLICY, SESSION, {}),
    "replay": (Role.AUTONOMY_RUNNER, Name.TASK_SESSION_STEP_REPLAY, SESSION, {}),
    "look": (Role.OBSERVER, Name.TASK_SESSION_STATUS, SESSION, {}),
    "reset": (Role.MAINTAINER, Name.TASK_SESSION_RESET, SESSION, {"reason": ReasonCode.CORRUPT_STATE}),
    "audit": (Role.MAINTAINER, None, (), {}),
    "restore_spec": (Role.MAINTAINER, None, (), {}),
    "use_role": (Role.MAINTAINER, None, (), {}),
    "enable_feature": (Role.MAINTAINER, None, (), {}),
}
# Where the status is after a way out was taken. Looking leads nowhere; a new session leaves the old one as it was; a
# session whose unit was unblocked is then resumed.
LEADS_TO = {"rebase": Status.PAUSED, "unblock": Status.PAUSED, "start_over": Status.ENDED, "start_again": Status.ENDED}
IDS = [" ".join(filter(None, point)) for point in POINTS]


def told(error: Error | None, status: Status | None, reason: Reason | None) -> Told:
    """Ask the table."""
    row = decide_loop_decision(error=error, status=status, reason=reason)
    return Told(row.signal, row.severity, row.actions)


def test_each_refusal_is_in_one_group_and_each_standing_is_stated() -> None:
    assert Counter(code for _, _, codes in REFUSED for code in codes) == Counter(list(Error))
    assert set(STANDING) == set(POINTS)


@pytest.mark.parametrize(("stated", "codes"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_refusal_tells_the_same_whatever_the_session_is_at(stated: Told, codes: set[Error]) -> None:
    for error, status, reason in product(sorted(codes), [None, *Status], [None, *Reason]):
        assert told(error, status, reason) == stated, (error, status, reason)


@pytest.mark.parametrize("point", POINTS, ids=IDS)
def test_each_standing_tells_what_is_stated(point: Point) -> None:
    assert told(None, *point) == STANDING[point]


def test_with_no_session_and_no_refusal_there_is_nothing_to_tell() -> None:
    assert told(None, None, None) == GO_ON


def test_what_cannot_be_has_no_signal() -> None:
    impossible = {(status, reason) for status, reason in product([None, *Status], [None, *Reason])}
    for status, reason in impossible - set(STANDING) - {(None, None)}:
        with pytest.raises(LookupError):
            told(None, status, reason)


def test_which_refusals_may_go_through_a_moment_later() -> None:
    assert {code for code, info in ERROR_CODE_INFO.items() if info.retryable} == RETRYABLE


def test_each_way_out_is_the_call_stated_for_who_is_stated() -> None:
    ways = {
        name: (template.least_role, template.call, template.params, dict(template.fixed))
        for name, template in ACTION_TEMPLATE_VALUES.items()
    }
    assert ways == WAYS
    used = {way for _, told, _ in REFUSED for way in told.ways} | {
        way for told in STANDING.values() for way in told.ways
    }
    assert used == set(WAYS)


@pytest.mark.parametrize("point", POINTS, ids=IDS)
async def test_each_way_out_is_offered_and_leads_there(tmp_path: Path, point: Point) -> None:
    standing = await stand(tmp_path, point)
    stated = STANDING[point]
    assert standing.answer["loop_signal"] == stated.signal
    offered = standing.answer.get("recommended_actions", [])
    assert tuple(action["action"] for action in offered) == stated.ways
    for action in offered:
        await leads(standing, action)


async def leads(standing: Standing, action: Json) -> None:
    """Take a way out in the least role it names, and see that it leads out of where the session stands."""
    world, way = standing.call.fork(), action["action"]
    call = action["call"]
    answer: Json = (await world.answer(call["tool"], Role(action["least_role"]), **parameters(call))).document
    assert answer["success"], answer
    status = await accepted(world, "task", **of(Name.TASK_SESSION_STATUS, session_id=standing.session_id))
    after = standing.session["status"] if way == "look" else LEADS_TO.get(way, Status.RUNNING)
    assert status["session"]["status"] == after, way
    if way == "start_again":
        assert answer["data"]["session"]["status"] == Status.RUNNING


async def test_a_step_handed_out_again_leads_out_of_a_report_with_a_wrong_proof(tmp_path: Path) -> None:
    standing = await stand(tmp_path, (Status.RUNNING, None))
    assert standing.step is not None
    result = await result_of(standing.call, standing.step, nothing)
    wrong = {**result, "proof": result["proof"][:-4] + ("0000" if not result["proof"].endswith("0000") else "1111")}
    reporting = of(Name.TASK_SESSION_STEP_REPORT, session_id=standing.session_id, result=wrong)
    data = await refused(standing.call, Error.STEP_PROOF_MISMATCH, "task", **reporting)
    replay = next(action["call"] for action in data["recommended_actions"] if action["action"] == "replay")
    again = (await accepted(standing.call, replay["tool"], **parameters(replay)))["step"]
    await report(standing.call, standing.session_id, await result_of(standing.call, again, nothing))
    assert "step" in await next_step(standing.call, standing.session_id)


async def test_a_policy_accepted_leads_out_of_one_that_changed(tmp_path: Path) -> None:
    standing = await stand(tmp_path, (Status.RUNNING, None))
    standing.call.settings = standing.call.settings.model_copy(update={"max_attempts": 99})
    standing.call.restart()
    heartbeat = of(Name.TASK_SESSION_STEP_HEARTBEAT, session_id=standing.session_id)
    data = await refused(standing.call, Error.POLICY_CHANGED, "task", **heartbeat)
    (action,) = data["recommended_actions"]
    assert action["action"] == "accept_policy"
    await accepted(standing.call.maintainer, action["call"]["tool"], **parameters(action["call"]))
    await accepted(standing.call, "task", **heartbeat)
    assert standing.session["spec_id"] == SPEC
