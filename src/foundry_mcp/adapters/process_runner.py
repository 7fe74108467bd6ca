"""The runner: a verification's command in a sandbox, with nothing left behind."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundry_contracts.models.config import VerificationConfig
from foundry_contracts.models.formats_plan import CommandLine
from foundry_contracts.vocabulary import SandboxKind
from foundry_mcp.adapters.output_capture import OutputCapture, OutputTooLong
from foundry_mcp.adapters.process_end import end_all
from foundry_mcp.adapters.sandbox import Grounds, choose, command_line, is_supervised, unenforced
from foundry_mcp.adapters.tree_digest import tree_digest
from foundry_mcp.ports import Clock, RunResult

# What a shell answers in the same cases.
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126
_BY_SIGNAL: Final = 128
_STRAY_WAIT_S: Final = 1.0
_KILL_WAIT_S: Final = 5.0
_MARK: Final = "VERIFICATION_RUN"
_BYTES_PER_MB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _End:
    exit_code: int | None
    error: str = ""
    timed_out: bool = False
    began: bool = True


class ProcessRunner:
    """Run commands inside a workspace, each in a sandbox of its own.

    `environ` is the server's: only its PATH is handed on. `extra` is added to the fixed environment, over it.
    `hidden` are folders that a command is not to see where its sandbox can see to that.
    """

    def __init__(
        self,
        workspace: Path,
        clock: Clock,
        settings: VerificationConfig,
        *,
        environ: Mapping[str, str],
        hidden: Sequence[Path] = (),
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._root = os.path.realpath(workspace)
        self._clock = clock
        self._settings = settings
        # A relative folder would mean another one in each command.
        folders = filter(os.path.isabs, environ.get("PATH", os.defpath).split(os.pathsep))
        self._path = os.pathsep.join(folders)
        self._hidden = tuple(map(os.path.realpath, hidden))
        self._extra = dict(extra or {})
        self._kind: SandboxKind | None = None

    def sandbox(self) -> SandboxKind:
        """Give the kind of sandbox that commands run in, tried once; PortError where the settings allow none here."""
        if self._kind is None:
            self._kind = choose(self._settings)
        return self._kind

    async def run(self, command: CommandLine) -> RunResult:
        """Run it to its end or its timeout; what cannot start is a result with an error, not an exception."""
        started_at = self._clock.now()
        kind = await asyncio.to_thread(self.sandbox)
        tree_before = await asyncio.to_thread(tree_digest, Path(self._root))
        output = OutputCapture(self._settings.max_output_mb * _BYTES_PER_MB)
        try:
            end = await self._end_of(kind, command, output)
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
            sandbox=kind if end.began else None,
            unenforced=unenforced(kind) if end.began else (),
            tree_before=tree_before,
            tree_after=await asyncio.to_thread(tree_digest, Path(self._root)),
        )

    async def _end_of(self, kind: SandboxKind, command: CommandLine, output: OutputCapture) -> _End:
        cwd = os.path.realpath(os.path.join(self._root, command.cwd))
        if os.path.commonpath([self._root, cwd]) != self._root:
            return _End(None, f"The folder {command.cwd} lies outside the workspace.", began=False)
        if not os.path.isdir(cwd):
            return _End(None, f"The folder {command.cwd} does not exist in the workspace.", began=False)
        name, *arguments = command.argv
        program = self._program(name, cwd)
        if program is None:
            return _End(_NOT_FOUND, f"The command {name} was not found.", began=False)
        if not os.access(program, os.X_OK):
            return _End(_NOT_EXECUTABLE, f"The command {name} may not be executed.", began=False)
        with tempfile.TemporaryDirectory(prefix="verification-", ignore_cleanup_errors=True) as scratch:
            grounds = self._grounds(cwd, os.path.realpath(scratch), program)
            grounds.make()
            line = command_line(kind, [program, *arguments], grounds, self._settings)
            return await self._spawned(kind, line, grounds, output)

    def _program(self, name: str, cwd: str) -> str | None:
        """Give the path of a program as the command's folder and PATH have it; None where there is none."""
        if os.sep not in name:
            return shutil.which(name, path=self._path)
        path = os.path.join(cwd, name)
        # Joined and no more: a program may go by the name of its link.
        return path if os.path.isfile(path) else None

    def _grounds(self, cwd: str, scratch: str, program: str) -> Grounds:
        # The server's own Python too: a command may well be run by it, by a way that PATH does not show.
        paths = (path for name in (program, sys.executable) for path in (name, os.path.realpath(name)))
        folders = map(os.path.dirname, paths)
        return Grounds(
            workspace=self._root,
            cwd=cwd,
            scratch=scratch,
            hidden=self._hidden,
            programs=(*filter(None, self._path.split(os.pathsep)), *folders),
        )

    async def _spawned(self, kind: SandboxKind, line: list[str], grounds: Grounds, output: OutputCapture) -> _End:
        mark = secrets.token_hex(16)
        # While this end is open the launcher runs on; when the server dies, the system closes it.
        until, life = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *line,
                cwd=grounds.cwd,
                env=self._environment(grounds, mark),
                stdin=until,
                stdout=output.writing,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            os.close(life)
            return _End(None, f"The command could not be started: {error}.", began=False)
        except asyncio.CancelledError:
            # Cancelled while it was starting: the event loop ends the launcher itself, but not its children.
            os.close(life)
            end_all(None, f"{_MARK}={mark}")
            raise
        finally:
            os.close(until)
        output.spawned()
        try:
            return await self._watched(process, output)
        finally:
            # However this ends, by cancellation too, everything the command started ends with it.
            os.close(life)
            await _cleared(process, kind, f"{_MARK}={mark}")

    async def _watched(self, process: asyncio.subprocess.Process, output: OutputCapture) -> _End:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                code = await output.within_limit(process.wait())
            await output.within_limit(output.ended(_STRAY_WAIT_S))
        except TimeoutError:
            limit = self._settings.timeout_s
            return _End(None, f"The command ran longer than {limit:g} s and was stopped.", timed_out=True)
        except OutputTooLong:
            limit = self._settings.max_output_mb
            return _End(None, f"The command printed more than {limit} MiB and was stopped.")
        # A launcher tells of a signal as shells do; without one, the event loop tells of it in its own way.
        code = code if code >= 0 else _BY_SIGNAL - code
        return _End(code, _signal_sentence(code))

    def _environment(self, grounds: Grounds, mark: str) -> dict[str, str]:
        # The server's tokens and settings are nothing to a command that the workspace's author wrote.
        fixed = {
            "PATH": self._path,
            "LANG": "C.UTF-8",
            "HOME": grounds.home,
            "TMPDIR": grounds.temporary,
            # Else a compiled file in the workspace could stand in for the source beside it, a protected test's too.
            "PYTHONPYCACHEPREFIX": grounds.compiled,
        }
        return {**fixed, **self._extra, _MARK: mark}


async def _cleared(process: asyncio.subprocess.Process, kind: SandboxKind, mark: str) -> None:
    """See that nothing of a command is left, whose launcher was told to end."""
    try:
        if is_supervised(kind):
            await _gone(process)
    finally:
        # A launcher that ended by itself left nothing; one that was killed, or hangs, did not do its work.
        if not is_supervised(kind) or process.returncode is None or process.returncode < 0:
            end_all(process.pid, mark)
    await _gone(process)


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Wait for a process that was told to end, and not for ever."""
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _KILL_WAIT_S)


def _signal_sentence(code: int) -> str:
    """Say which signal an exit code stands for, where it does."""
    known = {_BY_SIGNAL + number.value: number.name for number in signal.Signals}
    return f"The exit code {code} says that signal {known[code]} ended the command." if code in known else ""
