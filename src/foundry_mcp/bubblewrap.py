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
_DEVICES: Final = "/dev"
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
    return ["--dev", _DEVICES, "--proc", _PROCESSES, *_bound("--ro-bind", list(_system_settings()))]


def helpers_hidden() -> list[str]:
    """Give the words that hide the ways to have something done outside."""
    line = ["--tmpfs", _runtime()] if os.path.isdir(_runtime()) else []
    for socket in filter(os.path.exists, _HELPERS):
        line += ["--ro-bind", os.devnull, socket]
    return line


def _runtime() -> str:
    return f"/run/user/{os.geteuid()}"


def worker_line(argv: Sequence[str], grounds: Grounds) -> list[str]:
    """Give the words that run a worker's `argv` on its grounds."""
    workspace = os.path.realpath(grounds.workspace)
    read_only = [path for path in dict.fromkeys(map(os.path.realpath, grounds.read_only)) if os.path.exists(path)]
    hidden = [path for path in dict.fromkeys(map(os.path.realpath, grounds.hidden)) if os.path.isdir(path)]
    around = [path for path in read_only if _lies_in(workspace, path)]
    terminals = [path for pattern in _TERMINALS for path in sorted(glob.glob(pattern)) if os.path.isdir(path)]
    # A folder that holds a mount can be renamed, and another put in its place; one that is a mount cannot.
    # Each shows all that lies in it on the disk, so that these come before whatever is hidden.
    held = _held((*read_only, *hidden, os.path.join(workspace, ".")))
    line = [*begun(), *_bound("--bind", ["/", *held]), *own_devices()]
    # What is set there holds for the whole system, for a root at least.
    line += _bound("--ro-bind", [_KERNEL] if os.path.isdir(_KERNEL) else [])
    line += [*helpers_hidden(), *(word for folder in terminals for word in ("--tmpfs", folder))]
    line += _bound("--ro-bind", around)
    if any(_lies_in(workspace, path) for path in (_DEVICES, _runtime(), *terminals, *around)):
        line += _bound("--bind", [workspace])
    line += _bound("--ro-bind", [path for path in read_only if path not in around])
    line += [word for path in hidden for word in ("--tmpfs", path, "--remount-ro", path)]
    return [*line, "--chdir", workspace, "--", *argv]


def _bound(option: str, paths: Sequence[str]) -> list[str]:
    """Give the words that mount paths where they are."""
    return [word for path in paths for word in (option, path, path)]


def _lies_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


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
