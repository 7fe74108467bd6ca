"""The runner: a verification's command in a sandbox, with nothing left behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from foundry_contracts.models.config import VerificationConfig
from foundry_contracts.models.formats_plan import CommandLine
from foundry_contracts.vocabulary import SandboxGuard, SandboxKind, SignerIsolation
from foundry_mcp.adapters.launching import End, Launch, launched
from foundry_mcp.adapters.output_capture import OutputCapture
from foundry_mcp.adapters.sandbox import Grounds, choose, command_line, unenforced
from foundry_mcp.adapters.tree_digest import tree_digest
from foundry_mcp.ports import Clock, RunResult

# What a shell answers in the same cases.
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126
_BYTES_PER_MB: Final = 1 << 20


class ProcessRunner:
    """Run commands inside a workspace, each in a sandbox of its own.

    `environ` is the server's: only its PATH is handed on. `extra` is added to the fixed environment, over it.
    `hidden` are folders that a command is not to see where its sandbox can see to that. `workers` is what keeps
    workers from them.
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
        workers: SignerIsolation = SignerIsolation.NONE,
    ) -> None:
        self._root = os.path.realpath(workspace)
        self._clock = clock
        self._settings = settings
        # A relative folder would mean another one in each command.
        folders = filter(os.path.isabs, environ.get("PATH", os.defpath).split(os.pathsep))
        self._path = os.pathsep.join(folders)
        self._hidden = tuple(map(os.path.realpath, hidden))
        self._extra = dict(extra or {})
        self._workers = workers
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
            signer_isolation=self._signer_isolation(kind) if end.began else SignerIsolation.NONE,
            tree_before=tree_before,
            tree_after=await asyncio.to_thread(tree_digest, Path(self._root)),
        )

    def _signer_isolation(self, kind: SandboxKind) -> SignerIsolation:
        # What the command itself can read is kept from nobody.
        return self._workers if SandboxGuard.STATE_HIDDEN not in unenforced(kind) else SignerIsolation.NONE

    async def _end_of(self, kind: SandboxKind, command: CommandLine, output: OutputCapture) -> End:
        cwd = os.path.realpath(os.path.join(self._root, command.cwd))
        if os.path.commonpath([self._root, cwd]) != self._root:
            return End(None, f"The folder {command.cwd} lies outside the workspace.", began=False)
        if not os.path.isdir(cwd):
            return End(None, f"The folder {command.cwd} does not exist in the workspace.", began=False)
        name, *arguments = command.argv
        program = self._program(name, cwd)
        if program is None:
            return End(_NOT_FOUND, f"The command {name} was not found.", began=False)
        if not os.access(program, os.X_OK):
            return End(_NOT_EXECUTABLE, f"The command {name} may not be executed.", began=False)
        with tempfile.TemporaryDirectory(prefix="verification-", ignore_cleanup_errors=True) as scratch:
            grounds = self._grounds(cwd, os.path.realpath(scratch), program)
            grounds.make()
            line = command_line(kind, [program, *arguments], grounds, self._settings)
            return await launched(Launch(kind, line, cwd, self._environment(grounds), self._settings.timeout_s), output)

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

    def _environment(self, grounds: Grounds) -> dict[str, str]:
        # The server's tokens and settings are nothing to a command that the workspace's author wrote.
        fixed = {
            "PATH": self._path,
            "LANG": "C.UTF-8",
            "HOME": grounds.home,
            "TMPDIR": grounds.temporary,
            # Else a compiled file in the workspace could stand in for the source beside it, a protected test's too.
            "PYTHONPYCACHEPREFIX": grounds.compiled,
        }
        return {**fixed, **self._extra}
