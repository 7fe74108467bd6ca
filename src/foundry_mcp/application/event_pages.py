"""A page of a stream of events, and the cursor that stays good while new events come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydantic_core import MISSING

from foundry_contracts.handlers import Refusal
from foundry_contracts.vocabulary import EventOrder
from foundry_mcp.application.cursors import Cursors
from foundry_mcp.ports import StoredEvent


@dataclass(frozen=True, slots=True)
class EventPage:
    """Hold a page's events, where to go on, and whether there is more."""

    events: list[StoredEvent]
    cursor: str
    has_more: bool


class Fetch(Protocol):
    """Read up to `limit` events of one stream: ascending above `after`, or descending below `before`."""

    def __call__(self, *, after: int | None, before: int | None, limit: int) -> list[StoredEvent]: ...


def event_page(
    cursors: Cursors, scope: str, fetch: Fetch, cursor: str | MISSING, limit: int, order: EventOrder
) -> EventPage | Refusal:
    """Give the page after a cursor, or refuse a cursor of another listing; `scope` names the listing."""
    place = None if cursor is MISSING else cursors.place(scope, cursor)
    if isinstance(place, Refusal):
        return place
    oldest_first = order is EventOrder.ASC
    found = fetch(after=(place or 0) if oldest_first else None, before=None if oldest_first else place, limit=limit + 1)
    shown = found[:limit]
    end = shown[-1].seq if shown else (place or 0)
    return EventPage(shown, cursors.seal(scope, end), len(found) > len(shown))
