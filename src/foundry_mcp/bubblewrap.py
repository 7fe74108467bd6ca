"""How bubblewrap is called: what every sandbox of ours shares, and the one that workers are started in.

A verification's command sees the disk read-only. A worker is a coding agent, which keeps its own files in the user's
home and talks to the network: it sees the disk as it is, without what `Grounds` takes away.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

# What a root that owns only files may do. All else, such as mounting, would lead out of the sandbox.
_ROOT_KEEPS: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")
# Whoever can ask one of these to do something has it done outside.
_HELPERS: Final = (
    "/run/containerd/containerd.sock",
    "/run/dbus/system_bus_socket",
    "/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/systemd/private",
)
_TERMINALS: Final = ("/tmp/tmux-*", "/run/screen", "/tmp/screens")
_PROCESSES: Final = "/proc"
_KERNEL: Final = "/sys"
_PROBE_WAIT_S: Final = 10


@dataclass(frozen=True, slots=True)
class Grounds:
    """Hold where a worker works, what it may only read, and the folders that it sees nothing of."""

    workspace: Path
    read_only: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()


def program(name: str) -> str:
    """Give the path of a program of the sandbox's own, or its bare name, which is not found."""
    return (
        shutil.which(name, path=os.pathsep.join(("/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"))) or name
    )


def begun() -> list[str]:
    """Give the first words of every call: processes of its own, which end with who started them."""
    line = [program("bwrap"), "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    if os.geteuid() == 0:
        line += ["--cap-drop", "ALL", *(word for name in _ROOT_KEEPS for word in ("--cap-add", f"CAP_{name}"))]
    return line


def own_devices() -> list[str]:
    """Give the words for devices and processes of its own; what is set in /proc for the system stays as it is."""
    line = ["--dev", "/dev", "--proc", _PROCESSES]
    for path in _system_settings():
        line += ["--ro-bind", path, path]
    return line


def helpers_hidden() -> list[str]:
    """Give the words that hide the ways to have something done outside."""
    runtime = f"/run/user/{os.geteuid()}"
    line = ["--tmpfs", runtime] if os.path.isdir(runtime) else []
    for socket in filter(os.path.exists, _HELPERS):
        line += ["--ro-bind", os.devnull, socket]
    return line


def worker_line(argv: Sequence[str], grounds: Grounds) -> list[str]:
    """Give the words that run a worker's `argv` on its grounds."""
    line = [*begun(), "--bind", "/", "/", *own_devices()]
    # What is set there holds for the whole system, for a root at least.
    line += ["--ro-bind", _KERNEL, _KERNEL] if os.path.isdir(_KERNEL) else []
    line += helpers_hidden()
    for folder in (found for pattern in _TERMINALS for found in sorted(glob.glob(pattern)) if os.path.isdir(found)):
        line += ["--tmpfs", folder]
    workspace = os.path.realpath(grounds.workspace)
    read_only = [path for path in dict.fromkeys(map(os.path.realpath, grounds.read_only)) if os.path.exists(path)]
    hidden = [path for path in dict.fromkeys(map(os.path.realpath, grounds.hidden)) if os.path.isdir(path)]
    # A folder that holds a mount can be renamed, and another put in its place; one that is a mount cannot.
    for folder in _held((*read_only, *hidden, os.path.join(workspace, "."))):
        line += ["--bind", folder, folder]
    for path in read_only:
        line += ["--ro-bind", path, path]
    for path in hidden:
        line += ["--tmpfs", path, "--remount-ro", path]
    return [*line, "--chdir", workspace, "--", *argv]


def _held(paths: Sequence[str]) -> list[str]:
    """List every folder above the paths, outermost first."""
    above = {str(parent) for path in paths for parent in Path(path).parents} | {os.path.dirname(path) for path in paths}
    return sorted(above - {"/", ""}, key=lambda folder: (folder.count("/"), folder))


def _system_settings() -> Iterator[str]:
    """List what in /proc may be written for the whole system: root needs no more than a file's mode for that."""
    for entry in sorted(os.scandir(_PROCESSES), key=lambda entry: entry.name):
        if entry.name.isdigit() or entry.is_symlink():
            continue
        if entry.is_dir() or entry.stat().st_mode & 0o222:
            yield entry.path


@cache
def worker_problem() -> str | None:
    """Say why workers cannot be started in bubblewrap on this machine, having tried it; None where they can."""
    line = worker_line(["/bin/sh", "-c", ":"], Grounds(Path("/tmp"), hidden=(Path("/var/tmp"),)))
    try:
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_WAIT_S, env={})
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return None if done.returncode == 0 else (said or [f"it ended with code {done.returncode}"])[-1]
