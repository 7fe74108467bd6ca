"""What queries may look at: sessions, their events, spec files, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from foundry_contracts.handlers import Refusal
from foundry_contracts.vocabulary import ErrorCode
from foundry_mcp.application.sessions import Sessions
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import LoadedSpec, Signer, SpecFiles, SpecUnavailable, Store


@dataclass(frozen=True, slots=True)
class Reader:
    """Hold what a query needs."""

    caller: Caller
    workspace: Path
    store: Store
    sessions: Sessions
    specs: SpecFiles
    signer: Signer

    def session(self, session_id: str) -> Session | Refusal:
        """Give a session, or say that there is none."""
        found = self.sessions.load(session_id)
        if found is None:
            return Refusal(ErrorCode.SESSION_NOT_FOUND, f"There is no session {session_id}.", {})
        return found

    def spec(self, spec_id: str) -> LoadedSpec | Refusal:
        """Give a spec as read, or say why not."""
        try:
            found = self.specs.load(spec_id)
        except SpecUnavailable as problem:
            return Refusal(ErrorCode.SPEC_UNAVAILABLE, problem.message, {"spec_id": spec_id})
        if found is None:
            return Refusal(ErrorCode.SPEC_NOT_FOUND, f"There is no spec {spec_id!r}.", {"spec_id": spec_id})
        return found
