"""Sandboxes for tests: which work here, a runner in one of them, and a pipe that shows who is still alive."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.models.config import VerificationConfig
from foundry_contracts.models.formats_plan import CommandLine
from foundry_contracts.tables import SANDBOX_KIND_INFO
from foundry_contracts.vocabulary import SandboxGuard, SandboxKind
from foundry_mcp.adapters.process_runner import ProcessRunner
from foundry_mcp.adapters.sandbox import problem_of
from foundry_mcp.adapters.system import SystemClock
from foundry_mcp.ports import Runner, RunResult


def kinds_that(*guards: SandboxGuard) -> list[SandboxKind]:
    """Give the kinds that hold a command to all of the guards."""
    return [kind for kind, known in SANDBOX_KIND_INFO.items() if set(guards) <= set(known.enforces)]


@cache
def _problem(kind: SandboxKind) -> str | None:
    return problem_of(kind, VerificationConfig())


def need(kind: SandboxKind) -> None:
    """Skip a test whose sandbox this machine does not have."""
    problem = _problem(kind)
    if problem is not None:
        pytest.skip(f"no {kind.value} on this machine: {problem}")


def runner(kind: SandboxKind, workspace: Path, *, hidden: Sequence[Path] = (), **settings: Any) -> Runner:
    """Give a runner of one kind."""
    need(kind)
    asked = VerificationConfig.model_validate({"sandbox": kind, "timeout_s": 20, **settings})
    return ProcessRunner(workspace, SystemClock(), asked, environ=os.environ, hidden=hidden)


def run(kind: SandboxKind, workspace: Path, *argv: str, cwd: str = ".", **settings: Any) -> RunResult:
    """Run a command to its end."""
    return asyncio.run(runner(kind, workspace, **settings).run(CommandLine(argv=list(argv), cwd=cwd)))


def python(kind: SandboxKind, workspace: Path, code: str, *arguments: str, **settings: Any) -> RunResult:
    """Run a Python program to its end."""
    return run(kind, workspace, sys.executable, "-c", code, *arguments, **settings)


class Pipe:
    """Hold the reading end of a pipe in a workspace; whoever holds the other end is alive."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def wait_for_word(self, seconds: float = 20) -> bool:
        """Wait until somebody wrote into it, whoever let go of it before."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if os.read(self._descriptor, 64):
                    return True
            except BlockingIOError:
                pass
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.005)

    def is_let_go(self, seconds: float = 5) -> bool:
        """Tell whether everybody who held it has ended, or ends within so long."""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(ready) and os.read(self._descriptor, 64) == b""


@contextmanager
def pipe_in(workspace: Path) -> Iterator[Pipe]:
    """Make a pipe named `alive` in a workspace."""
    path = workspace / "alive"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield Pipe(path, descriptor)
    finally:
        os.close(descriptor)


# A grandchild in a session of its own, its environment wiped by an exec: neither a kill of the group nor a look for a
# mark finds it. It holds the pipe, and the command's output where `holds` is asked for. The leader waits for its word.
STRAY = """
import os, sys, time
AWAY = '''
import os, time
pipe = os.open("alive", os.O_WRONLY)
os.write(pipe, b"up")
open("up", "w").close()
time.sleep(60)
'''
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        if sys.argv[1] != "holds":
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 1), os.dup2(nothing, 2)
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", AWAY], {})
    os._exit(0)
while not os.path.exists("up"):
    time.sleep(0.01)
print("leader done", flush=True)
time.sleep(float(sys.argv[2]))
"""
