"""The worker: any program that reads a step as JSON and answers with a result as JSON.

Whatever goes wrong with it is a failed step with a note that says what; the session's limits decide what comes next.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TextIO

import jsonschema_rs

from foundry_contracts.models.formats_worker import WorkerResult, WorkerTask
from foundry_contracts.vocabulary import Outcome
from foundry_mcp.bubblewrap import Grounds, worker_line
from foundry_mcp.supervisor.worker_stderr import WorkerStderr

_LARGEST_RESULT: Final = 1024 * 1024
_SHOWN: Final = 600
_BY_SIGNAL: Final = 128
_LAST_WORDS_S: Final = 3.0
# Settings of the server, its token first of all: with that a worker could attest its own work.
_KEPT_BACK: Final = "FOUNDRY_MCP_"


def scrubbed(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the part of an environment that a worker may see."""
    return {name: value for name, value in environ.items() if not name.startswith(_KEPT_BACK)}


class Worker:
    """Run a program once for each step, in the workspace, as a process group of its own.

    On `grounds` it runs in bubblewrap. `watched` are paths that must lead where they led before, and whether each may
    come to be.
    """

    def __init__(
        self,
        argv: tuple[str, ...],
        workspace: Path,
        *,
        timeout_s: float,
        environ: Mapping[str, str],
        stderr: TextIO | None = None,
        grounds: Grounds | None = None,
        watched: Mapping[Path, bool] | None = None,
    ) -> None:
        self._name = argv[0]
        self._argv = tuple(worker_line(argv, grounds)) if grounds else argv
        self._isolated = grounds is not None
        self._watched = watched or {}
        self._workspace = workspace
        self._timeout_s = timeout_s
        self._environ = scrubbed(environ)
        self._stderr = stderr
        self.trespass = ""
        """What it made or moved that is not its own, told in a sentence; empty where it did not."""

    async def work(self, task: WorkerTask) -> WorkerResult:
        """Hand a step over and give its result; a cancelled call ends the program and all it started."""
        with tempfile.TemporaryFile() as words, tempfile.TemporaryFile() as answer:
            words.write(task.model_dump_json(exclude_unset=True).encode() + b"\n")
            words.seek(0)
            stderr = await WorkerStderr.open(self._stderr)
            try:
                problem = await self._run(words.fileno(), answer.fileno(), stderr)
            finally:
                await stderr.close()
            size = answer.seek(0, os.SEEK_END)
            answer.seek(0)
            return _judge(problem, answer.read(_LARGEST_RESULT), size, stderr.tail)

    async def _run(self, stdin: int, stdout: int, stderr: WorkerStderr) -> str | None:
        before = {path: _leads(path) for path in self._watched}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr.writing,
                cwd=self._workspace,
                env=self._environ,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"The worker {self._name} could not be started: {error}."
        finally:
            stderr.spawned()
        try:
            problem = await self._ended(process)
        finally:
            await self._end(process)
        moved = [str(path) for path in self._watched if _leads(path) != before[path] and not self._came(path, before)]
        self.trespass = f"The worker made or moved {', '.join(moved)}, which is not its own." if moved else ""
        return self.trespass or problem

    def _came(self, path: Path, before: Mapping[Path, tuple[str, bool]]) -> bool:
        """Tell whether a path that may come to be did just that."""
        return self._watched[path] and _leads(path) == (before[path][0], True)

    async def _ended(self, process: asyncio.subprocess.Process) -> str | None:
        try:
            code = await asyncio.wait_for(process.wait(), self._timeout_s)
        except TimeoutError:
            return f"The worker ran longer than {self._timeout_s:g} s and was stopped."
        # Bubblewrap tells of a signal as shells do.
        number = -code if code < 0 else code - _BY_SIGNAL if self._isolated else 0
        if number > 0:
            return f"The worker was ended by signal {number}."
        return f"The worker exited with {code}." if code else None

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Ask a worker that still runs to end, then end it with all that is left of its group."""
        if process.returncode is None:
            if self._isolated:
                _signal_members(process.pid, signal.SIGTERM)
            else:
                _signal_group(process.pid, signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _LAST_WORDS_S)
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()


def _leads(path: Path) -> tuple[str, bool]:
    return os.path.realpath(path), os.path.lexists(path)


def _signal_members(leader: int, number: signal.Signals) -> None:
    """Signal a group but for its leader: bubblewrap, whose end would be the sudden end of all that is in it."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != leader:
            with suppress(ProcessLookupError, PermissionError):
                if os.getpgid(int(name)) == leader:
                    os.kill(int(name), number)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _judge(problem: str | None, answer: bytes, size: int, stderr: str) -> WorkerResult:
    if problem is not None:
        return _failure(problem, answer, stderr)
    if size > _LARGEST_RESULT:
        return _failure(f"The worker wrote {size} bytes where one small JSON object was expected.", answer, stderr)
    try:
        document = json.loads(answer)
        # Lone surrogates pass as JSON and as text, and can be neither stored nor sent.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        return _failure(f"The worker's output is no JSON object: {error}.", answer, stderr)
    fault = next(iter(_schema().iter_errors(document)), None)
    if fault is not None:
        place = "".join(f"/{part}" for part in fault.instance_path)
        return _failure(
            f"The worker's result does not hold to its contract at {place or '/'}: {fault.message[:_SHOWN]}.",
            answer,
            stderr,
        )
    return WorkerResult.model_validate(document)


@cache
def _schema() -> jsonschema_rs.Validator:
    path = files("foundry_contracts") / "schemas" / "formats" / f"{WorkerResult.__name__}.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return jsonschema_rs.validator_for(document)


def _failure(problem: str, answer: bytes, stderr: str) -> WorkerResult:
    tails = {"stdout": answer.decode("utf-8", "replace").strip(), "stderr": stderr.strip()}
    shown = [f"The end of its {name}: {text[-_SHOWN:]}" for name, text in tails.items() if text]
    return WorkerResult(outcome=Outcome.FAILURE, note="\n".join((problem, *shown)))
