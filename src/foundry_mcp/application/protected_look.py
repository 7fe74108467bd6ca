"""Looking at the protected files as they are now: what differs of them, while nobody is held up."""

from __future__ import annotations

import asyncio

from foundry_contracts.models.formats_review import ProtectedChange
from foundry_mcp.machine.protected import patterns_of, protected_changes
from foundry_mcp.machine.session import Session
from foundry_mcp.ports import ProtectedFiles


async def changes_now(state: Session, protected: ProtectedFiles) -> tuple[ProtectedChange, ...]:
    """Give what differs of the protected files from what a session holds them to."""
    patterns = patterns_of(state.plan, state.settings)
    now = await asyncio.to_thread(protected.digests, patterns) if patterns else {}
    return tuple(protected_changes(state.protected, now))
