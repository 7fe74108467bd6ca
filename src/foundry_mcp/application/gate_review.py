"""A phase's review: what the server finds itself, and what the reviewer makes of the phase.

It is made of one state of the session and one look at the disk, and holds up nobody else meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.formats_review import ProtectedChange
from foundry_contracts.vocabulary import ReviewFindingCode, Verdict
from foundry_mcp.application.protected_look import changes_now
from foundry_mcp.machine.gate import unproven
from foundry_mcp.machine.protected import findings_of
from foundry_mcp.machine.session import Session
from foundry_mcp.ports import ProtectedFiles, Reviewer, ReviewRequest

_LOG = logging.getLogger(__name__)
_UNSAID = "The review does not say what is wrong."


@dataclass(frozen=True, slots=True)
class GateReview:
    """Hold what a gate's review came to, and the changes of protected files it saw."""

    verdict: Verdict
    findings: tuple[ReviewFinding, ...]
    protected_changes: tuple[ProtectedChange, ...]


async def review_gate(state: Session, reviewer: Reviewer, protected: ProtectedFiles) -> GateReview:
    """Review the phase a session is in. No reviewer passes a phase under which a protected file was changed."""
    try:
        changes = await changes_now(state, protected)
        found = findings_of(changes)
        review = await reviewer.review(_request(state, found, changes))
    except Exception as problem:
        _LOG.exception("phase %s could not be reviewed", state.phase.phase.id)
        message = f"The phase could not be reviewed: {problem}"
        broken = ReviewFinding(code=ReviewFindingCode.REVIEW_FAILED, message=message)
        return GateReview(Verdict.FAIL, (broken,), ())
    findings = (*found, *review.findings)
    if not findings and review.verdict is not Verdict.PASS:
        findings = (ReviewFinding(code=ReviewFindingCode.REVIEW_FAILED, message=_UNSAID),)
    return GateReview(Verdict.FAIL if changes else review.verdict, findings, changes)


def _request(state: Session, found: tuple[ReviewFinding, ...], changes: tuple[ProtectedChange, ...]) -> ReviewRequest:
    phase = state.phase.phase
    return ReviewRequest(
        session_id=state.session_id,
        spec_id=state.spec_id,
        version=state.version,
        phase=phase,
        standing=tuple((unit.id, state.standing.get(unit.id)) for unit in phase.units),
        unproven=unproven(state),
        findings=found,
        protected_changes=changes,
    )
