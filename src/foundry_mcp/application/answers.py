"""Exactly once: what was answered to a step's proof is kept, and given again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from pydantic import BaseModel
from pydantic_core import MISSING

from foundry_contracts.dispatch import CommandEntry
from foundry_contracts.handlers import Refusal
from foundry_contracts.models.formats_session import StepResult
from foundry_contracts.vocabulary import CommandName, ErrorCode
from foundry_mcp.machine.proof import proof_digest
from foundry_mcp.ports import Answer, Store

_RECORDING = (CommandName.TASK_SESSION_STEP_NEXT, CommandName.TASK_SESSION_STEP_REPORT)


@dataclass(frozen=True, slots=True)
class Use:
    """Hold a request's use of a proof: where its answer is kept, and a digest of what it reports (None: asks only)."""

    proof: str
    digest: str | None


def use_of_proof(request: BaseModel) -> Use | None:
    """Say which proof a request uses, and for what."""
    result = getattr(request, "result", getattr(request, "last_step_result", MISSING))
    if isinstance(result, StepResult):
        return None if result.proof is MISSING else Use(proof_digest(result.proof), _digest(result))
    proof = getattr(request, "proof", MISSING)
    return Use(proof_digest(proof), None) if isinstance(proof, str) else None


def answer_for(entry: CommandEntry, use: Use, now: str, body: str) -> Answer:
    """Make the answer to keep."""
    return Answer(_key(use, entry.name), use.digest or "", now, body)


def look_up(store: Store, entry: CommandEntry, use: Use, now: str, grace_s: int) -> Answer | Refusal | bool:
    """Give the answer to repeat, the refusal of another use, or whether another command recorded the same."""
    found = [(name, answer) for name in _RECORDING if (answer := store.answer(_key(use, name))) is not None]
    if not found:
        return False
    if use.digest is not None and any(answer.payload_digest != use.digest for _, answer in found):
        message = "This proof was used with another result; the first report stands."
        return Refusal(ErrorCode.STEP_PROOF_CONFLICT, message, {})
    same = next((answer for name, answer in found if name == entry.name or use.digest is None), None)
    if same is None:
        return True
    if _age_s(same.recorded_at, now) > grace_s:
        message = f"This proof was used at {same.recorded_at}, longer ago than answers are given again."
        return Refusal(ErrorCode.STEP_PROOF_EXPIRED, message, {"recorded_at": same.recorded_at})
    return same


def _key(use: Use, command: str) -> str:
    return f"{use.proof}:{command}"


def _digest(result: StepResult) -> str:
    text = json.dumps(result.model_dump(mode="json", exclude_unset=True), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _age_s(then: str, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds()
