"""The runner: a verification's command as a process of its own, with nothing left behind."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundry_contracts.models.formats_plan import CommandLine
from foundry_mcp.adapters.output_capture import OutputCapture
from foundry_mcp.adapters.process_end import end_all
from foundry_mcp.adapters.tree_digest import tree_digest
from foundry_mcp.ports import Clock, RunResult

# A process group is no sandbox: the command sees and may write all that its user may, and the receipt says so.
SANDBOX: Final = "none"

# What a shell answers in the same cases.
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126
_STRAY_WAIT_S: Final = 1.0
_KILL_WAIT_S: Final = 5.0
_MARK: Final = "VERIFICATION_RUN"


@dataclass(frozen=True, slots=True)
class _End:
    exit_code: int | None
    error: str = ""
    timed_out: bool = False


class ProcessRunner:
    """Run commands inside a workspace, one process group each.

    `environ` is the server's: only its PATH is handed on. `extra` is added to the fixed environment, over it.
    """

    def __init__(
        self,
        workspace: Path,
        clock: Clock,
        *,
        timeout_s: float,
        environ: Mapping[str, str],
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._root = os.path.realpath(workspace)
        self._clock = clock
        self._timeout_s = timeout_s
        self._path = environ.get("PATH", os.defpath)
        self._extra = dict(extra or {})

    async def run(self, command: CommandLine) -> RunResult:
        """Run it to its end or its timeout; what cannot start is a result with an error, not an exception."""
        started_at = self._clock.now()
        tree_before = await asyncio.to_thread(tree_digest, Path(self._root))
        output = OutputCapture()
        try:
            end = await self._end_of(command, output)
        finally:
            output.close()
        return RunResult(
            exit_code=end.exit_code,
            timed_out=end.timed_out,
            error=end.error,
            output_tail=output.tail,
            output_digest=output.digest,
            output_bytes=output.size,
            started_at=started_at,
            finished_at=self._clock.now(),
            sandbox=SANDBOX,
            tree_before=tree_before,
            tree_after=await asyncio.to_thread(tree_digest, Path(self._root)),
        )

    async def _end_of(self, command: CommandLine, output: OutputCapture) -> _End:
        cwd = os.path.realpath(os.path.join(self._root, command.cwd))
        if os.path.commonpath([self._root, cwd]) != self._root:
            return _End(None, f"The folder {command.cwd} lies outside the workspace.")
        if not os.path.isdir(cwd):
            return _End(None, f"The folder {command.cwd} does not exist in the workspace.")
        with tempfile.TemporaryDirectory(prefix="verification-", ignore_cleanup_errors=True) as home:
            return await self._spawned(command.argv, cwd, home, output)

    async def _spawned(self, argv: list[str], cwd: str, home: str, output: OutputCapture) -> _End:
        mark = secrets.token_hex(16)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=cwd,
                env=self._environment(home, mark),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output.writing,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError:
            return _End(_NOT_FOUND, f"The command {argv[0]} was not found.")
        except PermissionError:
            return _End(_NOT_EXECUTABLE, f"The command {argv[0]} may not be executed.")
        except (OSError, ValueError) as error:
            return _End(None, f"The command could not be started: {error}.")
        except asyncio.CancelledError:
            # Cancelled while it was starting: the event loop ends the process itself, but not its children.
            end_all(None, f"{_MARK}={mark}")
            raise
        output.spawned()
        return await self._watched(process, output, mark)

    async def _watched(self, process: asyncio.subprocess.Process, output: OutputCapture, mark: str) -> _End:
        # However this ends, by cancellation too, everything the command started ends with it.
        try:
            code = await asyncio.wait_for(process.wait(), self._timeout_s)
            await output.ended(_STRAY_WAIT_S)
        except TimeoutError:
            return _End(None, f"The command ran longer than {self._timeout_s:g} s and was stopped.", timed_out=True)
        finally:
            end_all(process.pid, f"{_MARK}={mark}")
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _KILL_WAIT_S)
        return _End(code, _signal_sentence(code))

    def _environment(self, home: str, mark: str) -> dict[str, str]:
        # The server's tokens and settings are nothing to a command that the workspace's author wrote.
        fixed = {"PATH": self._path, "LANG": "C.UTF-8", "HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}
        return {**fixed, **self._extra, _MARK: mark}


def _signal_sentence(code: int) -> str:
    if code >= 0:
        return ""
    known = {number.value: number.name for number in signal.Signals}
    return f"The command was ended by signal {known.get(-code, str(-code))}."
