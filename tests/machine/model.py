"""Every reachable state of a small spec, found by driving the shipped decide and evolve.

A state is a session without what only counts or names (ids, times, versions, how often a step was issued): two
sessions that differ in nothing else behave alike. A move is one command in one role with one way the world may be.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256

from pydantic import BaseModel

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, Refusal
from foundry_contracts.models.events_session import (
    GateFinished,
    HumanVerdict,
    SessionSettings,
    VerificationFinished,
    VerificationStarted,
)
from foundry_contracts.models.formats_plan import Plan
from foundry_contracts.models.formats_receipt import (
    Receipt,
    ReceiptSignature,
    ReviewPredicate,
    VerificationPredicate,
)
from foundry_contracts.models.formats_session import StepResult
from foundry_contracts.models.review_fidelity_gate import ReviewFidelityGateRequest
from foundry_contracts.models.task_block import TaskBlockRequest
from foundry_contracts.models.task_gate_waiver import TaskGateWaiverRequest
from foundry_contracts.models.task_session_end import SessionEndRequest
from foundry_contracts.models.task_session_pause import SessionPauseRequest
from foundry_contracts.models.task_session_rebase import SessionRebaseRequest
from foundry_contracts.models.task_session_reset import SessionResetRequest
from foundry_contracts.models.task_session_resume import SessionResumeRequest
from foundry_contracts.models.task_session_start import SessionStartRequest
from foundry_contracts.models.task_session_step_heartbeat import SessionStepHeartbeatRequest
from foundry_contracts.models.task_session_step_next import SessionStepNextRequest
from foundry_contracts.models.task_session_step_replay import SessionStepReplayRequest
from foundry_contracts.models.task_session_step_report import SessionStepReportRequest
from foundry_contracts.models.task_unblock import TaskUnblockRequest
from foundry_contracts.models.verification_execute import VerificationExecuteRequest
from foundry_contracts.vocabulary import (
    CommandName,
    GatePolicy,
    Judgement,
    Outcome,
    PauseReason,
    ReasonCode,
    Role,
    SignerIsolation,
    StepType,
    Verdict,
)
from foundry_mcp.machine import decide_plan, decide_run, decide_session, decide_step
from foundry_mcp.machine.evolve import evolve
from foundry_mcp.machine.plan_index import PlanIndex, index_plan
from foundry_mcp.machine.proof import proof_digest, proof_of
from foundry_mcp.machine.receipts import findings_digest, statement_of
from foundry_mcp.machine.session import Outstanding, Recorded, RunStarted, Session
from foundry_mcp.machine.situation import Caller, FreshIds, Situation, SpecOnDisk
from foundry_mcp.machine.spec_document import plan_digest, structure_digest
from tests.in_process import SETTINGS as ORDINARY

NOW = "2026-01-01T00:00:00.000Z"
SPEC = "bounded"
LATER = "2026-01-01T00:30:00.000Z"
MUCH_LATER = "2026-01-02T00:00:00.000Z"
SETTINGS = ORDINARY.model_copy(
    update={
        "default_test_command": "check",
        "max_attempts": 2,
        "max_consecutive_errors": 2,
        "max_feedback_cycles": 1,
        "max_tasks": 2,
        "allow_gate_waiver": True,
    }
)
# One unit that may be blocked is enough: it holds back a verification, and so the gate.
BLOCKABLE = "a"
# Under these a gate asks a person, and a check may fail often enough to be seen getting nowhere.
PATIENT = SETTINGS.model_copy(
    update={"gate_policy": GatePolicy.MANUAL, "max_attempts": 3, "max_tasks": 100, "allow_gate_waiver": False}
)
# Under these a warning lets a phase pass.
LENIENT = SETTINGS.model_copy(update={"gate_policy": GatePolicy.LENIENT, "max_tasks": 100, "allow_gate_waiver": False})
_SESSION = f"ses_{'0' * 26}"


def mac(text: str) -> str:
    """Stand in for the keyed function."""
    return sha256(text.encode()).hexdigest()


def signed(predicate: VerificationPredicate | ReviewPredicate) -> Receipt:
    """Stand in for the signer."""
    signature = ReceiptSignature(keyid="k", sig="")
    payload = json.dumps(statement_of(predicate))
    return Receipt(payloadType="application/vnd.in-toto+json", payload=payload, signatures=[signature])


def opened(receipt: Receipt) -> Mapping[str, object] | None:
    """Open what `signed` gave."""
    statement: Mapping[str, object] = json.loads(receipt.payload)
    return statement


def nothing_signed(receipt: Receipt) -> Mapping[str, object] | None:
    """Know no key."""
    return None


@cache
def bounded_plan(*, small: bool = False) -> PlanIndex:
    """Give a plan of two phases: dependent tasks and a verification, then a manual check; or of one small phase."""
    needs = ("a",) if small else ("a", "b")
    check = {**_task("v", *needs), "kind": "verify", "verification": {"kind": "command"}}
    manual = {**_task("m"), "kind": "verify", "verification": {"kind": "manual"}}
    first = [_task("a"), check] if small else [_task("a"), _task("b", "a"), check]
    phases = [{"id": "p1", "title": "First", "units": first}, {"id": "p2", "title": "Second", "units": [manual]}]
    plan = Plan.model_validate({"spec_id": SPEC, "title": "Bounded", "phases": phases[: 1 if small else 2]})
    return index_plan(plan, plan_digest(plan), structure_digest(plan))


def _task(name: str, *needs: str) -> dict[str, object]:
    return {"id": name, "kind": "task", "title": name, "depends_on": list(needs), "status": "pending"}


@dataclass(frozen=True)
class Move:
    """Hold one thing that may happen, and what is decided on it: a command in a role, or a run's ending."""

    name: str
    role: Role
    decision: Accepted[BaseModel] | Refusal


