"""What the server signs of its own runs, and where that says otherwise than the log.

A receipt is evidence of a verification's run, and a review's is of the same shape. Signatures are no business of this
module: it gets a statement that somebody has opened, and holds it against what the log tells of the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import rfc8785
from pydantic import BaseModel
from pydantic_core import MISSING

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import SessionSettings, VerificationFinished
from foundry_contracts.models.formats_plan import CommandLine, PlanUnit
from foundry_contracts.models.formats_receipt import Receipt, ReviewPredicate, VerificationPredicate
from foundry_mcp.machine.commands import command_text, parsed_command
from foundry_mcp.machine.session import Outstanding, RunFinished

_STATEMENT = "https://in-toto.io/Statement/v1"
_VERIFICATION = "https://foundry-mcp.dev/verification/v1"
_REVIEW = "https://foundry-mcp.dev/review/v1"
# What a signature lacks is no field of the statement; it is named beside them.
SIGNATURE = "signature"


def statement_of(predicate: VerificationPredicate | ReviewPredicate) -> dict[str, object]:
    """Give the in-toto statement to sign: its subject is the tree a command left, or what a review found."""
    if isinstance(predicate, VerificationPredicate):
        kind, name, digest = _VERIFICATION, "workspace-tree", hashlib.sha256(predicate.tree_after.encode()).hexdigest()
    else:
        kind, name, digest = _REVIEW, "review-findings", predicate.findings_digest
    return {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest}}],
        "predicateType": kind,
        "predicate": _json(predicate),
    }


def findings_digest(findings: Sequence[ReviewFinding]) -> str:
    """Give the SHA-256 of a review's findings in their RFC 8785 form."""
    return hashlib.sha256(rfc8785.dumps([_json(finding) for finding in findings])).hexdigest()


def evidence_in(run: RunFinished) -> Receipt:
    """Give the evidence that the end of a run brought."""
    return run.receipt if isinstance(run, VerificationFinished) else run.evidence


def faults(
    statement: Mapping[str, object] | None,
    session_id: str,
    spec_id: str,
    step: Outstanding,
    unit: PlanUnit | None,
    proof_digest: str | None,
) -> list[str]:
    """Name what a step's evidence says otherwise than the log; None for a statement is one nobody signed."""
    if statement is None or step.finished is None:
        return [SIGNATURE]
    by_event = differing(statement, told_by_event(session_id, spec_id, step.finished))
    return sorted({*by_event, *differing(statement, told_by_step(step, unit, proof_digest))})


def told_by_event(session_id: str, spec_id: str, run: RunFinished) -> dict[str, object]:
    """Give what the event that brings a run's evidence says of it, by the names the evidence uses."""
    told: dict[str, object] = {"session_id": session_id, "spec_id": spec_id}
    if isinstance(run, VerificationFinished):
        brought = {"attempt_id", "step_id", "unit_id", "passed", "exit_code", "timed_out", "tree_after"}
        told |= _json(run, include=brought | {"error", "sandbox", "unenforced", "protected_changes"})
        # A field the event leaves out must be left out by the receipt as well.
        absent = dict.fromkeys(("exit_code", "sandbox", "protected_changes"), MISSING)
        return {"predicateType": _VERIFICATION, **absent} | told
    told |= _json(run, include={"attempt_id", "step_id", "phase_id", "verdict", "protected_changes"})
    return {"predicateType": _REVIEW, "findings_digest": findings_digest(run.findings)} | told


def told_by_step(step: Outstanding, unit: PlanUnit | None, proof_digest: str | None) -> dict[str, object]:
    """Give what the log says of the run a step asked for: whose it is, and what the pinned plan has it do.

    `proof_digest` is None where it is not known.
    """
    attempt = MISSING if step.started is None else step.started.attempt_id
    told: dict[str, object] = {"step_id": step.step_id, "attempt_id": attempt}
    if not isinstance(step.finished, VerificationFinished):
        return told | {"phase_id": step.phase_id, "seen_version": step.started_at_version}
    told |= {"unit_id": step.unit_id, **_commanded(unit, step.settings)}
    return told if proof_digest is None else told | {"proof_digest": proof_digest}


def _commanded(unit: PlanUnit | None, settings: SessionSettings | None) -> dict[str, object]:
    """Give the command that the plan states under the settings of the time; none where no such run can have begun."""
    text = command_text(unit, settings) if unit is not None and settings is not None else ""
    parsed = parsed_command(text, settings) if settings is not None and text else None
    if settings is None or not isinstance(parsed, CommandLine):
        return {"command": MISSING}
    return {"command": _json(parsed), "command_replaced": bool(settings.replace_command)}


def differing(statement: Mapping[str, object], told: Mapping[str, object]) -> list[str]:
    """Name what a statement says otherwise than is told, in order of name."""
    said = statement.get("predicate")
    if not isinstance(said, dict):
        return ["predicate"]
    kinds = {name: statement.get(name) for name in ("_type", "predicateType")}
    return sorted(_differing(kinds | said, {"_type": _STATEMENT, **told}))


def _differing(said: Mapping[str, object], told: Mapping[str, object]) -> Iterator[str]:
    for name, value in told.items():
        there = said.get(name, MISSING)
        if isinstance(value, dict) and isinstance(there, dict):
            yield from (f"{name}.{inner}" for inner in _differing(there, value))
        elif there != value:
            yield name


# Any: JSON values, as their readers here need no more of them.
def _json(model: BaseModel, include: set[str] | None = None) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_unset=True, include=include)
