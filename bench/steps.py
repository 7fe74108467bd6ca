"""What a step costs, in process and over stdio, by the number of tasks; what a page of events and a cold start cost.

Floors of the same run: a transaction prepared beforehand that writes the same rows and bytes, and a server of the same
SDK whose one tool does nothing; over stdio also that server with a tool that carries two such transactions out. The
first is timed alone in a warm loop; a server that waits for each call finds its caches cold, and the last one shows
what the same floors come to there. All are measured in turns, so that a busy machine is as busy for each of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from bench.prepared_writes import transactions
from bench.timing import Timings
from foundry_contracts.handlers import Refusal
from foundry_contracts.vocabulary import EventType, Role, SessionStatus
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import Batch, SessionRow, StoredEvent
from foundry_mcp.surface.routing import route
from tests.driving import Call, Json, accepted, spec, start, task
from tests.in_process import InProcess
from tests.outside import user_config
from tests.stdio_server import StdioServer, command_line, environment

SIZES = (10, 100, 1_000, 10_000)
PAGE = 50
FEW_EVENTS, MANY_EVENTS = 1_000, 1_000_000
ONE_IN = 1_000
A_TURN = 10
FLOOR_SERVER = Path(__file__).with_name("floor_server.py")


class Direct:
    """Call an application beneath the protocol."""

    def __init__(self, world: InProcess) -> None:
        self._world = world

    async def __call__(self, tool: str, /, **arguments: Any) -> Json:
        routed = route(tool, arguments, Caller("bench", Role.AUTONOMY_RUNNER))
        assert not isinstance(routed, Refusal), routed
        return (await self._world.application.handle(routed)).document


class Walk:
    """Walk through specs of one size, one timed step at a time."""

    def __init__(self, call: Call, specs: list[Json]) -> None:
        self._call = call
        self._specs = iter(specs)
        self._left = 0
        self._sent: Json = {}

    async def get_ready(self) -> None:
        """See that there is a step to report and another to come."""
        if self._left:
            return
        document = next(self._specs)
        session_id = await start(self._call, document["spec_id"])
        self._sent = {"action": "session-step", "command": "next", "session_id": session_id}
        self._take(await accepted(self._call, "task", **self._sent))
        self._left = len(document["phases"][0]["tasks"]) - 1

    async def go_on(self) -> None:
        """Report a step and take the next one, in one call."""
        self._left -= 1
        self._take(await accepted(self._call, "task", **self._sent))

    def _take(self, data: Json) -> None:
        self._sent["last_step_result"] = data["step"]["report_call"]["params"]["result"]


def documents(size: int, steps: int) -> list[Json]:
    """Give as many specs of a size as that many steps take."""
    count = -(-steps // (size - 1))
    return [spec(f"size-{size}-{number}", [task(f"t{unit}") for unit in range(size)]) for number in range(count)]


def turns(samples: int) -> Iterator[range]:
    """Split samples into turns of a few: after five others had theirs, the first call meets cold caches."""
    for begun in range(0, samples, A_TURN):
        yield range(min(A_TURN, samples - begun))


def _store(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "store.sqlite3", FileSigner(folder).mac)


async def measure_in_process(timings: Timings, folder: Path, steps: int) -> None:
    """Time steps of each size, and the prepared transaction, in turns."""
    walks: dict[int, Walk] = {}
    for size in SIZES:
        specs = documents(size, steps + 1)
        place = folder / f"size-{size}"
        place.mkdir()
        world = InProcess(place, *specs, store=_store(place), signer=FileSigner(place), max_tasks=10**6)
        walks[size] = Walk(Direct(world), specs)
        await walks[size].get_ready()
        await walks[size].go_on()
    floors = transactions(folder, folder / f"size-{SIZES[0]}" / "store.sqlite3")
    for turn in turns(steps):
        for _ in turn:
            timings.take("floor: same rows and bytes", next(floors))
        for size, walk in walks.items():
            for _ in turn:
                await walk.get_ready()
                await timings.wait(f"in process, {size} tasks", walk.go_on())


async def measure_stdio(timings: Timings, folder: Path, steps: int) -> None:
    """Time steps of each size over stdio, and calls that do nothing, in turns."""
    async with AsyncExitStack() as stack:
        nothing = await stack.enter_async_context(
            StdioServer.begin_with([sys.executable, str(FLOOR_SERVER)], environment(folder))
        )
        walks: dict[int, Walk] = {}
        for size in SIZES:
            specs = documents(size, steps + 1)
            workspace = folder / f"stdio-{size}" / "workspace"
            (workspace / "specs" / "active").mkdir(parents=True)
            for document in specs:
                (workspace / "specs" / "active" / f"{document['spec_id']}.json").write_text(json.dumps(document))
            user_config(folder / f"stdio-{size}", "[session_defaults]\nmax_tasks = 1000000\n")
            environ = environment(folder / f"stdio-{size}" / "state")
            server = await stack.enter_async_context(StdioServer.begin_with(command_line(workspace), environ))
            walks[size] = Walk(server, specs)
            await walks[size].get_ready()
            await walks[size].go_on()
        written = next((folder / f"stdio-{SIZES[0]}" / "state").rglob("store.sqlite3"))
        floors = transactions(folder, written)
        (folder / "writes").mkdir()
        words = [sys.executable, str(FLOOR_SERVER), "--writes", str(folder / "writes"), str(written)]
        writes_twice = await stack.enter_async_context(StdioServer.begin_with(words, environment(folder)))
        for turn in turns(steps):
            for _ in turn:
                timings.take("floor: same rows and bytes", next(floors))
            for _ in turn:
                await timings.wait("floor: no-op over stdio", nothing.text("noop"))
            for _ in turn:
                await timings.wait("floor: two writes over stdio", writes_twice.text("noop"))
            for size, walk in walks.items():
                for _ in turn:
                    await walk.get_ready()
                    await timings.wait(f"over stdio, {size} tasks", walk.go_on())


async def measure_pages(timings: Timings, folder: Path, pages: int) -> None:
    """Time a page at the tail, plain and by a type that one event in a thousand has, of a long log and a short one."""
    asks: dict[str, tuple[Call, Json]] = {}
    for events in (FEW_EVENTS, MANY_EVENTS):
        place = folder / f"events-{events}"
        place.mkdir()
        store = _store(place)
        world = InProcess(place, spec("long", [task("t1")]), store=store, signer=FileSigner(place))
        call: Call = Direct(world)
        session_id = await start(call, "long")
        _lengthen(store, session_id, events)
        ask: Json = {"action": "session-events", "session_id": session_id, "limit": PAGE, "order": "desc"}
        asks[f"page at the tail of {events}"] = (call, ask)
        asks[f"page by type of {events}"] = (call, {**ask, "types": [EventType.UNIT_BLOCKED.value]})
        await accepted(call, "task", **ask)
    for _ in range(pages):
        for name, (call, ask) in asks.items():
            await timings.wait(name, accepted(call, "task", **ask))


def _lengthen(store: SqliteStore, session_id: str, events: int) -> None:
    """Add events to a session's log until it has so many."""
    row = store.session(session_id)
    assert row is not None
    numbers = iter(range(row.version + 1, events + 1))
    while batch := tuple(islice(numbers, 20_000)):
        store.append(
            Batch(
                SessionRow(session_id, row.spec_id, SessionStatus.RUNNING, batch[-1], row.created_at, row.updated_at),
                batch[0] - 1,
                tuple(_event(session_id, row.spec_id, seq, row.created_at) for seq in batch),
            )
        )


