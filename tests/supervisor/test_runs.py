"""Specs run to their end, or to where a person is asked for, against the real server."""

from __future__ import annotations

import stat

import jsonschema_rs

from foundry_contracts.tables import ERROR_CODE_INFO, LOOP_SIGNAL_INFO
from foundry_contracts.vocabulary import ErrorCode, LoopSignal, PauseReason, Severity
from foundry_mcp.supervisor import run_one_phase_sync
from foundry_mcp.supervisor.run import run_sync
from tests.driving import check, task
from tests.outside import user_config
from tests.supervisor.lab import SUCCEED, Lab, Recorder
from tests.supervisor.schemas import published

ATTENTION = LOOP_SIGNAL_INFO[LoopSignal.PAUSED_NEEDS_ATTENTION].exit_code


def test_a_spec_of_two_phases_runs_to_its_end_through_verifications_and_gates(lab: Lab) -> None:
    lab.plan("two", [task("a"), check("b", command="true")], [task("c", "a")])
    recorder = Recorder()
    result = run_sync("two", lab.settings(SUCCEED), recorder)
    assert [phase.loop_signal for phase in result.phases] == [LoopSignal.PHASE_COMPLETE, LoopSignal.SPEC_COMPLETE]
    assert result.exit_code == 0
    assert recorder.steps == [
        ("implement_task", "a", "success"),
        ("execute_verification", "b", "success"),
        ("run_fidelity_gate", "phase-1", "success"),
        ("implement_task", "c", "success"),
        ("run_fidelity_gate", "phase-2", "success"),
    ]
    assert not lab.packets.exists()


def test_a_limit_of_phases_stops_well_and_the_next_run_goes_on_from_there(lab: Lab) -> None:
    lab.plan("two", [task("a")], [task("b")])
    first = lab.run("two", phases=1)
    assert (first.last.loop_signal, first.exit_code) == (LoopSignal.PHASE_COMPLETE, 0)
    second = run_one_phase_sync("two", lab.settings(SUCCEED))
    assert second.loop_signal is LoopSignal.SPEC_COMPLETE
    assert next(step.unit_id for step in second.steps) == "b"


def test_a_failed_verification_is_mended_and_run_again(lab: Lab) -> None:
    lab.plan("mended", [task("a"), check("b", command="test -f made")])
    recorder = Recorder()
    code = "open('made', 'w').close() if step['findings'] else None; answer(outcome='success')"
    assert run_sync("mended", lab.settings(code), recorder).last.succeeded
    assert [(kind, outcome) for kind, _, outcome in recorder.steps][1:4] == [
        ("execute_verification", "failure"),
        ("address_feedback", "success"),
        ("execute_verification", "success"),
    ]


def test_a_worker_that_fails_as_often_as_it_may_leaves_a_packet_for_a_person(lab: Lab) -> None:
    lab.plan("stuck", [task("a")])
    result = lab.run("stuck", "print('no idea', file=sys.stderr); sys.exit(7)")
    packet = lab.packet()
    jsonschema_rs.validator_for(published("EscalationPacket")).validate(packet)
    assert result.exit_code == ATTENTION
    assert packet["session"]["pause_reason"] == PauseReason.ATTEMPT_LIMIT
    assert (packet["severity"], packet["loop_signal"]) == (Severity.L1, LoopSignal.PAUSED_NEEDS_ATTENTION)
    assert [action["action"] for action in packet["recommended_actions"]] == ["resume", "look"]
    assert len(packet["last_steps"]) == 3
    assert packet["last_steps"][0]["note"] == "The worker exited with 7.\nThe end of its stderr: no idea"
    assert result.last.escalation is not None
    assert stat.S_IMODE(result.last.escalation.stat().st_mode) == 0o600

    again = lab.run("stuck").last
    assert (again.loop_signal, again.steps) == (LoopSignal.PAUSED_NEEDS_ATTENTION, ())
    assert len(list(lab.packets.iterdir())) == 2


def test_a_worker_that_answers_with_prose_has_failed_and_its_words_are_shown(lab: Lab) -> None:
    lab.plan("prose", [task("a")])
    assert lab.run("prose", "print('All done!')").exit_code == ATTENTION
    note = lab.packet()["last_steps"][0]["note"]
    assert "is no JSON object" in note
    assert note.endswith("The end of its stdout: All done!")


def test_a_manual_check_asks_an_operator_and_says_which_call_answers_it(lab: Lab) -> None:
    lab.plan("manual", [task("a"), check("look")])
    result = lab.run("manual")
    packet = lab.packet()
    assert result.exit_code == ATTENTION
    assert packet["session"]["pause_reason"] == PauseReason.VERIFICATION_ATTESTATION
    (action,) = packet["recommended_actions"]
    assert action["call"]["params"]["verdict"] == {"id": "look", "verdict": "pass"}
    assert result.last.message.endswith("It is about look.")


def test_a_check_that_agents_may_attest_is_given_to_the_worker(lab: Lab) -> None:
    lab.plan("manual", [task("a"), check("look")])
    user_config(lab.folder, '[posture]\nprofile = "staging"\n[verification]\nattestation = "agent"\n')
    assert lab.run("manual").last.loop_signal is LoopSignal.SPEC_COMPLETE


def test_a_server_whose_sessions_are_off_stops_the_run_with_a_packet(lab: Lab) -> None:
    lab.plan("off", [task("a")])
    user_config(lab.folder, '[posture]\nprofile = "staging"\n[feature_flags]\nautonomy_sessions = false\n')
    result = lab.run("off")
    packet = lab.packet()
    assert packet["error_code"] == ErrorCode.FEATURE_DISABLED
    assert result.exit_code == LOOP_SIGNAL_INFO[LoopSignal.BLOCKED_RUNTIME].exit_code


def test_a_spec_that_is_not_there_is_a_packet_without_a_session(lab: Lab) -> None:
    result = lab.run("nothing")
    packet = lab.packet()
    jsonschema_rs.validator_for(published("EscalationPacket")).validate(packet)
    assert (packet["error_code"], "session" in packet) == (ErrorCode.SPEC_NOT_FOUND, False)
    assert packet["message"] == f"There is no spec 'nothing'. {ERROR_CODE_INFO[ErrorCode.SPEC_NOT_FOUND].remedy}"
    assert result.exit_code == ATTENTION


def test_a_server_that_cannot_start_is_told_in_a_packet(lab: Lab) -> None:
    environ = {**lab.environ(), "XDG_STATE_HOME": str(lab.workspace / "inside")}
    result = lab.run("any", environ=environ)
    assert result.exit_code == ATTENTION
    assert lab.packet()["message"] == "The server did not start; what it wrote above says why."
