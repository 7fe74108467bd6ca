"""A run told to programs: one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from foundry_contracts.models.formats_session import SessionView, Step, StepResult
from foundry_contracts.models.formats_worker import EscalationPacket
from foundry_mcp.supervisor.checkpoints import KeptHead
from foundry_mcp.supervisor.client import Refused
from foundry_mcp.supervisor.isolation import Isolation
from foundry_mcp.supervisor.progress import step_title
from foundry_mcp.supervisor.result import PhaseRunResult


class JsonLines:
    """Write a line for everything that happens; `kind` says what."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def isolation(self, isolation: Isolation) -> None:
        """Write whether workers are isolated, and the warning where they are not."""
        self._write("worker_isolation", asked=isolation.asked, isolated=isolation.holds, warning=isolation.warning)

    def attached(self, session: SessionView) -> None:
        """Write the session as it stands."""
        self._write("attached", session=session.model_dump(mode="json", exclude_unset=True))

    def step_begins(self, step: Step, session: SessionView) -> None:
        """Write nothing: the line that counts comes when the step has ended."""

    def step_ended(self, step: Step, result: StepResult, session: SessionView, seconds: float) -> None:
        """Write what was done, how it went, and how far that brings the whole."""
        done = result.model_dump(mode="json", exclude_unset=True, exclude={"proof"})
        self._write(
            "step",
            **done,
            title=step_title(step),
            attempt=step.attempt,
            seconds=round(seconds, 3),
            phase={"number": session.phase.number, "of": session.phase.of},
            percent=session.progress.percent,
        )

    def refused(self, refused: Refused) -> None:
        """Write the refusal."""
        self._write("refused", error_code=refused.code.value, message=refused.message)

    def phase_ended(self, result: PhaseRunResult) -> None:
        """Write how it ended."""
        self._write(
            "phase_run",
            spec_id=result.spec_id,
            loop_signal=result.loop_signal,
            message=result.message,
            interrupted=result.interrupted,
            exit_code=result.exit_code,
        )

    def checkpointed(self, head: KeptHead) -> None:
        """Write the signed head and where it lies."""
        self._write(
            "checkpoint",
            path=str(head.path) if head.path else None,
            checkpoint=head.checkpoint.model_dump(mode="json") if head.checkpoint else None,
            problem=head.problem,
        )

    def escalated(self, packet: EscalationPacket, path: Path, problem: str) -> None:
        """Write the packet and where it lies."""
        shown = packet.model_dump(mode="json", exclude_unset=True)
        self._write("escalation", path=None if problem else str(path), packet=shown, problem=problem)

    def _write(self, kind: str, **fields: object) -> None:
        print(json.dumps({"kind": kind, **fields}, ensure_ascii=False), file=self._out, flush=True)
