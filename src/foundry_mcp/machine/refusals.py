"""Refusals that more than one command gives, in one wording."""

from __future__ import annotations

from collections.abc import Sequence

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.common import Finding
from foundry_contracts.vocabulary import ErrorCode


def spec_not_found(spec_id: str) -> Refusal:
    """Refuse a spec that is not there."""
    return Refusal(ErrorCode.SPEC_NOT_FOUND, f"There is no spec {spec_id!r}.", {"spec_id": spec_id})


def spec_gone(spec_id: str) -> Refusal:
    """Refuse to go on with a session whose spec's file is there no longer."""
    return Refusal(ErrorCode.SPEC_UNAVAILABLE, f"The file of spec {spec_id!r} is gone.", {"spec_id": spec_id})


def spec_invalid(spec_id: str, findings: Sequence[Finding]) -> Refusal:
    """Refuse a spec for what was found in it, all of which it tells."""
    found = [finding.model_dump(mode="json", exclude_unset=True) for finding in findings]
    count = f"{len(found)} finding{'' if len(found) == 1 else 's'}"
    return Refusal(ErrorCode.SPEC_INVALID, f"The spec is refused: {count}.", {"spec_id": spec_id, "findings": found})
