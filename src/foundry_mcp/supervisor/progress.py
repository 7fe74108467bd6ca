"""What a run tells as it goes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pydantic_core import MISSING

from foundry_contracts.models.formats_session import SessionView, Step, StepResult
from foundry_contracts.models.formats_worker import EscalationPacket
from foundry_mcp.supervisor.checkpoints import KeptHead
from foundry_mcp.supervisor.client import Refused
from foundry_mcp.supervisor.isolation import Isolation
from foundry_mcp.supervisor.result import PhaseRunResult


class Progress(Protocol):
    """Be told what happens in a run, as it happens."""

    def isolation(self, isolation: Isolation) -> None:
        """Tell, at the start of a phase run, whether workers are kept from what they must not reach."""

    def attached(self, session: SessionView) -> None:
        """Tell that a session is at hand, a new one or one that was there."""

    def step_begins(self, step: Step, session: SessionView) -> None:
        """Tell that a step is being carried out."""

    def step_ended(self, step: Step, result: StepResult, session: SessionView, seconds: float) -> None:
        """Tell that a step's result was recorded."""

    def refused(self, refused: Refused) -> None:
        """Tell that a call was refused."""

    def phase_ended(self, result: PhaseRunResult) -> None:
        """Tell that a phase run ended, well or not."""

    def checkpointed(self, head: KeptHead) -> None:
        """Tell where the signed head of the session's log is kept, or why it is not."""

    def escalated(self, packet: EscalationPacket, path: Path, problem: str) -> None:
        """Tell that a packet was left for a person; `problem` says why it is not at its path, and is empty if it is."""


class Silent:
    """Tell nobody."""

    def isolation(self, isolation: Isolation) -> None:
        """Tell nobody."""

    def attached(self, session: SessionView) -> None:
        """Tell nobody."""

    def step_begins(self, step: Step, session: SessionView) -> None:
        """Tell nobody."""

    def step_ended(self, step: Step, result: StepResult, session: SessionView, seconds: float) -> None:
        """Tell nobody."""

    def refused(self, refused: Refused) -> None:
        """Tell nobody."""

    def phase_ended(self, result: PhaseRunResult) -> None:
        """Tell nobody."""

    def checkpointed(self, head: KeptHead) -> None:
        """Tell nobody."""

    def escalated(self, packet: EscalationPacket, path: Path, problem: str) -> None:
        """Tell nobody."""


def step_title(step: Step) -> str:
    """Name a step for a person: by its unit, or by its phase where it is about the whole of that."""
    return step.phase_title if step.unit is MISSING else step.unit.title
