"""What a call costs over stdio and over HTTP, beside a no-op tool on the same SDK, and what 200 clients at once meet.

The read is `session status` of a running session. Calls are measured in turns of a few, so that a busy machine is as
busy for each. On one that is very busy the fastest tenth of the samples says more than the middle.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from bench.steps import FLOOR_SERVER
from bench.timing import Timings
from foundry_contracts.vocabulary import Role
from foundry_mcp.bootstrap import open_tokens
from tests.driving import Json, spec, start, task
from tests.http_server import HttpClient, HttpServer, call_request
from tests.http_server import command_line as http_command_line
from tests.mcp_client import ERAS
from tests.outside import user_config
from tests.stdio_server import StdioServer, environment

CLIENTS = 200
PAUSE_S = 1.0
BLOCK = 20
SPEC = "read"


class Place:
    """Hold a workspace with one running session."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        (self.workspace / "specs" / "active").mkdir(parents=True)
        document = spec(SPEC, [task(f"t{unit}") for unit in range(10)])
        (self.workspace / "specs" / "active" / f"{SPEC}.json").write_text(json.dumps(document))
        user_config(folder, "[server]\nrequire_token = false\n")
        self.environ = environment(folder / "state")
        self.token = open_tokens(self.workspace, self.environ).add("reader", Role.OBSERVER)

    async def status(self) -> Json:
        """Start the session, and give the arguments that ask for its status."""
        async with StdioServer.begin(self.workspace, self.environ) as server:
            session_id = await start(server, SPEC)
        return {"action": "session", "command": "status", "session_id": session_id}


async def measure_calls(timings: Timings, place: Place, count: int) -> None:
    """Time one client's calls, one after another."""
    status = await place.status()
    floor_words = [sys.executable, str(FLOOR_SERVER)]
    async with AsyncExitStack() as stack:
        noop = await stack.enter_async_context(StdioServer.begin_with(floor_words, place.environ))
        server = await stack.enter_async_context(StdioServer.begin(place.workspace, place.environ))
        floor = await stack.enter_async_context(HttpServer.begin([*floor_words, "--http"], place.environ))
        http = await stack.enter_async_context(HttpServer.begin(http_command_line(place.workspace), place.environ))
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "floor: no-op over stdio": partial(noop.text, "noop"),
            "status over stdio": partial(server.text, "task", **status),
        }
        for mode, era in ERAS.items():
            nothing, reading = await floor.connect(), await http.connect()
            calls[f"floor: no-op over HTTP, {era}"] = partial(nothing.ask, call_request(floor.port, mode, "noop", {}))
            calls[f"status over HTTP, {era}"] = partial(reading.ask, call_request(http.port, mode, "task", status))
            known = call_request(http.port, mode, "task", status, place.token)
            calls[f"status with a token, {era}"] = partial(reading.ask, known)
        for _ in range(count // BLOCK):
            for name, call in calls.items():
                # The first call after the others' turns finds nothing of its server in the processor's caches.
                await call()
                for _ in range(BLOCK):
                    await timings.wait(name, call())


async def measure_crowd(timings: Timings, place: Place, count: int) -> None:
    """Time one client alone, 200 that call once a second each, and 200 that all call without a pause."""
    status = await place.status()
    async with HttpServer.begin(http_command_line(place.workspace), place.environ) as http:
        clients = [await http.client() for _ in range(CLIENTS)]
        for _ in range(count):
            await timings.wait("one client", clients[0]("task", **status))

        async def now_and_then(client: HttpClient, chance: random.Random) -> None:
            for _ in range(max(2, count // 20)):
                await asyncio.sleep(chance.expovariate(1 / PAUSE_S))
                await timings.wait(f"{CLIENTS} clients, one call a second", client("task", **status))

        async def without_pause(client: HttpClient) -> None:
            for _ in range(max(2, count // 40)):
                await timings.wait(f"{CLIENTS} clients, without a pause", client("task", **status))

        await asyncio.gather(*(now_and_then(client, random.Random(place)) for place, client in enumerate(clients)))
        await asyncio.gather(*map(without_pause, clients))


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="samples of each figure of one client")
    args = parser.parse_args()
    calls, crowd = Timings(), Timings()
    with tempfile.TemporaryDirectory() as name:
        await measure_calls(calls, Place(Path(name) / "calls"), args.count)
        await measure_crowd(crowd, Place(Path(name) / "crowd"), args.count)
    print(calls.table())
    print(crowd.table())
    limits = {"stdio": 0.9} | {f"HTTP, {era}": 1.3 for era in ERAS.values()}
    for how, limit in limits.items():
        print("\n".join(calls.ratio(f"status over {how}", [f"floor: no-op over {how}"], limit)))
        print("\n".join(calls.fastest_ratio(f"status over {how}", f"floor: no-op over {how}")))
    for era in ERAS.values():
        print("\n".join(calls.ratio(f"status with a token, {era}", [f"floor: no-op over HTTP, {era}"])))
    print("\n".join(crowd.slowest_ratio(f"{CLIENTS} clients, one call a second", "one client", 20)))
    print("\n".join(crowd.slowest_ratio(f"{CLIENTS} clients, without a pause", "one client")))


if __name__ == "__main__":
    asyncio.run(main())
