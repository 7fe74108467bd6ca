"""What clients over HTTP meet: who is let in, both eras, clients that stall, and ends in good order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from foundry_contracts.vocabulary import ErrorCode, Role, StartupRule
from tests import produced
from tests.driving import Call, Json, accepted, check, drive, next_step, parameters, refused, run, spec, start, task
from tests.http_server import PATIENCE_S, Connection, HttpServer, Reply, call_request, command_line, post
from tests.mcp_client import ERAS, Mode
from tests.outside import user_config
from tests.stdio_server import StdioServer, environment

pytestmark = pytest.mark.anyio

SPEC = "a-spec"
TWO_PHASES = spec(SPEC, [task("t1"), check("v1", command="true")], [task("t2")])
LISTING: Json = {"action": "session", "command": "list"}
OPEN = "[server]\nrequire_token = false\n"


class Home:
    """Hold a workspace and a state folder, and start servers on them."""

    def __init__(self, folder: Path) -> None:
        self.state, self.workspace = folder / "state", folder / "workspace"
        (self.workspace / "specs" / "active").mkdir(parents=True)
        self.plan(TWO_PHASES)

    def plan(self, document: Json) -> None:
        path = self.workspace / "specs" / "active" / f"{document['spec_id']}.json"
        path.write_text(json.dumps(document), encoding="utf-8")

    def token(self, actor: str, role: Role) -> str:
        words = [sys.executable, "-m", "foundry_mcp.cli.main", "token", "add", actor, "--role", role.value]
        words += ["--workspace", str(self.workspace)]
        done = subprocess.run(words, env=environment(self.state), capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def revoke(self, actor: str) -> None:
        words = [sys.executable, "-m", "foundry_mcp.cli.main", "token", "revoke", actor]
        words += ["--workspace", str(self.workspace)]
        subprocess.run(words, env=environment(self.state), capture_output=True, check=True)

    @asynccontextmanager
    async def serving(self, config: str = "", /, **settings: str) -> AsyncIterator[HttpServer]:
        """Start a server; `config` is the user's configuration, which may loosen."""
        user_config(self.state.parent, config)
        words = command_line(self.workspace)
        async with HttpServer.begin(words, environment(self.state, **settings)) as server:
            yield server

    def refused_start(self, host: str = "127.0.0.1", config: str = "") -> str:
        user_config(self.state.parent, config)
        words, environ = command_line(self.workspace, host=host), environment(self.state)
        done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=PATIENCE_S)
        assert (done.returncode, done.stdout) == (3, ""), done
        return done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def listing(server: HttpServer, token: str | None = None, **headers: str) -> bytes:
    """Give a request for the list of sessions, with headers of a test's own."""
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "task", "arguments": LISTING}}
    )
    named = {"host": f"127.0.0.1:{server.port}", "mcp-protocol-version": "2025-11-25", **headers}
    if token is not None:
        named["authorization"] = f"Bearer {token}"
    return post(body.encode(), named)


async def asked(server: HttpServer, request: bytes) -> Reply:
    return await (await server.connect()).ask(request)


def said(reply: Reply) -> str:
    """Give the sentence of a refusal, which is an error of JSON-RPC."""
    message: str = reply.json()["error"]["message"]
    return message


@pytest.mark.parametrize("mode", list(ERAS))
async def test_a_whole_run_over_http_in_each_era(home: Home, mode: Mode) -> None:
    runner, keeper = home.token("runner", Role.AUTONOMY_RUNNER), home.token("keeper", Role.MAINTAINER)
    async with home.serving() as server:
        driven = await drive(await server.client(mode, runner), SPEC)
        events = await accepted(
            await server.client(mode, keeper), "task", action="session-events", session_id=driven.session_id
        )
    assert (driven.phases, len(driven.steps)) == (2, 5)
    assert {(event["actor"]["id"], event["actor"]["role"]) for event in events["events"]} == {
        ("runner", Role.AUTONOMY_RUNNER)
    }


