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
from foundry_contracts.models.server_config import ServerConfigRequest, ServerConfigResponse
from foundry_mcp.application.reader import Reader
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.machine.roles import permits
from foundry_mcp.places import PRODUCT


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
