"""A step's one-time proof: a MAC over session, step and attempt, so that none has to be kept."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from foundry_mcp.machine.session import Outstanding


def proof_of(session_id: str, step: Outstanding, mac: Callable[[str], str]) -> str:
    """Give the proof of a step."""
    return f"prf_{mac(f'step-proof:{session_id}:{step.step_id}:{step.attempt}')}"


def proof_digest(proof: str) -> str:
    """Give what the log keeps of a proof: its SHA-256, so that reading the log lets nobody report."""
    return sha256(proof.encode()).hexdigest()
