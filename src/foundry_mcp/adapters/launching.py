"""Running a launcher's command line to its end, with nothing of it left behind."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from foundry_contracts.vocabulary import SandboxKind
from foundry_mcp.adapters.output_capture import OutputCapture, OutputTooLong
from foundry_mcp.adapters.process_end import end_all
from foundry_mcp.adapters.sandbox import is_supervised

_BY_SIGNAL: Final = 128
_STRAY_WAIT_S: Final = 1.0
_KILL_WAIT_S: Final = 5.0
_MARK: Final = "VERIFICATION_RUN"
_KB, _MB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class End:
    """Hold how a command ended; `exit_code` is None where it was stopped or could not start, and `error` says why."""

    exit_code: int | None
    error: str = ""
    timed_out: bool = False
    began: bool = True


@dataclass(frozen=True, slots=True)
class Launch:
    """Hold a launcher's command line, the sandbox it puts around its command, its folder, and the time it has."""

    kind: SandboxKind
    line: list[str]
    cwd: str
    environ: Mapping[str, str]
    timeout_s: float


async def launched(launch: Launch, output: OutputCapture, errors: OutputCapture | None = None) -> End:
    """Run it to its end, its timeout or its output's limit. Without `errors` both outputs go the same way."""
    mark = secrets.token_hex(16)
    # While this end is open the launcher runs on; when the server dies, the system closes it.
    until, life = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *launch.line,
            cwd=launch.cwd,
            env={**launch.environ, _MARK: mark},
            stdin=until,
            stdout=output.writing,
            stderr=errors.writing if errors else asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        os.close(life)
        return End(None, f"The command could not be started: {error}.", began=False)
    except asyncio.CancelledError:
        # Cancelled while it was starting: the event loop ends the launcher itself, but not its children.
        os.close(life)
        end_all(None, f"{_MARK}={mark}")
        raise
    finally:
        os.close(until)
    output.spawned()
    if errors:
        errors.spawned()
    try:
        return await _watched(process, output, launch.timeout_s)
    finally:
        # However this ends, by cancellation too, everything the command started ends with it.
        os.close(life)
        await _cleared(process, launch.kind, f"{_MARK}={mark}")


async def _watched(process: asyncio.subprocess.Process, output: OutputCapture, timeout_s: float) -> End:
    try:
        async with asyncio.timeout(timeout_s):
            code = await output.within_limit(process.wait())
        await output.within_limit(output.ended(_STRAY_WAIT_S))
    except TimeoutError:
        return End(None, f"The command ran longer than {timeout_s:g} s and was stopped.", timed_out=True)
    except OutputTooLong:
        return End(None, f"The command printed more than {_size(output.limit)} and was stopped.")
    # A launcher tells of a signal as shells do; without one, the event loop tells of it in its own way.
    code = code if code >= 0 else _BY_SIGNAL - code
    return End(code, _signal_sentence(code))


def _size(limit: int) -> str:
    return f"{limit // _KB} KiB" if limit % _MB else f"{limit // _MB} MiB"


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
