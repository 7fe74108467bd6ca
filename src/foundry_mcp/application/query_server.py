"""Queries on the server itself: what it can do, and what happened outside of every session."""

from __future__ import annotations

import json
from importlib.metadata import version

from foundry_contracts import CONTRACT_DIGEST, CONTRACT_VERSION
from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.handlers import Refusal
from foundry_contracts.models.common import Actor
from foundry_contracts.models.events_server import ServerEventRecord
from foundry_contracts.models.server_capabilities import (
    CommandCapability,
    ServerCapabilitiesRequest,
    ServerCapabilitiesResponse,
)
from foundry_contracts.models.server_config import ServerConfigRequest, ServerConfigResponse
from foundry_contracts.models.server_events import ServerEventsRequest, ServerEventsResponse
from foundry_mcp.application.event_pages import event_page
from foundry_mcp.application.reader import Reader
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.machine.roles import permits
from foundry_mcp.places import PRODUCT
from foundry_mcp.ports import SERVER, StoredEvent


def capabilities(reader: Reader, request: ServerCapabilitiesRequest) -> ServerCapabilitiesResponse | Refusal:
    """Tell what the server is, what of it is switched on, and what the caller may do."""
    flags, role = reader.policy.flags, reader.caller.role
    return ServerCapabilitiesResponse(
        server=PRODUCT,
        version=version(PRODUCT),
        contract_version=CONTRACT_VERSION,
        contract_digest=CONTRACT_DIGEST,
        role=role,
        profile=reader.policy.settings.profile,
        features=list(reader.policy.features.values()),
        commands=[
            CommandCapability(
                name=entry.name,
                least_role=entry.role,
                allowed=permits(role, entry.role),
                enabled=entry.flag is None or entry.flag in flags,
                flag=or_absent(entry.flag),
            )
            for entry in COMMANDS.values()
        ],
    )


def config(reader: Reader, request: ServerConfigRequest) -> ServerConfigResponse | Refusal:
    """Tell each setting's value and where it was said, and what the start-up rules found."""
    policy = reader.policy
    return ServerConfigResponse(
        profile=policy.settings.profile, settings=list(policy.shown), findings=list(policy.findings)
    )


def events(reader: Reader, request: ServerEventsRequest) -> ServerEventsResponse | Refusal:
    """Page through the server's own events; the cursor stays good while new events come."""
    scope, fetch = f"events:{SERVER}", reader.store.server_page
    page = event_page(reader.cursors, scope, fetch, request.cursor, request.limit, request.order)
    if isinstance(page, Refusal):
        return page
    return ServerEventsResponse(
        events=[_record(event) for event in page.events], cursor=page.cursor, has_more=page.has_more
    )


def _record(event: StoredEvent) -> ServerEventRecord:
    return ServerEventRecord(
        event_id=event.event_id,
        seq=event.seq,
        time=event.time,
        actor=Actor(id=event.actor_id, role=event.actor_role),
        type=event.type,
        payload=json.loads(event.payload),
    )
