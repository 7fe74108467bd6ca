"""Runs against a server over HTTP: with a token that no worker sees, and through a restart of the server."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx2
import pytest
from mcp_types import CONNECTION_CLOSED

from foundry_contracts.models.formats_session import SessionView, Step
from foundry_contracts.vocabulary import LoopSignal, Role
from foundry_mcp.bootstrap import open_tokens
from foundry_mcp.supervisor import run_one_phase
from foundry_mcp.supervisor.progress import Silent
from foundry_mcp.supervisor.remote import Lasting
from foundry_mcp.supervisor.run import run
from tests.driving import check, task
from tests.http_server import HttpServer, command_line
from tests.supervisor.lab import SUCCEED, Lab

pytestmark = pytest.mark.anyio

# Succeed only where nothing of the server's is to be seen.
UNSEEN = "answer(outcome='failure' if any(name.startswith('FOUNDRY_MCP_') for name in os.environ) else 'success')"


def token_of(lab: Lab, role: Role) -> str:
    return open_tokens(lab.workspace, lab.environ()).add(role.value, role)


async def test_a_run_over_http_does_all_its_steps_as_the_tokens_actor_and_no_worker_sees_the_token(lab: Lab) -> None:
    lab.plan("far", [task("a"), check("b", command="true")], [task("c")])
    token = token_of(lab, Role.AUTONOMY_RUNNER)
    async with HttpServer.begin(command_line(lab.workspace), lab.environ()) as server:
        environ = lab.environ(FOUNDRY_MCP_TOKEN=token)
        settings = lab.settings(UNSEEN, environ=environ, server_url=server.url)
        result = await run("far", settings, Silent())
    assert [phase.loop_signal for phase in result.phases] == [LoopSignal.PHASE_COMPLETE, LoopSignal.SPEC_COMPLETE]
    assert result.last.checkpoint is not None


async def test_the_command_takes_the_servers_address_and_the_token_of_its_environment(lab: Lab) -> None:
    lab.plan("far", [task("a")])
    token = token_of(lab, Role.AUTONOMY_RUNNER)
    async with HttpServer.begin(command_line(lab.workspace), lab.environ()) as server:
        process = lab.begin("far", UNSEEN, "--server", server.url, FOUNDRY_MCP_TOKEN=token)
        out, _ = await asyncio.to_thread(process.communicate)
    assert (process.returncode, json.loads(out.splitlines()[-1])["loop_signal"]) == (0, LoopSignal.SPEC_COMPLETE)


@pytest.mark.parametrize("token", [None, "fmt_unknown"])
async def test_a_token_that_the_server_does_not_take_ends_the_run_with_what_to_do(lab: Lab, token: str | None) -> None:
    lab.plan("far", [task("a")])
    token_of(lab, Role.AUTONOMY_RUNNER)
    environ = lab.environ(**({"FOUNDRY_MCP_TOKEN": token} if token else {}))
    async with HttpServer.begin(command_line(lab.workspace), lab.environ()) as server:
        result = await run_one_phase("far", lab.settings(SUCCEED, environ=environ, server_url=server.url))
    assert (result.loop_signal, result.steps) == (None, ())
    assert ("A token is needed" if token is None else "The token is none of this server's") in result.message


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/mcp", "nonsense"])
async def test_an_address_without_a_server_ends_the_run_and_names_it(lab: Lab, url: str) -> None:
    lab.plan("far", [task("a")])
    result = await run_one_phase("far", lab.settings(SUCCEED, server_url=url))
    assert f"The server at {url} cannot be used" in result.message


async def test_an_answer_that_breaks_off_counts_as_a_connection_that_was_lost() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
        await writer.drain()
        writer.close()

    async with (
        await asyncio.start_server(half, "127.0.0.1", 0) as server,
        httpx2.AsyncClient(transport=Lasting()) as http,
    ):
        port = server.sockets[0].getsockname()[1]
        reply = await http.get(f"http://127.0.0.1:{port}/mcp")
    assert reply.json()["error"]["code"] == CONNECTION_CLOSED


@dataclass
class Restarting(Silent):
    """Kill the server while a step is being carried out, and have another one take its port."""

    lab: Lab
    stack: AsyncExitStack
    server: HttpServer
    restarts: list[asyncio.Task[None]] = field(default_factory=list)

    def step_begins(self, step: Step, session: SessionView) -> None:
        self.server.process.kill()
        self.restarts.append(asyncio.create_task(self.restart()))

    async def restart(self) -> None:
        await self.server.process.wait()
        words = command_line(self.lab.workspace, self.server.port)
        self.server = await self.stack.enter_async_context(HttpServer.begin(words, self.lab.environ()))


async def test_a_server_that_is_killed_at_every_step_and_comes_back_costs_no_step(lab: Lab) -> None:
    lab.plan("shot", [task("a"), check("b", command="true"), task("c")])
    environ = lab.environ(FOUNDRY_MCP_TOKEN=token_of(lab, Role.AUTONOMY_RUNNER))
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(HttpServer.begin(command_line(lab.workspace), lab.environ()))
        progress = Restarting(lab, stack, server)
        settings = lab.settings(SUCCEED, environ=environ, server_url=server.url)
        result = await run_one_phase("shot", settings, progress=progress)
        await asyncio.gather(*progress.restarts)
    assert result.loop_signal is LoopSignal.SPEC_COMPLETE, result
    assert len(progress.restarts) == len(result.steps) == 4
