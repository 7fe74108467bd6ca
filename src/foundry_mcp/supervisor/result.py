"""How a phase run ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from foundry_contracts.models.common import RecommendedAction
from foundry_contracts.models.formats_audit import Checkpoint
from foundry_contracts.models.formats_session import SessionView, Step
from foundry_contracts.models.formats_worker import EscalationStep
from foundry_contracts.tables import LOOP_SIGNAL_INFO
from foundry_contracts.vocabulary import LoopSignal
from foundry_mcp.supervisor.client import Refused

INTERRUPTED_EXIT_CODE: Final = 130


@dataclass(frozen=True, slots=True)
class Standing:
    """Hold where a session stands, as an answer says: what a loop should do (None: go on), and the step that is out."""

    session: SessionView
    loop_signal: LoopSignal | None
    actions: tuple[RecommendedAction, ...] = ()
    step: Step | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRunResult:
    """Hold how one phase run ended.

    `loop_signal` is the signal that ended it, None where the run itself gave up or was interrupted; `session` is as
    last seen, None where there was none; `escalation` is the packet that was left for a person, if one was;
    `checkpoint` is the signed head of the session's log as the run left it, if it could be had.
    """

    spec_id: str
    message: str
    loop_signal: LoopSignal | None = None
    session: SessionView | None = None
    steps: tuple[EscalationStep, ...] = ()
    actions: tuple[RecommendedAction, ...] = ()
    refused: Refused | None = field(default=None, repr=False)
    interrupted: bool = False
    escalation: Path | None = None
    checkpoint: Checkpoint | None = field(default=None, repr=False)

    @property
    def succeeded(self) -> bool:
        """Tell whether it ended with a signal of success."""
        return self.loop_signal is not None and LOOP_SIGNAL_INFO[self.loop_signal].success

    @property
    def exit_code(self) -> int:
        """Give the exit code of a process that ends with this result."""
        if self.interrupted:
            return INTERRUPTED_EXIT_CODE
        # Where the run gave up on its own, a person has to look: that signal's code says so.
        return LOOP_SIGNAL_INFO[self.loop_signal or LoopSignal.PAUSED_NEEDS_ATTENTION].exit_code
