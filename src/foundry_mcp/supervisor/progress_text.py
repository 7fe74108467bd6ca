"""A run told to a person: a line a step, in colour where the terminal has any."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import MISSING
from rich.text import Text

from foundry_contracts.models.common import RecommendedAction, ToolCall
from foundry_contracts.models.formats_session import SessionView, Step, StepResult
from foundry_contracts.models.formats_worker import EscalationPacket
from foundry_contracts.vocabulary import FindingLevel, LoopSignal, Outcome, Severity, StepType
from foundry_mcp.supervisor.checkpoints import KeptHead
from foundry_mcp.supervisor.client import Refused
from foundry_mcp.supervisor.isolation import Isolation
from foundry_mcp.supervisor.progress import step_title
from foundry_mcp.supervisor.result import PhaseRunResult

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_DOING: Final = {
    StepType.IMPLEMENT_TASK: "do",
    StepType.EXECUTE_VERIFICATION: "check",
    StepType.RUN_FIDELITY_GATE: "gate",
    StepType.ADDRESS_FEEDBACK: "mend",
}
_WHO: Final = {
    Severity.L0: "nobody has to act",
    Severity.L1: "a person has to act",
    Severity.L2: "a maintainer has to act",
}
_TITLE_WIDTH: Final = 40
_NOTE_LINES: Final = 6


class TextProgress:
    """Write lines for a person to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._phase = ""
        self._warned = False

    def isolation(self, isolation: Isolation) -> None:
        """Warn once of workers that are not isolated."""
        if isolation.warning and not self._warned:
            self._warned = True
            self._line((f"warning: {isolation.warning}", "yellow"))

    def attached(self, session: SessionView) -> None:
        """Head the phase that is being worked on."""
        if self._phase == "":
            self._line((session.title, "bold"), (f"  {session.spec_id}  {session.session_id}", "dim"))
        if self._phase != session.phase.phase_id:
            self._phase = session.phase.phase_id
            self._line(("", ""))
            self._line((f"Phase {session.phase.number} of {session.phase.of}  ", "bold"), (session.phase.title, "bold"))

    def step_begins(self, step: Step, session: SessionView) -> None:
        """Say what has to be mended, if anything; show that something goes on, where a line can be taken back."""
        for finding in step.findings:
            about = "" if finding.path is MISSING else f"{finding.path}: "
            self._indented(f"{about}{finding.message}", "yellow")
        # What moves takes standard error over; where that goes elsewhere, it has to stay as it is.
        if self._console.is_terminal and sys.stderr.isatty():
            self._status = self._console.status(Text(f"{_DOING[step.type]:<7}{step_title(step)}", style="dim"))
            self._status.start()

    def step_ended(self, step: Step, result: StepResult, session: SessionView, seconds: float) -> None:
        """Write the step's line, and what its doer had to say when it did not go well."""
        self._still()
        good = result.outcome is Outcome.SUCCESS
        again = f" (try {step.attempt})" if step.attempt > 1 else ""
        title = f"{step_title(step)}{again}"
        shown = title if len(title) <= _TITLE_WIDTH else f"{title[: _TITLE_WIDTH - 1]}…"
        place = f"  {session.phase.number}/{session.phase.of}  {session.progress.percent:>3} %  "
        self._line(
            (place, "dim"),
            ("✓ " if good else "✗ ", "green" if good else "yellow"),
            (f"{_DOING[step.type]:<7}{shown:<{_TITLE_WIDTH}} ", ""),
            (f" {result.outcome.value:<8}", "" if good else "yellow"),
            (f"{seconds:>6.1f} s", "dim"),
        )
        if not good and result.note is not MISSING:
            self._indented(result.note, "yellow")

    def refused(self, refused: Refused) -> None:
        """Write the refusal."""
        self._still()
        self._line((f"  refused: {refused.code.value}: ", "yellow"), (refused.message, ""))

    def phase_ended(self, result: PhaseRunResult) -> None:
        """Write how the run goes on, or how a person lets it go on."""
        self._still()
        if result.interrupted:
            self._line(
                ("\nStopped. ", "bold"), (f"{result.message} Run the same command again to go on from here.", "")
            )
        elif result.loop_signal is LoopSignal.SPEC_COMPLETE:
            self._line(("\nDone: ", "bold green"), ("every phase of the spec is complete and its gate passed.", ""))

    def checkpointed(self, head: KeptHead) -> None:
        """Write where the signed head is kept, or why it is not."""
        self._still()
        if head.problem:
            self._line((f"  {head.problem}", "yellow"))
        elif head.path is not None and head.head is not None:
            self._line((f"  log signed at event {head.head.seq}: {head.path}", "dim"))

    def escalated(self, packet: EscalationPacket, path: Path, problem: str) -> None:
        """Write who has to act, why, and the ways out."""
        self._still()
        self._line((f"\nStopped: {_WHO[packet.severity]} ({packet.severity.value}). ", "bold yellow"))
        self._line((f"  {packet.message}", ""))
        if packet.error_code is not MISSING and packet.details is not MISSING and packet.details:
            self._indented(_sentences_of(packet.details), "dim")
        for action in packet.recommended_actions:
            self._way_out(action)
        if problem:
            self._line((f"  {problem}", "yellow"))
        else:
            self._line(("  The whole of it: ", "dim"), (str(path), ""))

    def _way_out(self, action: RecommendedAction) -> None:
        self._line((f"  → {action.description}", ""), (f"  ({action.least_role.value})", "dim"))
        if action.call is not MISSING:
            self._line((f"      {_sentence_of(action.call)}", "cyan"))

    def _indented(self, text: str, style: str) -> None:
        lines = text.strip().splitlines()
        for line in lines[:_NOTE_LINES]:
            self._line((f"              {line}", style))
        if len(lines) > _NOTE_LINES:
            self._line((f"              … {len(lines) - _NOTE_LINES} more lines", "dim"))

    def _still(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _line(self, *parts: tuple[str, str]) -> None:
        # Assembled, not marked up: a title may hold what looks like markup. Long lines stay whole for a reader's tools.
        self._console.print(Text.assemble(*parts), soft_wrap=True, highlight=False)


def _sentences_of(details: Mapping[str, Any]) -> str:
    """Give what details say: their findings, those first that refuse; or all of it, where they hold none."""
    findings = details.get("findings")
    if not findings:
        return json.dumps(details, indent=2, ensure_ascii=False)
    ordered = sorted(findings, key=lambda finding: finding["level"] != FindingLevel.ERROR)
    return "\n".join(f"{finding['level']}: {finding['message']}" for finding in ordered)


def _sentence_of(call: ToolCall) -> str:
    words = [call.tool, call.action, *([] if call.command is MISSING else [call.command])]
    return f"{' '.join(words)}  {json.dumps(call.params, ensure_ascii=False)}"
