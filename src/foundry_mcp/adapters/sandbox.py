"""What keeps a command in: how each kind of sandbox is put around it, and which of them this machine has."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundry_contracts.models.config import VerificationConfig
from foundry_contracts.tables import SANDBOX_KIND_INFO
from foundry_contracts.vocabulary import SandboxGuard, SandboxKind
from foundry_mcp import bubblewrap
from foundry_mcp.ports import PortError

_LAUNCHER: Final = Path(__file__).with_name("command_launcher.py")
_BYTES_PER_MB: Final = 1 << 20
_PROBE_WAIT_S: Final = 10
# Programs write there without asking.
_TEMPORARY: Final = "/tmp"
# The namespace's first process: it waits for the command, and the kernel ends the rest with it. The limit is set here
# as inside a user's namespace only what runs there is counted; shells differ in its letter.
_FIRST_PROCESS: Final = 'ulimit -p "$0" 2>/dev/null || ulimit -u "$0" || exit 125; "$@"; exit "$?"'
_SUPERVISED: Final = frozenset({SandboxKind.BUBBLEWRAP, SandboxKind.PID_NAMESPACE, SandboxKind.SUBREAPER})


@dataclass(frozen=True, slots=True)
class Grounds:
    """Hold where a command runs: real paths of the workspace, its folder, its scratch folder, and what it may not see.

    `programs` are folders to read programs from, wherever they lie; `input` is the file it reads from.
    """

    workspace: str
    cwd: str
    scratch: str
    hidden: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    input: str = os.devnull

    @property
    def home(self) -> str:
        """Give the folder the command has for a home."""
        return os.path.join(self.scratch, "home")

    @property
    def temporary(self) -> str:
        """Give the folder the command has for temporary files."""
        return os.path.join(self.scratch, "tmp")

    @property
    def compiled(self) -> str:
        """Give the folder in which the command's Python keeps what it compiles; it begins empty."""
        return os.path.join(self.scratch, "compiled")

    def make(self) -> None:
        """Make the folders inside the scratch folder."""
        os.mkdir(self.home)
        os.mkdir(self.temporary)


def is_supervised(kind: SandboxKind) -> bool:
    """Tell whether a launcher stays beside the command, and ends all of it when its own input ends."""
    return kind in _SUPERVISED


def unenforced(kind: SandboxKind) -> tuple[SandboxGuard, ...]:
    """List what a kind does not hold a command of this process's user to."""
    known = SANDBOX_KIND_INFO[kind]
    lacking = set(known.not_as_root) if os.geteuid() == 0 else set()
    return tuple(guard for guard in SandboxGuard if guard not in known.enforces or guard in lacking)


def command_line(kind: SandboxKind, argv: Sequence[str], grounds: Grounds, limits: VerificationConfig) -> list[str]:
    """Give the words that run `argv`, whose first is a path, in a sandbox of a kind."""
    asked = {
        "supervise": _yes(is_supervised(kind)),
        "scratch": grounds.scratch,
        "input": grounds.input,
        # Bubblewrap sees to it itself, and may be installed with rights of its own that it would lose.
        "no_new_privileges": _yes(kind in (SandboxKind.PID_NAMESPACE, SandboxKind.SUBREAPER)),
        "memory": str(limits.max_memory_mb * _BYTES_PER_MB),
        "file_size": str(limits.max_file_mb * _BYTES_PER_MB),
        "open_files": str(limits.max_open_files),
    }
    words = [f"{name}={value}" for name, value in asked.items()]
    return [sys.executable, "-I", "-S", str(_LAUNCHER), *words, "--", *_around(kind, argv, grounds, limits)]


def _yes(said: bool) -> str:
    return "yes" if said else "no"


def _around(kind: SandboxKind, argv: Sequence[str], grounds: Grounds, limits: VerificationConfig) -> list[str]:
    if kind is SandboxKind.BUBBLEWRAP:
        return [*_bubblewrap(grounds), "--", *_first_process(argv, limits)]
    if kind is SandboxKind.PID_NAMESPACE:
        return [*_pid_namespace(), "--", *_first_process(argv, limits)]
    return list(argv)


def _first_process(argv: Sequence[str], limits: VerificationConfig) -> list[str]:
    return ["/bin/sh", "-c", _FIRST_PROCESS, str(limits.max_processes), *argv]


def _pid_namespace() -> list[str]:
    # Root has its own rights to make one; with a user namespace it would lose those over other users' files.
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user"]
    return [bubblewrap.program("unshare"), *user, "--pid", "--fork", "--kill-child", "--mount-proc"]


def _bubblewrap(grounds: Grounds) -> list[str]:
    line = [*bubblewrap.begun(), "--ro-bind", "/", "/", *bubblewrap.own_devices()]
    line += ["--bind", grounds.temporary, _TEMPORARY]
    for folder in _programs_in(_TEMPORARY, grounds.programs):
        line += ["--ro-bind", folder, folder]
    for folder in grounds.hidden:
        line += ["--tmpfs", folder]
    line += bubblewrap.helpers_hidden()
    # The workspace comes last: whatever else is mounted, it is what the command sees there.
    for folder in (grounds.scratch, grounds.workspace):
        line += ["--bind", folder, folder]
    return [*line, "--chdir", grounds.cwd]


def _programs_in(place: str, folders: Sequence[str]) -> Iterator[str]:
    """List those of the folders that lie in a place, each with what is installed beside a `bin`."""
    for folder in dict.fromkeys(map(os.path.realpath, folders)):
        parent, name = os.path.split(folder)
        found = parent if name == "bin" and parent != place else folder
        if os.path.commonpath([place, found]) == place and found != place and os.path.isdir(found):
            yield found


def problem_of(kind: SandboxKind, limits: VerificationConfig) -> str | None:
    """Say why a kind cannot be used on this machine, having tried it; None where it can."""
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        grounds = Grounds(workspace=folder, cwd=folder, scratch=os.path.realpath(folder))
        grounds.make()
        line = command_line(kind, ["/bin/sh", "-c", ":"], grounds, limits)
        # The launcher's input has to stay open, or it ends the command.
        reading, writing = os.pipe()
        try:
            done = subprocess.run(line, stdin=reading, capture_output=True, timeout=_PROBE_WAIT_S, env={})
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        finally:
            os.close(reading)
            os.close(writing)
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return None if done.returncode == 0 else (said or [f"it ended with code {done.returncode}"])[-1]


def choose(limits: VerificationConfig) -> SandboxKind:
    """Give the kind the settings ask for, or else the strongest that works here; PortError where there is none."""
    demanded = limits.sandbox
    kinds = [demanded] if isinstance(demanded, SandboxKind) else list(SandboxKind)
    problems: list[str] = []
    for kind in kinds:
        problem = problem_of(kind, limits)
        if problem is None:
            return kind
        problems.append(f"{kind.value}: {problem}")
    raise PortError(
        f"No sandbox that the settings allow works on this machine ({'; '.join(problems)}).",
        "Make it work (bubblewrap is a package of most systems and needs user namespaces), or set verification.sandbox "
        f"to another kind: {', '.join(SandboxKind)}.",
    )