@pytest.mark.parametrize("mode", list(ERAS))
async def test_the_sdks_own_client_does_a_whole_run(home: Home, mode: Mode) -> None:
    token = home.token("runner", Role.AUTONOMY_RUNNER)
    headers = {"authorization": f"Bearer {token}"}
    async with (
        home.serving() as server,
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http,
        Client(streamable_http_client(server.url, http_client=http), mode=mode) as client,
    ):
        assert client.protocol_version == ERAS[mode]
        listed = [tool.name for tool in (await client.list_tools()).tools]

        async def call(tool: str, /, **arguments: Any) -> Json:
            answer: Json = (await client.call_tool(tool, arguments)).structured_content
            produced.note(answer)
            return answer

        driven = await drive(call, SPEC)
    assert "task" in listed
    assert (driven.phases, len(driven.steps)) == (2, 5)


async def test_a_role_that_does_not_suffice_is_a_refusal_in_the_envelope(home: Home) -> None:
    token = home.token("reader", Role.OBSERVER)
    async with home.serving() as server:
        client = await server.client(token=token)
        assert (await client("task", **LISTING))["success"]
        data = await refused(client, ErrorCode.UNAUTHORIZED, "task", action="session", command="start", spec_id=SPEC)
    assert data["details"] == {"role": Role.OBSERVER, "needed": Role.AUTONOMY_RUNNER}


async def test_without_a_token_or_with_one_that_is_unknown_or_revoked_nothing_is_answered(home: Home) -> None:
    token = home.token("runner", Role.AUTONOMY_RUNNER)
    # What stands in the server's own environment is nobody's, be it a token or not.
    async with home.serving(FOUNDRY_MCP_TOKEN="fmt_x") as server:
        none = await asked(server, listing(server))
        assert (none.status, none.headers["www-authenticate"]) == (401, 'Bearer realm="foundry-mcp"')
        assert "foundry-mcp token add" in said(none)
        for unknown in (listing(server, "fmt_x"), listing(server, authorization=f"Basic {token}")):
            reply = await asked(server, unknown)
            assert reply.status == 401
            assert reply.headers["www-authenticate"] == 'Bearer realm="foundry-mcp", error="invalid_token"'
        assert (await asked(server, listing(server, token))).status == 200
        later = home.token("later", Role.OBSERVER)
        assert (await asked(server, listing(server, later))).status == 200
        home.revoke("runner")
        assert (await asked(server, listing(server, token))).status == 401