@dataclass
class Reached:
    """Hold the graph: a session for each state, and what each move from it led to."""

    sessions: dict[Hashable, Session] = field(default_factory=dict)
    edges: dict[Hashable, list[tuple[str, Hashable]]] = field(default_factory=dict)
    replies: list[tuple[Hashable, str, Accepted[BaseModel] | Refusal]] = field(default_factory=list)


def situation(
    state: Session | None,
    role: Role,
    *,
    changed: bool = False,
    gone: bool = False,
    keyless: bool = False,
    now: str = NOW,
    life: str = NOW,
) -> Situation:
    """Give the situation of a command: the spec as pinned, changed, or gone; the time; the last sign of life.

    `keyless`: the keys that signed are lost, so that no evidence holds.
    """
    number = state.version if state else 0
    ids = FreshIds(_SESSION, f"stp_{number:026d}", f"att_{number:026d}")
    plan = state.plan if state else bounded_plan()
    spec = None if gone else SpecOnDisk(replace(plan, structure_digest="f" * 64) if changed else plan, ())
    return Situation(
        state,
        Caller("model", role),
        now,
        ids,
        state.settings if state else SETTINGS,
        mac,
        nothing_signed if keyless else opened,
        spec,
        spec_id=SPEC,
        life_at=life,
    )


def started(settings: SessionSettings = SETTINGS) -> Session:
    """Give a session just started."""
    plan = bounded_plan(small=settings is not SETTINGS)
    here = replace(situation(None, Role.AUTONOMY_RUNNER), settings=settings, spec=SpecOnDisk(plan, ()))
    decision = decide_session.start(here, SessionStartRequest(spec_id=SPEC))
    assert isinstance(decision, Accepted)
    return after(None, decision.events, Role.AUTONOMY_RUNNER, plan)


def after(
    state: Session | None, events: tuple[EventPayload, ...], role: Role, plan: PlanIndex | None = None
) -> Session:
    """Give the state after events."""
    pinned = plan or (state.plan if state else bounded_plan())
    for payload in events:
        seq = state.version + 1 if state else 1
        state = evolve(state, Recorded(_SESSION, SPEC, seq, NOW, role, payload), lambda digest: pinned)
    assert state is not None
    return state


def key(state: Session) -> Hashable:
    """Name a state by all that behaviour hangs on."""
    step, feedback = state.outstanding, state.feedback
    return (
        (state.status, state.pause_reason, state.pause_unit, state.failure_reason),
        state.pause_reason is PauseReason.USER and state.paused_by,
        (state.phase_number, state.phase_completed, state.done_in_phase, state.gate_passed, state.gate_cycles),
        (tuple(sorted(state.attempts.items())), state.errors, feedback and (feedback.unit_id,), state.stuck),
        (tuple(sorted(state.standing)), tuple(sorted(state.blocked))),
        (tuple(sorted(state.receipts)), tuple(sorted((name, gate.by_review) for name, gate in state.gates.items()))),
        (
            state.settings.gate_policy,
            state.gate_waits_for_person,
            tuple(sorted(state.prints)),
            state.plan.structure_digest,
        ),
        min(state.tasks_issued, state.settings.max_tasks),
        step and (step.type, step.unit_id, step.started is not None, _ending(step)),
    )


def _ending(step: Outstanding) -> object:
    run = step.finished
    return run.verdict if isinstance(run, GateFinished) else run.passed if run is not None else None