def _event(session_id: str, spec_id: str, seq: int, time: str) -> StoredEvent:
    kind, payload = EventType.UNIT_UNBLOCKED, {"unit_id": "t1", "note": "It can be done again, somebody says."}
    if seq % ONE_IN == 0:
        kind, payload = EventType.UNIT_BLOCKED, {"unit_id": "t1", "reason": "It cannot be done now, somebody says."}
    return StoredEvent(
        f"evt_{seq:026d}", session_id, seq, spec_id, time, "bench", Role.MAINTAINER, kind, json.dumps(payload)
    )


async def measure_cold_start(timings: Timings, folder: Path, starts: int) -> None:
    """Time from nothing to the first answered call, of the server and of the one that does nothing."""
    workspace = folder / "cold"
    (workspace / "specs" / "active").mkdir(parents=True)
    listing: Json = {"action": "session", "command": "list"}

    environ = environment(folder / "cold-state")
    # Compiling the sources anew is no part of a start; the first of each writes what the others read.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)

    async def first_answer(words: list[str], tool: str, arguments: Json) -> None:
        async with StdioServer.begin_with(words, environ) as server:
            await server.text(tool, **arguments)

    await first_answer([sys.executable, str(FLOOR_SERVER)], "noop", {})
    await first_answer(command_line(workspace), "task", listing)
    for _ in range(starts):
        await timings.wait("floor: cold start", first_answer([sys.executable, str(FLOOR_SERVER)], "noop", {}))
        await timings.wait("cold start", first_answer(command_line(workspace), "task", listing))


MEASURES = {
    "process": measure_in_process,
    "stdio": measure_stdio,
    "pages": measure_pages,
    "starts": measure_cold_start,
}


def judge(timings: Timings) -> Iterator[str]:
    """Say of each figure that was measured how it stands to what is asked of it."""
    least, most = SIZES[0], SIZES[-1]
    transaction, noop = "floor: same rows and bytes", "floor: no-op over stdio"
    for how in ("in process", "over stdio"):
        yield from timings.ratio(f"{how}, {most} tasks", [f"{how}, {least} tasks"], 1.2)
    yield from timings.ratio(f"in process, {least} tasks", [transaction])
    yield from timings.ratio(f"over stdio, {most} tasks", [noop, transaction, transaction], 1)
    yield from timings.ratio(f"over stdio, {most} tasks", ["floor: two writes over stdio"], 1)
    short = f"page at the tail of {FEW_EVENTS}"
    yield from timings.ratio(f"page at the tail of {MANY_EVENTS}", [short], 1.2)
    yield from timings.ratio(f"page by type of {MANY_EVENTS}", [short], 1.2)
    yield from timings.ratio("cold start", ["floor: cold start"], 1.25)


async def main() -> None:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(MEASURES)}; all by default")
    parser.add_argument("--count", type=int, default=300, help="samples of each figure (of cold starts, a twentieth)")
    args = parser.parse_args()
    timings = Timings()
    with tempfile.TemporaryDirectory() as name:
        for part in args.parts or MEASURES:
            folder = Path(name) / part
            folder.mkdir()
            await MEASURES[part](timings, folder, args.count // 20 if part == "starts" else args.count)
    print(timings.table())
    print("\n".join(judge(timings)))


if __name__ == "__main__":
    asyncio.run(main())
