"""Sessions as the log tells them: loaded by folding the tail onto the state folded last."""

from __future__ import annotations

import json

from foundry_contracts.events import EVENT_MODELS, EventPayload, event_type
from foundry_mcp.application.plans import Plans
from foundry_mcp.machine.evolve import fold
from foundry_mcp.machine.session import Recorded, Session
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import Answer, Batch, Ids, PlanText, SessionRow, Store, StoredEvent


class Sessions:
    """Load sessions, and append what was decided. The states kept are a cache: the log is the truth."""

    def __init__(self, store: Store, plans: Plans, ids: Ids) -> None:
        self._store = store
        self._plans = plans
        self._ids = ids
        self._folded: dict[str, Session] = {}

    def load(self, session_id: str) -> Session | None:
        """Give a session's state as the log stands now."""
        known = self._folded.get(session_id)
        tail = self._store.events_after(session_id, known.version if known else 0)
        state = fold((_recorded(event) for event in tail), self._plans.pinned, known)
        if state is not None:
            self._folded[session_id] = state
        return state

    def append(
        self,
        session_id: str,
        spec_id: str,
        before: Session | None,
        events: tuple[EventPayload, ...],
        *,
        now: str,
        caller: Caller,
        answers: tuple[Answer, ...] = (),
        plan: PlanText | None = None,
    ) -> Session:
        """Write events decided on `before`, and give the state after them."""
        first = before.version + 1 if before else 1
        stored = tuple(
            self._stored(session_id, spec_id, first + place, payload, now, caller)
            for place, payload in enumerate(events)
        )
        after = fold((_recorded(event) for event in stored), self._plans.pinned, before)
        if after is None:
            raise ValueError("nothing was decided")
        row = SessionRow(session_id, spec_id, after.status, after.version, after.started_at, after.updated_at)
        self._store.append(Batch(row, first - 1, stored, answers, plan))
        self._folded[session_id] = after
        return after

    def _stored(
        self, session_id: str, spec_id: str, seq: int, payload: EventPayload, now: str, caller: Caller
    ) -> StoredEvent:
        text = json.dumps(
            payload.model_dump(mode="json", exclude_unset=True), ensure_ascii=False, separators=(",", ":")
        )
        return StoredEvent(
            self._ids.fresh("evt"), session_id, seq, spec_id, now, caller.id, caller.role, event_type(payload), text
        )


def _recorded(event: StoredEvent) -> Recorded:
    payload = EVENT_MODELS[event.type].model_validate_json(event.payload)
    return Recorded(event.session_id, event.spec_id, event.seq, event.time, event.actor_role, payload)