async def test_tokens_that_cannot_be_read_let_nobody_in_and_are_told_of_once(
    home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    token = home.token("runner", Role.AUTONOMY_RUNNER)
    (file,) = home.state.rglob("tokens.json")
    kept = file.read_bytes()
    async with home.serving() as server:
        file.write_text("{}", encoding="utf-8")
        for _ in range(3):
            reply = await asked(server, listing(server, token))
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            assert said(reply) == "This server cannot read its tokens now; its log says why."
            assert (await asked(server, listing(server, authorization="Basic x"))).status == 401
        file.write_bytes(kept)
        assert (await asked(server, listing(server, token))).status == 200
        file.unlink()
        assert (await asked(server, listing(server, token))).status == 401
    told = capfd.readouterr().err
    assert told.count("tokens.json is damaged: it holds no list of tokens.") == 1
    assert "Take the file away and add the tokens anew." in told
    assert "Traceback" not in told


async def test_without_the_need_of_a_token_a_caller_has_the_postures_role(home: Home) -> None:
    keeper = home.token("keeper", Role.MAINTAINER)
    async with home.serving(OPEN, FOUNDRY_MCP_TOKEN=keeper) as server:
        nobody, known = await server.client(), await server.client(token=keeper)
        session: Json = {"action": "session", "session_id": await start(nobody, SPEC)}
        end: Json = {**session, "command": "end", "reason": "testing"}
        data = await refused(nobody, ErrorCode.UNAUTHORIZED, "task", **end)
        assert data["details"]["role"] == Role.AUTONOMY_RUNNER
        await accepted(known, "task", **end)
        assert (await asked(server, listing(server, "fmt_x"))).status == 401


async def test_hosts_and_origins_are_answered_exactly_as_listed(home: Home) -> None:
    async with home.serving(OPEN) as server:
        port = server.port
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
            assert (await asked(server, listing(server, host=host))).status == 200
        for host in ("127.0.0.1", f"evil.example:{port}", f"127.0.0.1:{port}.evil.example", f"127.0.0.1:{port}1"):
            reply = await asked(server, listing(server, host=host))
            assert (reply.status, "[server] hosts" in said(reply)) == (421, True)
        assert (await asked(server, listing(server, origin=f"http://localhost:{port}"))).status == 200
        for origin in ("null", "http://evil.example", f"https://localhost:{port}", f"http://localhost:{port}1"):
            reply = await asked(server, listing(server, origin=origin))
            assert (reply.status, "[server] origins" in said(reply)) == (403, True)
    names = 'hosts = ["mcp.example", "other"]\norigins = ["https://app.example"]\n'
    async with home.serving(OPEN + names) as server:
        assert (await asked(server, listing(server, host="mcp.example", origin="https://app.example"))).status == 200
        assert (await asked(server, listing(server))).status == 421
        assert (await asked(server, listing(server, host="other", origin="http://other"))).status == 403


async def test_a_body_over_the_limit_is_turned_away_declared_or_not(home: Home) -> None:
    async with home.serving(OPEN, FOUNDRY_MCP_SERVER_MAX_BODY_KB="2") as server:
        host = {"host": f"127.0.0.1:{server.port}"}
        for size in (2049, 4096, 1_000_000):
            assert (await asked(server, post(b" " * size, host))).status == 413
        claimed = post(b"", {**host, "content-length": "999999999"})
        assert (await asked(server, claimed)).status == 413
        chunked = post(b"", {**host, "transfer-encoding": "chunked"}).replace(b"content-length: 0\r\n", b"")
        assert (await asked(server, chunked + b"c00\r\n" + b" " * 0xC00 + b"\r\n0\r\n\r\n")).status == 413
        assert (await asked(server, listing(server))).status == 200


async def test_what_is_no_call_is_answered_plainly(home: Home) -> None:
    async with home.serving(OPEN) as server:
        connection = await server.connect()
        host = f"host: 127.0.0.1:{server.port}\r\n\r\n"
        for method in ("GET", "DELETE"):
            reply = await connection.ask(f"{method} /mcp HTTP/1.1\r\n{host}".encode())
            assert (reply.status, reply.headers["allow"]) == (405, "POST")
        assert (await connection.ask(f"GET / HTTP/1.1\r\n{host}".encode())).status == 404
        host = f"127.0.0.1:{server.port}"
        for era in ERAS.values():
            known = {"host": host, "mcp-protocol-version": era}
            for body in (
                b"",
                b"{",
                b"[]",
                b"[" * 100_000,
                b"\xff\x00",
                b'{"jsonrpc": "2.0", "id": %s}' % (b"9" * 5000),
            ):
                reply = await connection.ask(post(body, known))
                assert (reply.status, said(reply) != "") == (400, True)
            assert (await connection.ask(post(b"{}", {**known, "content-type": "text/plain"}))).status == 400
            assert (await connection.ask(post(b"{}", {**known, "accept": "text/html"}))).status == 406
        assert (await connection.ask(listing(server))).status == 200


async def test_a_client_that_asks_whether_to_send_its_body_is_told_at_once(home: Home) -> None:
    async with home.serving(OPEN) as server:
        connection = await server.connect()
        head, _, body = listing(server, expect="100-continue").partition(b"\r\n\r\n")
        assert (await connection.ask(head + b"\r\n\r\n")).status == 100
        assert (await connection.ask(body)).status == 200


async def test_health_needs_no_token_and_no_known_host_and_tells_nothing(home: Home) -> None:
    home.token("runner", Role.AUTONOMY_RUNNER)
    async with home.serving() as server:
        connection = await server.connect()
        for path in ("/livez", "/readyz"):
            reply = await connection.ask(f"GET {path} HTTP/1.1\r\nhost: 10.0.0.7\r\n\r\n".encode())
            assert (reply.status, reply.body) == (200, b"ok\n")
            assert set(reply.headers) == {"date", "content-type", "content-length", "cache-control"}
        assert (await connection.ask(b"POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")).status == 405
        (store,) = home.state.rglob("store.sqlite3")
        store.unlink()
        reply = await connection.ask(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (reply.status, reply.body) == (503, b"not ready\n")
        assert (await connection.ask(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")).status == 200


async def test_clients_that_stall_are_let_go_and_hold_up_nobody(home: Home) -> None:
    async with home.serving(OPEN, FOUNDRY_MCP_SERVER_CLIENT_TIMEOUT_S="1") as server:
        whole = listing(server)
        silent = await server.connect()
        heads, bodies = await server.connect(), await server.connect()
        heads.writer.write(whole[:20])
        bodies.writer.write(whole[:-5])
        again = await server.connect()
        assert (await again.ask(whole)).status == 200
        again.writer.write(whole[:20])
        assert (await (await server.client())("task", **LISTING))["success"]
        for stalled in (silent, heads, bodies, again):
            assert (await asyncio.wait_for(stalled.reply(), PATIENCE_S)).status == 408
            assert await stalled.reader.read() == b""


@pytest.mark.parametrize("sent", [20, -5], ids=["its head", "its body"])
async def test_a_request_that_stalls_right_behind_another_is_let_go(home: Home, sent: int) -> None:
    async with home.serving(
        OPEN, FOUNDRY_MCP_SERVER_CLIENT_TIMEOUT_S="1", FOUNDRY_MCP_SERVER_KEEP_ALIVE_S="1"
    ) as server:
        whole = listing(server)
        stalled = await server.connect()
        # Both come at once: nothing more is received after the first is answered.
        assert (await stalled.ask(whole + whole[:sent])).status == 200
        await asyncio.wait_for(stalled.reader.read(), PATIENCE_S)
        assert stalled.reader.at_eof()


async def test_a_client_that_reads_no_answer_is_let_go(home: Home) -> None:
    async with home.serving(OPEN, FOUNDRY_MCP_SERVER_CLIENT_TIMEOUT_S="1") as server:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
        request = post(body, {"host": f"127.0.0.1:{server.port}", "mcp-protocol-version": "2025-11-25"})
        with pytest.raises(ConnectionError):
            # Nothing is read, so in the end neither side has room to write.
            await written_for_ever(await server.connect(), request)
        assert (await (await server.client())("task", **LISTING))["success"]


async def test_more_connections_than_are_allowed_are_turned_away_and_not_left_waiting(home: Home) -> None:
    async with home.serving(OPEN, FOUNDRY_MCP_SERVER_MAX_CONNECTIONS="3") as server:
        kept = [await server.connect() for _ in range(2)]
        for connection in kept:
            assert (await connection.ask(listing(server))).status == 200
        assert (await asked(server, listing(server))).status == 503


async def test_200_clients_at_once_are_each_answered(home: Home) -> None:
    async with home.serving(OPEN) as server:
        session_id = await start(await server.client(), SPEC)
        status: Json = {"action": "session", "command": "status", "session_id": session_id}
        modes = list(ERAS)
        clients = [await server.client(modes[number % 2]) for number in range(200)]
        answers = [answer for _ in range(3) for answer in await asyncio.gather(*(c("task", **status) for c in clients))]
    assert len(answers) == 600
    assert {answer["data"]["session"]["session_id"] for answer in answers} == {session_id}


async def test_two_servers_over_http_and_one_over_stdio_serve_one_session(home: Home) -> None:
    units = [f"t{number}" for number in range(9)]
    home.plan(spec("shared", [task(unit) for unit in units]))
    async with (
        home.serving(OPEN) as one,
        home.serving(OPEN) as other,
        StdioServer.begin(home.workspace, environment(home.state)) as third,
    ):
        callers: list[Call] = [await one.client("auto"), await other.client("legacy"), third]
        session_id = await start(callers[0], "shared")
        # All hand the same step in at once, and each is told the same.
        data, done = await next_step(callers[0], session_id), []
        while data.get("step", {}).get("unit"):
            done.append(data["step"]["unit"]["id"])
            result = data["step"]["report_call"]["params"]["result"]
            told = await asyncio.gather(*(next_step(caller, session_id, result) for caller in callers))
            assert told[0] == told[1] == told[2]
            data = told[0]
    assert done == units


async def test_a_server_that_is_killed_in_the_middle_is_taken_up_by_the_next_at_its_port(home: Home) -> None:
    async with home.serving(OPEN) as server:
        client = await server.client()
        session_id = await start(client, SPEC)
        data = await next_step(client, session_id)
        result = data["step"]["report_call"]["params"]["result"]
        told = await next_step(client, session_id, result)
        await server.kill()
        words = command_line(home.workspace, server.port)
        async with HttpServer.begin(words, environment(home.state)) as after:
            client = await after.client()
            assert await next_step(client, session_id, result) == told
            assert (await drive(client, SPEC)).phases == 2


async def written_for_ever(connection: Connection, request: bytes) -> None:
    while True:
        connection.writer.write(request)
        await asyncio.wait_for(connection.writer.drain(), PATIENCE_S)


async def connected_for_ever(port: int) -> None:
    while True:
        await (await Connection.open(port)).close()


class WaitingCheck:
    """A check that runs until it is let go, and a call that waits for it."""

    def __init__(self, home: Home) -> None:
        self.gate = home.workspace / "gate"
        os.mkfifo(self.gate)
        home.plan(spec("waits", [check("v", command="cat gate")]))

    async def begin(self, server: HttpServer) -> Connection:
        """Have it run, and give the connection that waits for its end."""
        client = await server.client()
        session_id = await start(client, "waits")
        self.run_call: Json = (await next_step(client, session_id))["step"]["run_call"]
        tool, arguments = self.run_call["tool"], parameters(self.run_call)
        client.connection.writer.write(call_request(server.port, "auto", tool, arguments))
        await self.opened()
        return client.connection

    async def opened(self) -> None:
        """Wait until it has begun."""
        self._writing = await asyncio.to_thread(os.open, self.gate, os.O_WRONLY)

    def let_go(self) -> None:
        """Let it end."""
        os.close(self._writing)


async def test_told_to_stop_it_takes_no_more_calls_and_ends_those_under_way(home: Home) -> None:
    waiting = WaitingCheck(home)
    async with home.serving(OPEN) as server:
        connection = await waiting.begin(server)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionRefusedError):
            await connected_for_ever(server.port)
        waiting.let_go()
        reply = await asyncio.wait_for(connection.reply(), PATIENCE_S)
        assert reply.json()["result"]["structuredContent"]["data"]["passed"] is True
        assert await asyncio.wait_for(server.process.wait(), PATIENCE_S) == 0


async def test_a_call_that_does_not_end_in_time_is_told_to_come_again_and_then_does(home: Home) -> None:
    waiting = WaitingCheck(home)
    async with home.serving(OPEN, FOUNDRY_MCP_SERVER_SHUTDOWN_GRACE_S="1") as server:
        connection = await waiting.begin(server)
        server.process.send_signal(signal.SIGTERM)
        reply = await asyncio.wait_for(connection.reply(), PATIENCE_S)
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert await asyncio.wait_for(server.process.wait(), PATIENCE_S) == 0
        waiting.let_go()
    async with home.serving(OPEN) as after:
        calling = asyncio.create_task(run(await after.client(), {"run_call": waiting.run_call}))
        await waiting.opened()
        waiting.let_go()
        assert (await calling)["passed"] is True


async def test_a_server_that_would_be_open_or_of_no_use_does_not_start(home: Home) -> None:
    for host in ("127.0.0.1", "0.0.0.0"):
        assert f"{StartupRule.NOBODY_ADMITTED}: " in home.refused_start(host)
    assert StartupRule.OPEN_NETWORK in home.refused_start("0.0.0.0", OPEN)
    home.token("runner", Role.AUTONOMY_RUNNER)
    assert f"{StartupRule.HOSTS_UNKNOWN}: " in home.refused_start("0.0.0.0")
    assert "cannot be listened at" in home.refused_start("192.0.2.1")


async def test_over_stdio_nothing_of_http_is_loaded(home: Home) -> None:
    parts = "foundry_mcp.cli.main, foundry_mcp.cli.serve, foundry_mcp.bootstrap, foundry_mcp.surface.stdio"
    code = f"import sys, {parts}, foundry_mcp.surface.server; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "foundry_mcp.surface.stdio" in loaded
    # Parts of the SDK load uvicorn; ours are the ones that would come on top.
    assert not {"foundry_mcp.surface.http", "uvicorn.protocols.http.h11_impl"} & loaded
