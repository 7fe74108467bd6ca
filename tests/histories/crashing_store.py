"""A store whose process ends at a call: just before it, or once it took effect and nobody was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from foundry_contracts.vocabulary import EventType
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.ports import START, Answer, Batch, Head, Life, Listed, Log, PlanText, SessionRow, StoredEvent, Upkeep

# Every call that an application makes of its store, but closing it.
CALLS = (
    "append",
    "session",
    "live_session",
    "sessions",
    "log",
    "is_closed",
    "page",
    "record",
    "server_page",
    "answer",
    "plan",
    "touch",
    "life",
)


class Side(StrEnum):
    """Say on which side of a call's effect the process ends."""

    BEFORE = "before"
    AFTER = "after"


class Crash(BaseException):
    """End a process. It is no Exception: nothing in a server may answer for a server that is gone."""


@dataclass
class Fate:
    """Hold at which coming store call of which process the end comes, and count the ends that came."""

    armed: tuple[str, Side] | None = None
    left: int = 0
    crashes: Counter[tuple[str, Side]] = field(default_factory=Counter)

    def arm(self, call: str, side: Side, number: int) -> None:
        """End the process that makes the `number`th call of this name from now on, 0 being the first."""
        self.armed, self.left = (call, side), number

    def due(self, call: str) -> Side | None:
        """Tell whether the end comes at this call, and on which side of it."""
        if self.armed is None or self.armed[0] != call:
            return None
        self.left -= 1
        if self.left >= 0:
            return None
        side, self.armed = self.armed[1], None
        return side


class CrashingStore:
    """Pass calls on to the real store until the process ends; from then on every call ends it again.

    `rival` is what another process does once, between this one's decision and its append.
    """

    def __init__(self, store: SqliteStore, fate: Fate) -> None:
        self._store, self._fate = store, fate
        self.ended = False
        self.rival: Callable[[], None] | None = None

    # Any: what the call of that name gives.
    def _call(self, name: str, *values: Any, **named: Any) -> Any:
        if self.ended:
            raise Crash
        side = self._fate.due(name)
        if side is Side.BEFORE:
            self._end(name, side)
        given = getattr(self._store, name)(*values, **named)
        if side is Side.AFTER:
            self._end(name, side)
        return given

    def _end(self, name: str, side: Side) -> None:
        self.ended = True
        self._fate.crashes[name, side] += 1
        raise Crash

    def append(self, batch: Batch) -> Head:
        rival, self.rival = self.rival, None
        if rival is not None:
            rival()
        head: Head = self._call("append", batch)
        return head

    def session(self, session_id: str) -> SessionRow | None:
        found: SessionRow | None = self._call("session", session_id)
        return found

    def check(self) -> None:
        self._call("check")

    def live_session(self, spec_id: str) -> SessionRow | None:
        found: SessionRow | None = self._call("live_session", spec_id)
        return found

    def sessions(self, spec_id: str | None = None, *, after: int | None = None, limit: int) -> list[Listed] | None:
        found: list[Listed] | None = self._call("sessions", spec_id, after=after, limit=limit)
        return found

    def log(self, session_id: str, after: Head = START) -> Log | None:
        found: Log | None = self._call("log", session_id, after)
        return found

    def close_log(self, upkeep: Upkeep, answers: tuple[Answer, ...]) -> None:
        self._call("close_log", upkeep, answers)

    def is_closed(self, session_id: str) -> bool:
        found: bool = self._call("is_closed", session_id)
        return found

    def page(
        self, session_id: str, *, after: int | None, before: int | None, limit: int, types: Sequence[EventType]
    ) -> list[StoredEvent]:
        found: list[StoredEvent] = self._call("page", session_id, after=after, before=before, limit=limit, types=types)
        return found

    def record(self, event: StoredEvent) -> None:
        self._call("record", event)

    def server_page(self, *, after: int | None, before: int | None, limit: int) -> list[StoredEvent]:
        found: list[StoredEvent] = self._call("server_page", after=after, before=before, limit=limit)
        return found

    def answer(self, key: str) -> Answer | None:
        found: Answer | None = self._call("answer", key)
        return found

    def plan(self, digest: str) -> PlanText | None:
        found: PlanText | None = self._call("plan", digest)
        return found

    def touch(self, session_id: str, life: Life) -> None:
        self._call("touch", session_id, life)

    def life(self, session_id: str) -> Life | None:
        found: Life | None = self._call("life", session_id)
        return found

    def close(self) -> None:
        """Close the real store; the end of a process does that, too."""
        self._store.close()