def explore(first: Session) -> Reached:
    """Find every state that moves lead to."""
    reached = Reached({key(first): first})
    waiting = deque([first])
    while waiting:
        state = waiting.popleft()
        here = key(state)
        for move in moves(state):
            decision = move.decision
            reached.replies.append((here, move.name, decision))
            if isinstance(decision, Refusal) and not decision.events:
                continue
            following = after(state, decision.events, move.role) if decision.events else state
            there = key(following) if decision.events else here
            reached.edges.setdefault(here, []).append((move.name, there))
            if there not in reached.sessions:
                reached.sessions[there] = following
                waiting.append(following)
    return reached


def moves(state: Session) -> Iterator[Move]:
    """Give every move: each command in each role that may send it, with each way the world may be."""
    for role in (Role.AUTONOMY_RUNNER, Role.MAINTAINER):
        yield from _life(state, role)
    yield from _steps(state, Role.AUTONOMY_RUNNER)
    # Of the steps' commands only a skip asks for the caller's role.
    yield from _reports(state, Role.MAINTAINER, Outcome.SKIPPED)
    yield from _runs(state)


def _life(state: Session, role: Role) -> Iterator[Move]:
    here, session = situation(state, role), state.session_id
    resume = CommandName.TASK_SESSION_RESUME
    pausing = SessionPauseRequest(session_id=session)
    yield _move(CommandName.TASK_SESSION_PAUSE, role, decide_session.pause(here, pausing))
    yield _move(resume, role, decide_session.resume(here, SessionResumeRequest(session_id=session)))
    for verdict in Judgement:
        judged = HumanVerdict(id=state.pause_unit or "m", verdict=verdict)
        request = SessionResumeRequest(session_id=session, verdict=judged)
        yield _move(resume, role, decide_session.resume(here, request), verdict)
    rebasing = SessionRebaseRequest(session_id=session)
    yield _move(CommandName.TASK_SESSION_REBASE, role, decide_plan.rebase(here, rebasing))
    if state.settings.allow_gate_waiver:
        # Without waivers nothing is blocked either: that space is visited for what a person's verdict leads to.
        blocking = TaskBlockRequest(session_id=session, unit_id=BLOCKABLE, reason="cannot")
        yield _move(CommandName.TASK_BLOCK, role, decide_plan.block(here, blocking))
    if role is Role.MAINTAINER:
        resetting = SessionResetRequest(session_id=session, reason=ReasonCode.TESTING)
        yield _move(CommandName.TASK_SESSION_RESET, role, decide_session.reset(here, resetting))
        waiving = TaskGateWaiverRequest(session_id=session, phase_id=state.phase.phase.id, reason=ReasonCode.TESTING)
        yield _move(CommandName.TASK_GATE_WAIVER, role, decide_plan.waive_gate(here, waiving))
        unblocking = TaskUnblockRequest(session_id=session, unit_id=BLOCKABLE)
        yield _move(CommandName.TASK_UNBLOCK, role, decide_plan.unblock(here, unblocking))
        ending = SessionEndRequest(session_id=session, reason=ReasonCode.TESTING)
        yield _move(CommandName.TASK_SESSION_END, role, decide_session.end(here, ending))


def _move(command: CommandName, role: Role, decision: Accepted[BaseModel] | Refusal, detail: str = "") -> Move:
    return Move(f"{command.value}{' ' if detail else ''}{detail} by {role.value}", role, decision)


def _steps(state: Session, role: Role) -> Iterator[Move]:
    here, session = situation(state, role), state.session_id
    next_ = CommandName.TASK_SESSION_STEP_NEXT
    nothing = SessionStepNextRequest(session_id=session)
    yield _move(next_, role, decide_step.next_step(here, nothing))
    yield _move(next_, role, decide_step.next_step(situation(state, role, changed=True), nothing), "spec changed")
    yield _move(next_, role, decide_step.next_step(situation(state, role, gone=True), nothing), "spec gone")
    yield _move(next_, role, decide_step.next_step(situation(state, role, keyless=True), nothing), "keys lost")
    full = SessionStepNextRequest(session_id=session, context_percent=90)
    yield _move(next_, role, decide_step.next_step(here, full), "context full")
    silent = situation(state, role, now=LATER)
    yield _move(next_, role, decide_step.next_step(silent, nothing), "run silent")
    slow = situation(state, role, now=MUCH_LATER, life=MUCH_LATER)
    yield _move(next_, role, decide_step.next_step(slow, nothing), "step slow")
    for outcome in Outcome:
        yield from _reports(state, role, outcome)
    going_on = SessionStepNextRequest(session_id=session, last_step_result=_result(state, Outcome.SUCCESS))
    yield _move(next_, role, decide_step.next_step(situation(state, role, keyless=True), going_on), "unsigned")
    replaying = SessionStepReplayRequest(session_id=session)
    yield _move(CommandName.TASK_SESSION_STEP_REPLAY, role, decide_step.replay(here, replaying))
    living = SessionStepHeartbeatRequest(session_id=session)
    yield _move(CommandName.TASK_SESSION_STEP_HEARTBEAT, role, decide_step.heartbeat(here, living))


