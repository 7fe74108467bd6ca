"""What queries may look at: sessions, their events, spec files, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from foundry_contracts.handlers import Refusal
from foundry_contracts.vocabulary import ErrorCode
from foundry_mcp.application.cursors import Cursors
from foundry_mcp.application.planned_steps import PlannedSteps
from foundry_mcp.application.plans import Plans
from foundry_mcp.application.sessions import Sessions
from foundry_mcp.machine.plan_index import PlanIndex
from foundry_mcp.machine.policy import Policy
from foundry_mcp.machine.refusals import spec_invalid, spec_not_found
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import Clock, LoadedSpec, Signer, SpecFiles, SpecUnavailable, Store, newest


def session_not_found(session_id: str) -> Refusal:
    """Refuse a session that is not there."""
    return Refusal(ErrorCode.SESSION_NOT_FOUND, f"There is no session {session_id}.", {})


@dataclass(frozen=True, slots=True)
class Reader:
    """Hold what a query needs."""

    caller: Caller
    workspace: Path
    store: Store
    sessions: Sessions
    specs: SpecFiles
    cursors: Cursors
    plans: Plans
    planned_steps: PlannedSteps
    policy: Policy
    signer: Signer
    clock: Clock

    def last_session(self, spec_id: str) -> Session | None:
        """Give a spec's live session, else its last one."""
        row = self.store.live_session(spec_id) or newest(self.store, spec_id)
        return self.sessions.load(row.session_id) if row else None

    def plan(self, spec_id: str) -> PlanIndex | Refusal:
        """Give the plan of a spec as its file stands now, or say why there is none."""
        loaded = self.spec(spec_id)
        if isinstance(loaded, Refusal):
            return loaded
        spec = self.plans.on_disk(spec_id)
        if spec is None or spec.plan is None:
            return spec_invalid(spec_id, loaded.findings)
        return spec.plan

    def session(self, session_id: str) -> Session | Refusal:
        """Give a session, or say that there is none."""
        found = self.sessions.load(session_id)
        if found is None:
            return session_not_found(session_id)
        return found

    def spec(self, spec_id: str) -> LoadedSpec | Refusal:
        """Give a spec as read, or say why not."""
        try:
            found = self.specs.load(spec_id)
        except SpecUnavailable as problem:
            return Refusal(ErrorCode.SPEC_UNAVAILABLE, problem.message, {"spec_id": spec_id})
        if found is None:
            return spec_not_found(spec_id)
        return found
