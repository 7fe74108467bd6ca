"""Every choice of feature flags, at real servers over stdio and over HTTP: what tells of what is on agrees."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from foundry_contracts.vocabulary import FeatureFlag, Role
from foundry_mcp.bootstrap import open_tokens
from tests.contracts_hold.features import EACH, agreed
from tests.http_server import PATIENCE_S, HttpServer
from tests.http_server import command_line as http_command_line
from tests.mcp_client import McpClient
from tests.outside import user_config
from tests.stdio_server import command_line, environment

pytestmark = pytest.mark.anyio


@EACH
@pytest.mark.parametrize("transport", ["stdio", "HTTP"])
async def test_they_agree_over_each_transport_too(
    tmp_path: Path, chosen: dict[FeatureFlag, bool], on: set[FeatureFlag], transport: str
) -> None:
    flags = "".join(f"{flag} = {str(value).lower()}\n" for flag, value in chosen.items())
    # What is not strict-prod may have features off.
    user_config(tmp_path, f'[posture]\nprofile = "staging"\n[feature_flags]\n{flags}')
    workspace, environ = tmp_path / "workspace", environment(tmp_path / "state")
    workspace.mkdir()
    token = open_tokens(workspace, environ).add("tester", Role.MAINTAINER)
    async with AsyncExitStack() as stack:
        if transport == "HTTP":
            http = await stack.enter_async_context(HttpServer.begin(http_command_line(workspace), environ))
            headers = {"authorization": f"Bearer {token}"}
            carrier = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S))
            sdk = Client(streamable_http_client(http.url, http_client=carrier))
        else:
            program, *words = command_line(workspace)
            sdk = Client(
                StdioServerParameters(command=program, args=words, env={**environ, "FOUNDRY_MCP_TOKEN": token})
            )
        await agreed(await stack.enter_async_context(McpClient.over(sdk)), on)
