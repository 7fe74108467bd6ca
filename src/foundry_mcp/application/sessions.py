"""Sessions as the log tells them: loaded by checking the tail and folding it onto the state folded last."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from foundry_contracts.events import EVENT_MODELS, EventPayload, event_type
from foundry_contracts.vocabulary import LogFault
from foundry_mcp.application.plans import PlanBroken, Plans
from foundry_mcp.machine.evolve import evolve, fold
from foundry_mcp.machine.plan_index import PlanIndex
from foundry_mcp.machine.session import Recorded, Session
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import (
    START,
    Answer,
    Batch,
    Head,
    Ids,
    Log,
    LogBroken,
    PlanText,
    PortError,
    SessionRow,
    Store,
    StoredEvent,
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """Hold a session as it was folded last, and the place in its log up to which it was."""

    state: Session
    head: Head


class Sessions:
    """Load sessions, and append what was decided. The states kept are a cache: the log is the truth."""

    def __init__(self, store: Store, plans: Plans, ids: Ids) -> None:
        self._store = store
        self._plans = plans
        self._ids = ids
        self._known: dict[str, _Known] = {}

    def load(self, session_id: str) -> Session | None:
        """Give a session's state as the log stands now; LogBroken where the log is not what was written.

        Checked is what was not checked before: the whole log at first, then what came since.
        """
        try:
            known = self._read(session_id, self._known.get(session_id))
        except LogBroken:
            self.forget(session_id)
            raise
        if known is None:
            self.forget(session_id)
            return None
        self._known[session_id] = known
        return known.state

    def _read(self, session_id: str, known: _Known | None) -> _Known | None:
        log = self._store.log(session_id, known.head if known else START)
        if log is None:
            return None
        return _Known(folded(log, self._plans.pinned, known.state if known else None), log.head)

    def head(self, session_id: str) -> Head | None:
        """Check the whole of a session's log and give where it ends; None where there is no such session."""
        whole = self._store.log(session_id)
        return whole.head if whole and self.load(session_id) else None

    def forget(self, session_id: str) -> None:
        """Have a session's whole log checked when it is loaded next."""
        self._known.pop(session_id, None)

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
        after: Session | None = None,
    ) -> Session:
        """Write events decided on `before`, and give the state after them: `after`, where the decision knows it."""
        first = before.version + 1 if before else 1
        stored = tuple(
            self._stored(session_id, spec_id, first + place, payload, now, caller)
            for place, payload in enumerate(events)
        )
        if after is None:
            after = fold((_recorded(event) for event in stored), self._plans.pinned, before)
        if after is None:
            raise ValueError("nothing was decided")
        row = SessionRow(session_id, spec_id, after.status, after.version, after.started_at, after.updated_at)
        head = self._store.append(Batch(row, first - 1, stored, answers, plan))
        self._known[session_id] = _Known(after, head)
        return after

    def _stored(
        self, session_id: str, spec_id: str, seq: int, payload: EventPayload, now: str, caller: Caller
    ) -> StoredEvent:
        event_id, kind = self._ids.fresh("evt"), event_type(payload)
        return StoredEvent(event_id, session_id, seq, spec_id, now, caller.id, caller.role, kind, payload_text(payload))


def payload_text(payload: EventPayload) -> str:
    """Give the JSON text that is kept of a payload."""
    return payload.model_dump_json(exclude_unset=True)


def folded(
    log: Log,
    plans: Callable[[str], PlanIndex],
    state: Session | None = None,
    see: Callable[[StoredEvent, Session], None] = lambda event, after: None,
) -> Session:
    """Fold a log's events onto a state and hold the session's row against what they come to.

    `see` is shown each event with the state after it. LogBroken where an event cannot follow from the state it meets,
    or the row is another.
    """
    for event in log.events:
        try:
            state = evolve(state, _recorded(event), plans)
            see(event, state)
        except PortError:
            raise
        except PlanBroken as problem:
            raise LogBroken(event.session_id, LogFault.PLAN_ALTERED, event.seq, str(problem)) from problem
        except Exception as problem:
            _LOG.debug("event %d of session %s cannot be folded", event.seq, event.session_id, exc_info=problem)
            message = f"Event {event.seq} ({event.type.value}) says what could not have happened there."
            raise LogBroken(event.session_id, LogFault.UNREADABLE, event.seq, message) from problem
    if state is None:
        raise LogBroken(log.row.session_id, LogFault.CUT, 1, "The session has no events.")
    _hold_row(log, state)
    return state


def _hold_row(log: Log, state: Session) -> None:
    """Hold a session's row against what its events come to."""
    row = log.row
    told = (state.spec_id, state.status, state.started_at, state.updated_at)
    if (row.spec_id, row.status, row.created_at, row.updated_at) != told:
        message = "The session's row is not what its log comes to."
        raise LogBroken(row.session_id, LogFault.ROW_ALTERED, row.version, message)


def _recorded(event: StoredEvent) -> Recorded:
    payload = EVENT_MODELS[event.type].model_validate_json(event.payload)
    return Recorded(event.session_id, event.spec_id, event.seq, event.time, event.actor_role, payload)
