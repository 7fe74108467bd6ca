"""Signed heads of a session's log, asked for while a run knows that it is sound and kept apart from the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from foundry_contracts.models.formats_audit import Checkpoint, LogHead
from foundry_contracts.models.task_session_checkpoint import SessionCheckpointResponse
from foundry_contracts.vocabulary import CommandName
from foundry_mcp.supervisor.client import Refused, ServerClient
from foundry_mcp.supervisor.connection import ServerFailed
from foundry_mcp.supervisor.keeping import NotKept, keep
from foundry_mcp.supervisor.settings import RunSettings


@dataclass(frozen=True, slots=True)
class KeptHead:
    """Hold a signed head, and its file; `problem` says why there is none, or no head; `refused` what was refused."""

    checkpoint: Checkpoint | None = None
    head: LogHead | None = None
    path: Path | None = None
    problem: str = ""
    refused: Refused | None = None


async def kept_head(client: ServerClient, session_id: str, settings: RunSettings) -> KeptHead:
    """Have a session's head signed and keep it; nothing that fails here is raised."""
    try:
        answer = await client.call(
            CommandName.TASK_SESSION_CHECKPOINT, {"session_id": session_id}, SessionCheckpointResponse
        )
    except ServerFailed as failure:
        return KeptHead(problem=f"The head of the log was not signed: {failure}")
    if isinstance(answer, Refused):
        return KeptHead(problem=f"The head of the log was not signed: {answer.message}", refused=answer)
    head, checkpoint = answer.head, answer.checkpoint
    path = settings.checkpoints / f"{head.spec_id}-{head.session_id}-{head.seq}.json"
    try:
        keep(path, checkpoint.model_dump_json(indent=2) + "\n", workspace=settings.workspace)
    except NotKept as problem:
        return KeptHead(checkpoint, head, problem=str(problem))
    return KeptHead(checkpoint, head, path)
