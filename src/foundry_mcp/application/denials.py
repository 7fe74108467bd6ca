"""Counting denials: an actor that keeps being denied is made to wait."""

from __future__ import annotations

from collections import deque

from foundry_contracts.handlers import Refusal
from foundry_contracts.vocabulary import ErrorCode
from foundry_mcp.machine.moments import later, seconds_between
from foundry_mcp.machine.situation import Caller

_LIMIT = 10
_WINDOW_S = 60


class Denials:
    """Keep when each actor was last denied. A fact of this process: a restart forgets it."""

    def __init__(self) -> None:
        self._moments: dict[str, deque[str]] = {}

    def note(self, caller: Caller, now: str) -> None:
        """Note a denial."""
        self._moments.setdefault(caller.id, deque(maxlen=_LIMIT)).append(now)

    def limited(self, caller: Caller, now: str) -> Refusal | None:
        """Refuse an actor that was denied ten times within the last minute."""
        moments = self._moments.get(caller.id)
        if moments is None or len(moments) < _LIMIT:
            return None
        until = later(moments[0], _WINDOW_S)
        if now >= until:
            return None
        message = f"{caller.id} was denied {_LIMIT} times within a minute; try again at {until}."
        return Refusal(
            ErrorCode.RATE_LIMITED,
            message,
            {"actor": caller.id, "until": until, "retry_after_s": seconds_between(now, until)},
        )
