"""Queries on the server itself."""

from __future__ import annotations

from importlib.metadata import version

from foundry_contracts import CONTRACT_DIGEST, CONTRACT_VERSION
from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.handlers import Refusal
from foundry_contracts.models.server_capabilities import (
    CommandCapability,
    ServerCapabilitiesRequest,
    ServerCapabilitiesResponse,
)
from foundry_mcp.application.reader import Reader
from foundry_mcp.machine.roles import permits
from foundry_mcp.places import PRODUCT


def capabilities(reader: Reader, request: ServerCapabilitiesRequest) -> ServerCapabilitiesResponse | Refusal:
    """Tell what the server is and what the caller may do."""
    return ServerCapabilitiesResponse(
        server=PRODUCT,
        version=version(PRODUCT),
        contract_version=CONTRACT_VERSION,
        contract_digest=CONTRACT_DIGEST,
        role=reader.caller.role,
        commands=[
            CommandCapability(name=entry.name, least_role=entry.role, allowed=permits(reader.caller.role, entry.role))
            for entry in COMMANDS.values()
        ],
    )
