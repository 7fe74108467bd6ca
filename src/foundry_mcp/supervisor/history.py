"""A session's events, all of them, read page by page."""

from __future__ import annotations

from typing import Final

from foundry_contracts.models.events_session import EventRecord
from foundry_contracts.models.task_session_events import TaskSessionEventsResponse
from foundry_contracts.vocabulary import CommandName
from foundry_mcp.supervisor.client import Refused, ServerClient
from foundry_mcp.supervisor.connection import ServerFailed

_PAGE: Final = 200


async def events_of(client: ServerClient, session_id: str) -> list[EventRecord]:
    """Give everything that happened in a session, oldest first; raise ServerFailed where that is refused."""
    events: list[EventRecord] = []
    params: dict[str, object] = {"session_id": session_id, "limit": _PAGE}
    while True:
        page = await client.call(CommandName.TASK_SESSION_EVENTS, params, TaskSessionEventsResponse)
        if isinstance(page, Refused):
            raise ServerFailed(page.message)
        events += page.events
        if not page.has_more:
            return events
        params["cursor"] = page.cursor
