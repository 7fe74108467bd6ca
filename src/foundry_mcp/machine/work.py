"""Names for the pieces of work whose tries and failures are counted."""

from __future__ import annotations

from foundry_contracts.vocabulary import StepType


def work_of(step_type: StepType, unit: str | None, phase: str) -> str:
    """Name the work of a step: a unit counts its own tries, feedback counts apart from what it mends."""
    subject = unit if unit is not None else f"gate of {phase}"
    return f"feedback on {subject}" if step_type is StepType.ADDRESS_FEEDBACK else subject
