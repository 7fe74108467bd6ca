"""Server processes on one store, and the one world that they share: clock, ids, files, and runs that end as told."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.types import CONNECTION_CLOSED

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.models.formats_plan import CommandLine
from foundry_contracts.vocabulary import Role, Verdict
from foundry_mcp.adapters.protected_files import WorkspaceProtectedFiles
from foundry_mcp.adapters.run_leases import FolderRunLeases
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.spec_files import WorkspaceSpecFiles
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.application.application import Application
from foundry_mcp.application.call import Call, Envelope
from foundry_mcp.application.handlers import HANDLERS
from foundry_mcp.application.runs import Means, failed_run
from foundry_mcp.application.world import World
from foundry_mcp.machine.policy import Policy, features_of
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import Review, ReviewRequest, RunResult
from foundry_mcp.surface.routing import route
from tests.driving import Json
from tests.histories.crashing_store import Crash, CrashingStore, Fate
from tests.in_process import ALL_ON, CountedIds, SetClock
from tests.mcp_client import KeptOpen, McpClient

GRACE_S = 3600
CALLERS = {
    role: Caller(name, role)
    for name, role in (("ann", Role.AUTONOMY_RUNNER), ("bob", Role.MAINTAINER), ("eve", Role.OBSERVER))
}


class Ending(StrEnum):
    """Say how a run ends."""

    WELL = "well"
    BADLY = "badly"
    BADLY_OTHERWISE = "badly_otherwise"
    TOO_LATE = "too_late"
    BROKEN = "broken"


class ToldRuns:
    """Run commands and review phases: each ends as told, at once or when it is let go."""

    def __init__(self, clock: SetClock) -> None:
        self._clock = clock
        self._let_go = asyncio.Event()
        self.ending, self.held = Ending.WELL, False

    def let_go(self) -> None:
        """Let every held run end."""
        self._let_go.set()
        self._let_go = asyncio.Event()

    async def _end(self) -> Ending:
        ending = self.ending
        if self.held:
            await self._let_go.wait()
        if ending is Ending.BROKEN:
            raise OSError("It could not be begun.")
        return ending

    async def run(self, command: CommandLine) -> RunResult:
        """Give how the command ended."""
        ending, now = await self._end(), self._clock.now()
        too_late = ending is Ending.TOO_LATE
        code = None if too_late else int(ending is not Ending.WELL)
        return replace(failed_run(now, ""), exit_code=code, timed_out=too_late, output_tail=ending.value)

    async def review(self, request: ReviewRequest) -> Review:
        """Give the review of a phase."""
        if await self._end() is Ending.WELL:
            return Review(Verdict.PASS)
        return Review(Verdict.FAIL, (ReviewFinding(code="lacking", node=request.phase.id, message="It lacks."),))


@dataclass
class Shared:
    """Hold what outlives every process."""

    folder: Path
    clock: SetClock = field(default_factory=SetClock)
    ids: CountedIds = field(default_factory=CountedIds)
    fate: Fate = field(default_factory=Fate)

    def __post_init__(self) -> None:
        self.workspace = self.folder / "workspace"
        (self.workspace / "specs" / "active").mkdir(parents=True)
        self.runs = ToldRuns(self.clock)

    def spec_file(self, spec_id: str) -> Path:
        """Give the path of a spec's file."""
        return self.workspace / "specs" / "active" / f"{spec_id}.json"

    def write_spec(self, spec_id: str, text: str) -> None:
        """Save a spec's file as an editor does: whole, in the old one's place."""
        new = self.spec_file(spec_id).with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        os.replace(new, self.spec_file(spec_id))

    def open_store(self) -> SqliteStore:
        """Open the one store."""
        return SqliteStore(self.folder / "state" / "store.sqlite3", FileSigner(self.folder / "state").mac)


class Server:
    """Hold one place where a server runs: a process at a time, each with all from the disk but nothing else."""

    def __init__(self, shared: Shared, settings: SessionSettings) -> None:
        self._shared = shared
        self._clients = KeptOpen(lambda caller: McpClient(self._handle, shared.ids.fresh, caller))
        self.settings, self.write_back = settings, True
        self._begin()

    def _begin(self) -> None:
        shared = self._shared
        self.store = CrashingStore(shared.open_store(), shared.fate)
        world = World(
            workspace=shared.workspace,
            store=self.store,
            specs=WorkspaceSpecFiles(shared.workspace),
            clock=shared.clock,
            ids=shared.ids,
            means=Means(
                shared.clock,
                shared.runs,
                shared.runs,
                FileSigner(shared.folder / "state"),
                FolderRunLeases(shared.folder / "state" / "runs"),
                WorkspaceProtectedFiles(shared.workspace),
            ),
            policy=Policy(self.settings, features_of(ALL_ON)),
            replay_grace_s=GRACE_S,
            write_back=self.write_back,
        )
        self.application = Application(world, HANDLERS)

    async def restart(self) -> None:
        """End the process, if it has not ended, and begin another."""
        await self.application.close()
        self._begin()

    async def stop(self) -> None:
        """End the process."""
        await self.application.close()

    async def _handle(self, call: Call) -> Envelope:
        try:
            return await self.application.handle(call)
        except Crash:
            raise MCPError(CONNECTION_CLOSED, "The server is gone.") from None

    async def send(self, role: Role, tool: str, arguments: Json) -> Envelope | None:
        """Send a call, and give its answer; None where the process ended before it answered."""
        client = await self._clients.client(CALLERS[role])
        try:
            return await client.call(tool, arguments)
        except MCPError:
            if not self.store.ended:
                raise
            return None

    def answer_at_once(self, role: Role, tool: str, arguments: Json) -> Envelope | None:
        """Answer a call that waits for nothing while another process is in the midst of one of its own."""
        routed = route(tool, arguments, CALLERS[role])
        assert isinstance(routed, Call), routed
        answering = self.application.handle(routed)
        try:
            answering.send(None)
        except StopIteration as answered:
            given: Envelope = answered.value
            return given
        except Crash:
            return None
        raise AssertionError(f"{tool} {arguments} waits")


def changed(settings: SessionSettings, **values: Any) -> SessionSettings:
    """Give settings that differ in some values."""
    return settings.model_copy(update=values)


def text_of(document: Json) -> str:
    """Give a spec file's text."""
    return json.dumps(document)
