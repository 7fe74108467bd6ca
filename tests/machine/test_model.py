"""What holds in every state a bounded spec can reach, shown by visiting all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache

from pydantic import BaseModel

from foundry_contracts.handlers import Accepted
from foundry_contracts.models.events_session import GateFinished
from foundry_contracts.models.task_session_step_next import SessionStepNextRequest
from foundry_contracts.tables import SESSION_MACHINE_TERMINAL, SESSION_MACHINE_TRANSITIONS
from foundry_contracts.vocabulary import CommandName, GatePolicy, PauseReason, Role, SessionStatus, Verdict
from foundry_mcp.machine import decide_step
from foundry_mcp.machine.signal import signal_of
from tests.conftest import SHOWN
from tests.machine.model import LENIENT, PATIENT, SETTINGS, Reached, explore, key, situation, started


@cache
def graph() -> Reached:
    """Visit every state, under each of the settings, once for all tests."""
    whole = Reached({})
    for settings in (SETTINGS, PATIENT, LENIENT):
        reached = explore(started(settings))
        whole.sessions |= reached.sessions
        whole.edges |= reached.edges
        whole.replies += reached.replies
    return whole


def reaching(targets: set[Hashable]) -> set[Hashable]:
    """Give the states from which some target can be reached."""
    backwards: dict[Hashable, set[Hashable]] = {}
    for source, edges in graph().edges.items():
        for _, target in edges:
            backwards.setdefault(target, set()).add(source)
    seen, waiting = set(targets), list(targets)
    while waiting:
        for source in backwards.get(waiting.pop(), ()):
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return seen


def in_status(*statuses: SessionStatus) -> set[Hashable]:
    """Give the states of a status."""
    return {name for name, state in graph().sessions.items() if state.status in statuses}


def test_the_model_is_large_enough_to_mean_something(record_property: Callable[[str, object], None]) -> None:
    states, edges = len(graph().sessions), sum(map(len, graph().edges.values()))
    record_property(SHOWN, f"model: {states} states, {edges} moves, {len(graph().replies)} decisions")
    assert {state.status for state in graph().sessions.values()} == set(SessionStatus)
    assert {state.pause_reason for state in graph().sessions.values()} == {None, *PauseReason}


def test_every_state_gives_a_step_or_a_signal() -> None:
    for state in graph().sessions.values():
        answer = decide_step.next_step(
            situation(state, Role.AUTONOMY_RUNNER), SessionStepNextRequest(session_id=state.session_id)
        )
        if isinstance(answer, Accepted):
            assert (answer.reply.loop_signal is None) == (answer.reply.session.status is SessionStatus.RUNNING)
            assert answer.reply.loop_signal is not None or "step" in answer.reply.model_fields_set, key(state)
        else:
            assert state.outstanding is not None


def test_every_live_state_has_a_way_to_an_end_and_to_completion_unless_failed() -> None:
    live = set(graph().sessions) - in_status(*SESSION_MACHINE_TERMINAL)
    assert live <= reaching(in_status(*SESSION_MACHINE_TERMINAL))
    assert live - in_status(SessionStatus.FAILED) <= reaching(in_status(SessionStatus.COMPLETED))


def test_nothing_completes_without_its_gate_and_all_its_units() -> None:
    for state in graph().sessions.values():
        if state.phase_completed or state.status is SessionStatus.COMPLETED:
            assert state.gate_passed
            assert state.done_in_phase == len(state.phase.units)
        if state.status is SessionStatus.COMPLETED:
            assert len(state.standing) == state.plan.total_units


def test_what_a_review_says_leads_where_the_policy_sends_it() -> None:
    seen: dict[GatePolicy, set[tuple[Verdict, bool]]] = {policy: set() for policy in GatePolicy}
    for name, state in graph().sessions.items():
        step = state.outstanding
        if step is None or not isinstance(step.finished, GateFinished) or state.status is not SessionStatus.RUNNING:
            continue
        for move, target in graph().edges[name]:
            if move.startswith(CommandName.TASK_SESSION_STEP_REPORT):
                after = graph().sessions[target]
                seen[state.settings.gate_policy].add((step.finished.verdict, after.gate_passed))
    passing = {GatePolicy.STRICT: {Verdict.PASS}, GatePolicy.LENIENT: {Verdict.PASS, Verdict.WARN}}
    for policy, points in seen.items():
        assert points == {(verdict, verdict in passing.get(policy, ())) for verdict in Verdict}


def test_what_a_phase_counts_as_done_is_what_stands_done() -> None:
    for state in graph().sessions.values():
        assert state.done_in_phase == sum(unit.id in state.standing for unit in state.phase.units)


def test_terminal_states_have_no_way_out() -> None:
    for name in in_status(*SESSION_MACHINE_TERMINAL):
        assert {target for _, target in graph().edges.get(name, [])} <= {name}


def test_replaying_and_heartbeats_change_nothing() -> None:
    quiet = (CommandName.TASK_SESSION_STEP_REPLAY, CommandName.TASK_SESSION_STEP_HEARTBEAT)
    for source, edges in graph().edges.items():
        assert all(target == source for move, target in edges if move.startswith(quiet))


def test_a_status_changes_only_as_the_machine_table_allows() -> None:
    for source, edges in graph().edges.items():
        before = graph().sessions[source].status
        for move, target in edges:
            command, now = move.partition(" ")[0], graph().sessions[target].status
            if command in SESSION_MACHINE_TRANSITIONS:
                row = SESSION_MACHINE_TRANSITIONS[command]
                assert before in row.source
                assert now is before or now in row.target, (move, before, now)


def test_every_legal_point_of_the_signal_table_is_some_state() -> None:
    met = {(state.status, state.pause_reason) for state in graph().sessions.values()}
    unpaused = {(status, None) for status in SessionStatus if status is not SessionStatus.PAUSED}
    assert met == unpaused | {(SessionStatus.PAUSED, reason) for reason in PauseReason}


def test_each_recommended_call_leads_out_of_the_state_it_is_offered_for() -> None:
    looking = {CommandName.TASK_SESSION_STATUS.value, CommandName.TASK_SESSION_START.value}
    for name, state in graph().sessions.items():
        for action in signal_of(state).actions:
            call = action.model_dump(exclude_unset=True).get("call")
            if call is None:
                continue
            command = ".".join(filter(None, (call["tool"], call["action"], call.get("command"))))
            if command not in looking:
                assert leads_out(name, command, call["params"], action.least_role), (action.action, name)


def leads_out(name: Hashable, command: str, params: dict[str, object], role: Role) -> bool:
    """Tell whether a command in a role changes the status, or leaves less that is blocked."""
    verdict = params.get("verdict")
    move = f"{command} {verdict['verdict']} by {role}" if isinstance(verdict, dict) else f"{command} by {role}"
    before = graph().sessions[name]
    after = (graph().sessions[target] for made, target in graph().edges.get(name, []) if made == move)
    return any(state.status is not before.status or len(state.blocked) < len(before.blocked) for state in after)


def test_what_a_decision_replies_is_the_state_that_its_events_lead_to() -> None:
    for name, move, decision in graph().replies:
        if isinstance(decision, Accepted) and decision.events and hasattr(decision.reply, "session"):
            targets = [graph().sessions[target] for made, target in graph().edges[name] if made == move]
            assert all(_status(decision.reply) is state.status for state in targets), move


def _status(reply: BaseModel) -> SessionStatus:
    status: SessionStatus = reply.session.status  # type: ignore[attr-defined]
    return status
