"""Denials: an actor that keeps being denied is made to wait, and what no session's log can tell the server's does."""

from __future__ import annotations

import logging
from collections import deque

from foundry_contracts.events import EventPayload, event_type
from foundry_contracts.handlers import Refusal
from foundry_contracts.models.events_server import ActorLimited, CallDenied
from foundry_contracts.models.events_session import AccessDenied
from foundry_contracts.vocabulary import ErrorCode
from foundry_mcp.application.call import Call
from foundry_mcp.application.degraded import session_id_in, spec_id_in
from foundry_mcp.application.sessions import payload_text
from foundry_mcp.machine.moments import later, seconds_between
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import SERVER, Clock, Ids, LogBroken, Store, StoredEvent

_LOG = logging.getLogger(__name__)
_LIMIT = 10
_WINDOW_S = 60


class Denials:
    """Keep when each actor was last denied. A fact of this process: a restart forgets it.

    An actor leaves eleven events a minute at most: its ten denials, and that it was made to wait.
    """

    def __init__(self, store: Store, ids: Ids) -> None:
        self._store = store
        self._ids = ids
        self._moments: dict[str, deque[str]] = {}
        self._waits: dict[str, str] = {}

    def note(self, caller: Caller, now: str) -> None:
        """Note a denial."""
        self._moments.setdefault(caller.id, deque(maxlen=_LIMIT)).append(now)

    def limited(self, call: Call, clock: Clock) -> Refusal | None:
        """Refuse an actor that was denied ten times within the last minute; the first time, that is recorded."""
        caller = call.caller
        moments = self._moments.get(caller.id)
        if moments is None or len(moments) < _LIMIT:
            return None
        now, until = clock.now(), later(moments[0], _WINDOW_S)
        if now >= until:
            return None
        if self._waits.get(caller.id) != until:
            self._record(ActorLimited(command=call.entry.name, until=until), caller, now)
            self._waits[caller.id] = until
        message = f"{caller.id} was denied {_LIMIT} times within a minute; try again at {until}."
        return Refusal(
            ErrorCode.RATE_LIMITED,
            message,
            {"actor": caller.id, "until": until, "retry_after_s": seconds_between(now, until)},
        )

    def record(self, denied: AccessDenied, call: Call, now: str) -> None:
        """Record a denial that no session's log can tell of, with the session and the spec the call named."""
        # What a caller wrote is recorded only where it is an id, so that nobody fills the store with other things.
        session_id, spec_id = (str(call.params.get(name, "")) for name in ("session_id", "spec_id"))
        payload = CallDenied(
            command=denied.command,
            error_code=denied.error_code,
            needed=denied.needed,
            session_id=or_absent(session_id_in(session_id)),
            spec_id=or_absent(spec_id_in(spec_id)),
        )
        self._record(payload, call.caller, now)

    def _record(self, payload: EventPayload, caller: Caller, now: str) -> None:
        kind, event_id = event_type(payload), self._ids.fresh("evt")
        event = StoredEvent(event_id, SERVER, 0, "", now, caller.id, caller.role, kind, payload_text(payload))
        try:
            self._store.record(event)
        except LogBroken as broken:
            # The denial stands all the same. What somebody did to the record is found by reading or auditing it.
            _LOG.error("%s of %s cannot be recorded: %s %s", kind, caller.id, broken.finding.message, event.payload)
