"""What a person reads when a run stops."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from foundry_contracts.models.common import RecommendedAction, ToolCall
from foundry_contracts.models.formats_worker import EscalationPacket
from foundry_contracts.vocabulary import ErrorCode, Role, Severity
from foundry_mcp.supervisor.progress_text import TextProgress


def test_an_escalation_says_who_has_to_act_why_and_the_ways_out() -> None:
    call = ToolCall(tool="task", action="session", command="resume", params={"session_id": "ses_1"})
    packet = EscalationPacket(
        severity=Severity.L2,
        spec_id="a-spec",
        error_code=ErrorCode.STEP_PROOF_MISMATCH,
        message="The proof [is] not this step's.",
        details={"step_id": "stp_1"},
        written_at="2026-11-24T09:00:00.000Z",
        recommended_actions=[
            RecommendedAction(action="resume", description="Look.", least_role=Role.MAINTAINER, call=call)
        ],
        last_steps=[],
    )
    out = io.StringIO()
    TextProgress(Console(file=out)).escalated(packet, Path("packets/one.json"), "")
    assert out.getvalue().splitlines() == [
        "",
        "Stopped: a maintainer has to act (L2). ",
        "  The proof [is] not this step's.",
        "              {",
        '                "step_id": "stp_1"',
        "              }",
        "  → Look.  (maintainer)",
        '      task session resume  {"session_id": "ses_1"}',
        "  The whole of it: packets/one.json",
    ]


def test_an_escalation_for_a_spec_shows_the_findings_and_what_refuses_first() -> None:
    findings = [
        {"code": "dangling_child", "level": "warning", "message": "One is not there."},
        {"code": "duplicate_key", "level": "error", "message": "One is given twice."},
    ]
    packet = EscalationPacket(
        severity=Severity.L1,
        spec_id="a-spec",
        error_code=ErrorCode.SPEC_INVALID,
        message="The spec is refused.",
        details={"spec_id": "a-spec", "findings": findings},
        written_at="2026-11-24T09:00:00.000Z",
        recommended_actions=[],
        last_steps=[],
    )
    out = io.StringIO()
    TextProgress(Console(file=out)).escalated(packet, Path("packets/one.json"), "")
    assert [line.strip() for line in out.getvalue().splitlines()][3:5] == [
        "error: One is given twice.",
        "warning: One is not there.",
    ]
