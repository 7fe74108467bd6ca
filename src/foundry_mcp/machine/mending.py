"""What has to be mended after a step that failed, in the words of findings."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import MISSING

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import GateFinished, StepReported, VerificationFinished
from foundry_contracts.vocabulary import ReviewFindingCode
from foundry_mcp.machine.optional import given
from foundry_mcp.machine.protected import findings_of
from foundry_mcp.machine.session import Outstanding


def to_mend(payload: StepReported, step: Outstanding | None) -> tuple[ReviewFinding, ...]:
    """Say what has to be mended: what the server's own run found, else what the reporter said."""
    run = step.finished if step else None
    if isinstance(run, GateFinished):
        return tuple(run.findings)
    node = given(payload.unit_id) or payload.phase_id
    if isinstance(run, VerificationFinished):
        return (*findings_of(given(run.protected_changes) or ()), *_of_command(run, node))
    message = given(payload.note) or "The step was reported as failed without a note."
    return (ReviewFinding(code=ReviewFindingCode.VERIFICATION_FAILED, node=node, message=message),)


def _of_command(run: VerificationFinished, node: str) -> Iterator[ReviewFinding]:
    """Say how a command ended, unless it ended well or was not run for the sake of protected files."""
    if run.protected_changes is not MISSING and (run.sandbox is MISSING or run.exit_code == 0):
        return
    how = "did not run to its end" if run.exit_code is MISSING else f"exited with {run.exit_code}"
    said = ["was stopped for taking too long." if run.timed_out else f"{how}.", given(run.error)]
    said += [f"The end of its output:\n{run.output_tail}"] if run.output_tail else []
    message = f"The verification's command {' '.join(filter(None, said))}"
    yield ReviewFinding(code=ReviewFindingCode.VERIFICATION_FAILED, node=node, message=message)
