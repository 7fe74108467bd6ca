"""A workspace with a session in a real store, where the command line looks for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import CommandName, ErrorCode
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.adapters.state_folder import state_folder
from foundry_mcp.cli.main import main
from tests.driving import Json, accepted, check, drive, refused, spec, start, task
from tests.in_process import CountedIds, InProcess
from tests.scenes import SPEC, done, of

PLAN = spec(SPEC, [task("t1"), task("t2", "t1"), check("v1", command="make test")], [task("t3")])


@dataclass
class Kept:
    """Hold a workspace and its state folder, and what a command said."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    ids: CountedIds = field(default_factory=CountedIds)
    out: str = ""
    err: str = ""

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def state(self) -> Path:
        return state_folder(self.workspace, os.environ)

    @property
    def store(self) -> Path:
        return self.state / "store.sqlite3"

    @property
    def signer(self) -> FileSigner:
        return FileSigner(self.state)

    def __call__(self, *words: str | Path) -> int:
        """Run a command of the workspace, and give its exit code."""
        status = main([*map(str, words), "--workspace", str(self.workspace)])
        said = self.capsys.readouterr()
        self.out, self.err = said.out, said.err
        return status

    @contextmanager
    def server(self, *specs: Json) -> Iterator[InProcess]:
        """Have a server on the store for as long as the block runs."""
        store = SqliteStore(self.store, self.signer.mac)
        try:
            call = InProcess(self.folder, *specs, store=store, signer=self.signer)
            call.ids = self.ids
            call.restart()
            yield call
        finally:
            store.close()

    def nine_events(self) -> str:
        """Begin a session of nine events: two tasks done, the verification of the phase out."""

        async def begun(call: InProcess) -> str:
            session_id = await start(call, SPEC)
            await done(call, session_id, 3)
            return session_id

        with self.server(PLAN) as call:
            return asyncio.run(begun(call))

    def completed(self, spec_id: str = SPEC, *, clock: str = "2026-01-01T00:00:00.000Z") -> str:
        """Bring a session to its end."""

        async def driven(call: InProcess) -> str:
            call.clock.time = clock
            return (await drive(call, spec_id)).session_id

        with self.server() as call:
            return asyncio.run(driven(call))

    def checkpoint(self, session_id: str) -> Json:
        """Have a session's head signed."""

        async def signed(call: InProcess) -> Json:
            return await accepted(call, "task", **of(CommandName.TASK_SESSION_CHECKPOINT, session_id=session_id))

        with self.server() as call:
            envelope: Json = asyncio.run(signed(call))["checkpoint"]
            return envelope


def denied_once(kept: Kept) -> None:
    """Have an observer denied a start, which no session's log tells."""
    with kept.server(PLAN) as call:
        start_it = of(CommandName.TASK_SESSION_START, spec_id=SPEC)
        asyncio.run(refused(call.observer, ErrorCode.UNAUTHORIZED, "task", **start_it))
