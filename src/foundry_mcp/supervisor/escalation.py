"""What is left for a person when a run stops for anything but success."""

from __future__ import annotations

import dataclasses
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic_core import MISSING

from foundry_contracts.models.formats_worker import EscalationPacket
from foundry_contracts.tables import decide_loop_decision
from foundry_contracts.vocabulary import Severity
from foundry_mcp.supervisor.absent import given, or_absent
from foundry_mcp.supervisor.keeping import NotKept, keep
from foundry_mcp.supervisor.progress import Progress
from foundry_mcp.supervisor.result import PhaseRunResult
from foundry_mcp.supervisor.settings import RunSettings

_LAST_STEPS: Final = 20


def escalated(result: PhaseRunResult, settings: RunSettings, progress: Progress) -> PhaseRunResult:
    """Write and show a packet for a result that needs a person; give any other back as it is."""
    if result.succeeded or result.interrupted:
        return result
    packet = packet_of(result, written_at=_now())
    path, problem = _file_of(packet, settings.escalation_folder), ""
    try:
        keep(path, packet.model_dump_json(exclude_unset=True, indent=2) + "\n", workspace=settings.workspace)
    except NotKept as not_kept:
        problem = str(not_kept)
    progress.escalated(packet, path, problem)
    return dataclasses.replace(result, escalation=None if problem else path)


def packet_of(result: PhaseRunResult, *, written_at: str) -> EscalationPacket:
    """Say all that a person needs: who has to act, why, on what, and which calls lead out."""
    refused = result.refused
    return EscalationPacket(
        severity=_severity(result),
        loop_signal=or_absent(result.loop_signal),
        spec_id=result.spec_id,
        session=or_absent(result.session),
        error_code=MISSING if refused is None else refused.code,
        message=result.message,
        details=MISSING if refused is None else refused.data.details,
        written_at=written_at,
        checkpoint=or_absent(result.checkpoint),
        recommended_actions=list(result.actions),
        last_steps=list(result.steps[-_LAST_STEPS:]),
    )


def _severity(result: PhaseRunResult) -> Severity:
    if result.loop_signal is None:
        return Severity.L1
    session = result.session
    row = decide_loop_decision(
        error=result.refused.code if result.refused else None,
        status=session.status if session else None,
        reason=given(session.pause_reason) if session else None,
    )
    return row.severity


def _now() -> str:
    # The server's Clock port lies behind the protocol; a packet bears its reader's own time.
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")  # noqa: TID251


def _file_of(packet: EscalationPacket, folder: Path) -> Path:
    moment = packet.written_at.replace(":", "").replace(".", "-")
    return folder / f"{packet.spec_id}-{moment}-{secrets.token_hex(2)}.json"
