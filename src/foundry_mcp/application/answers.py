"""Exactly once: what was answered to a step's proof is kept, and given again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from pydantic import BaseModel

from foundry_contracts.dispatch import CommandEntry
from foundry_contracts.handlers import Refusal
from foundry_contracts.models.events_session import StepReported
from foundry_contracts.models.formats_session import StepResult
from foundry_contracts.vocabulary import CommandName, ErrorCode, EventType
from foundry_mcp.machine.moments import seconds_between
from foundry_mcp.machine.proof import proof_digest
from foundry_mcp.ports import Answer, Store

_RECORDING = (CommandName.TASK_SESSION_STEP_NEXT.value, CommandName.TASK_SESSION_STEP_REPORT.value)
# A key holds for all commands: the same key with another one is a conflict.
_ANY_COMMAND = "*"
_PAGE = 200
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Use:
    """Hold a request's use of a proof or an idempotency key, and a digest of what it says (None: it asks only).

    `commands` are those that may have kept an answer under it; `conflict` is the code of another use of it.
    A key does not expire: whoever sends it again means the same call, however late.
    """

    token: str
    digest: str | None
    commands: tuple[str, ...]
    conflict: ErrorCode
    expires: bool


def uses_of(entry: CommandEntry, actor: str, request: BaseModel) -> list[Use]:
    """Say what a request uses that may be used once: its proof, its idempotency key."""
    return [use for use in (_use_of_proof(request), _use_of_key(entry, actor, request)) if use is not None]


def _use_of_proof(request: BaseModel) -> Use | None:
    # A model's own dictionary: asking it for a field that it has not is as slow as the rest of this.
    said = vars(request)
    result = said.get("result", said.get("last_step_result"))
    proof, digest = said.get("proof"), None
    if isinstance(result, StepResult):
        proof, digest = result.proof, _digest(result.model_dump(mode="json", exclude_unset=True))
    if not isinstance(proof, str):
        return None
    # A proof is of one session's step: in another it was never used, and what it got here is no answer there.
    token = f"{said['session_id']}:{proof_digest(proof)}"
    return Use(token, digest, _RECORDING, ErrorCode.STEP_PROOF_CONFLICT, expires=True)


def _use_of_key(entry: CommandEntry, actor: str, request: BaseModel) -> Use | None:
    key = vars(request).get("idempotency_key")
    if not isinstance(key, str):
        return None
    said = {"command": entry.name, "params": request.model_dump(mode="json", exclude_unset=True)}
    return Use(_digest([actor, key]), _digest(said), (_ANY_COMMAND,), ErrorCode.IDEMPOTENCY_CONFLICT, expires=False)


def answers_for(entry: CommandEntry, uses: Iterable[Use], now: str, body: str) -> tuple[Answer, ...]:
    """Give the answers to keep: one for each use that says something."""
    return tuple(Answer(_key(use, _command(entry, use)), use.digest, now, body) for use in uses if use.digest)


def _command(entry: CommandEntry, use: Use) -> str:
    return entry.name if entry.name in use.commands else use.commands[0]


def look_up(store: Store, entry: CommandEntry, use: Use, now: str, grace_s: int) -> Answer | Refusal | bool:
    """Give the answer to repeat, the refusal of another use, or whether another command recorded the same."""
    found = [(name, answer) for name in use.commands if (answer := store.answer(_key(use, name))) is not None]
    if not found:
        return False
    if use.digest is not None and any(answer.payload_digest != use.digest for _, answer in found):
        return Refusal(use.conflict, "It was used before with other content; what it was used for first stands.")
    same = next((answer for name, answer in found if name in (entry.name, _ANY_COMMAND) or use.digest is None), None)
    if same is None:
        return True
    if use.expires and seconds_between(same.recorded_at, now) > grace_s:
        outcome = _recorded_outcome(store, use.token)
        message = f"This proof was used at {same.recorded_at}, longer ago than answers are given again: {outcome}."
        return Refusal(ErrorCode.STEP_PROOF_EXPIRED, message, {"recorded_at": same.recorded_at, "outcome": outcome})
    return same


def _recorded_outcome(store: Store, token: str) -> str:
    """Give the outcome that the log has of a used proof. It is looked for from the log's end: few come so late."""
    session_id, _, digest = token.partition(":")
    before = None
    while page := store.page(session_id, after=None, before=before, limit=_PAGE, types=(EventType.STEP_REPORTED,)):
        for event in page:
            reported = StepReported.model_validate_json(event.payload)
            if reported.proof_digest == digest:
                return reported.outcome.value
        before = page[-1].seq
    raise ValueError("an answer was kept for a report that the log does not have")


def _key(use: Use, command: str) -> str:
    return f"{use.token}:{command}"


def _digest(value: object) -> str:
    return sha256(_ENCODER.encode(value).encode()).hexdigest()