def _reports(state: Session, role: Role, outcome: Outcome) -> Iterator[Move]:
    here, session, result = situation(state, role), state.session_id, _result(state, outcome)
    reporting = SessionStepReportRequest(session_id=session, result=result)
    going_on = SessionStepNextRequest(session_id=session, last_step_result=result)
    yield _move(CommandName.TASK_SESSION_STEP_REPORT, role, decide_step.report(here, reporting), outcome)
    yield _move(CommandName.TASK_SESSION_STEP_NEXT, role, decide_step.next_step(here, going_on), outcome)


def _result(state: Session, outcome: Outcome) -> StepResult:
    """Report the step that is out, with the evidence there is; else a step that never was."""
    step = state.outstanding or Outstanding(f"stp_{'9' * 26}", StepType.IMPLEMENT_TASK, "p1", "a", 1, NOW)
    result = StepResult(
        step_id=step.step_id,
        type=step.type,
        phase_id=step.phase_id,
        outcome=outcome,
        note="because",
        proof=proof_of(state.session_id, step, mac),
    )
    if step.unit_id is not None:
        result.unit_id = step.unit_id
    if step.finished is not None:
        result.attempt_id = step.finished.attempt_id
    return result


def _runs(state: Session) -> Iterator[Move]:
    """Let the server's own runs begin, be lost, and end either way."""
    role, step = Role.AUTONOMY_RUNNER, state.outstanding
    step_id = step.step_id if step else f"stp_{'9' * 26}"
    execute = VerificationExecuteRequest(session_id=state.session_id, step_id=step_id)
    gate = ReviewFidelityGateRequest(session_id=state.session_id, step_id=step_id)
    for detail in ("", "lost", "keys lost"):
        here = replace(situation(state, role, keyless=detail == "keys lost"), run_lost=detail == "lost")
        yield _move(CommandName.VERIFICATION_EXECUTE, role, decide_run.execute_verification(here, execute), detail)
        yield _move(CommandName.REVIEW_FIDELITY_GATE, role, decide_run.run_gate(here, gate), detail)
    if step is not None and step.started is not None and step.finished is None:
        for verdict in Verdict:
            ended = Accepted(execute, (_finished(step, step.started, verdict),))
            yield Move(f"run ends in {verdict} by {role.value}", role, ended)


def _finished(step: Outstanding, started: RunStarted, verdict: Verdict) -> EventPayload:
    """End a run: a command well or badly, a review in any verdict."""
    good = verdict is Verdict.PASS
    if isinstance(started, VerificationStarted):
        predicate = VerificationPredicate(
            session_id=_SESSION,
            spec_id=SPEC,
            step_id=step.step_id,
            unit_id=started.unit_id,
            attempt_id=started.attempt_id,
            proof_digest=proof_digest(proof_of(_SESSION, step, mac)),
            command=started.command,
            command_replaced=started.command_replaced,
            exit_code=0 if good else 1,
            timed_out=False,
            passed=good,
            output_digest="0" * 64,
            output_bytes=0,
            tree_before="same tree",
            tree_after="same tree",
            started_at=NOW,
            finished_at=NOW,
            unenforced=[],
            signer_isolation=SignerIsolation.NONE,
        )
        return VerificationFinished(
            attempt_id=started.attempt_id,
            step_id=step.step_id,
            unit_id=started.unit_id,
            passed=good,
            exit_code=0 if good else 1,
            timed_out=False,
            output_tail="same again",
            tree_after="same tree",
            unenforced=[],
            receipt=signed(predicate),
        )
    seen = ReviewPredicate(
        session_id=_SESSION,
        spec_id=SPEC,
        phase_id=step.phase_id,
        step_id=step.step_id,
        attempt_id=started.attempt_id,
        seen_version=step.started_at_version,
        verdict=verdict,
        findings_digest=findings_digest([]),
        protected_changes=[],
    )
    return GateFinished(
        attempt_id=started.attempt_id,
        step_id=step.step_id,
        phase_id=step.phase_id,
        verdict=verdict,
        findings=[],
        evidence=signed(seen),
        protected_changes=[],
    )
