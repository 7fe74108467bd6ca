"""A small program between the server and a command: it holds the command to its limits and ends all it started.

It is run by its path, in an interpreter that loads nothing else, so that nothing runs between fork and exec of the
server, which has threads. Its words are `NAME=VALUE ... -- PROGRAM ARGUMENT ...`:

- `supervise`: `yes` to end the command, and all that came of it, when it ends or when standard input does; `no` to
  become the command.
- `input`: the file that the command reads from.
- `scratch`: a folder to clear away where standard input ended first.
- `no_new_privileges`: `yes` where the command shall gain no rights by what it starts.
- `memory`, `file_size`, `open_files`: limits; bytes, bytes, a count.

It exits as a shell does: with the command's code, or 128 and the number of the signal that ended it.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator

CANNOT_LAUNCH = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127
_BY_SIGNAL = 128
_PAUSE_S = 0.002

# From the kernel's linux/prctl.h.
_SET_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36
_SET_NO_NEW_PRIVILEGES = 38


def main(words: list[str]) -> int:
    """Run the command that the words ask for; give the code to exit with."""
    cut = words.index("--")
    asked = dict(word.split("=", 1) for word in words[:cut])
    argv = words[cut + 1 :]
    if asked["supervise"] == "yes":
        return supervise(argv, asked)
    return become(argv, asked)


def supervise(argv: list[str], asked: dict[str, str]) -> int:
    """Run the command as a child and everything it leaves behind as an adopted one, and outlive none of them."""
    control(_SET_CHILD_SUBREAPER, 1)
    launcher = os.getpid()
    child = os.fork()
    if child == 0:
        os._exit(_as_child(argv, asked, launcher))
    ended = os.pidfd_open(child)
    told = select.poll()
    told.register(ended, select.POLLIN)
    # Nobody writes there: it ends when the server wants an end, or has one.
    told.register(sys.stdin.fileno(), select.POLLIN | select.POLLHUP)
    if any(descriptor == ended for descriptor, _ in told.poll()):
        _, status = os.waitpid(child, 0)
        end_descendants()
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else _BY_SIGNAL - code
    end_descendants()
    # By now nobody can tell whether the server is there to clear it away: its files close before it is gone.
    _clear(asked["scratch"])
    return CANNOT_LAUNCH


def _as_child(argv: list[str], asked: dict[str, str], launcher: int) -> int:
    try:
        control(_SET_DEATH_SIGNAL, signal.SIGKILL)
        # It may have died before it was promised to be told.
        return become(argv, asked) if os.getppid() == launcher else CANNOT_LAUNCH
    except OSError as error:
        print(f"The command could not be held to its limits: {error}.", file=sys.stderr, flush=True)
        return CANNOT_LAUNCH


def become(argv: list[str], asked: dict[str, str]) -> int:
    """Turn into the command; give a code only where that cannot be."""
    if asked["no_new_privileges"] == "yes":
        control(_SET_NO_NEW_PRIVILEGES, 1)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_DATA, int(asked["memory"]))
    limit(resource.RLIMIT_FSIZE, int(asked["file_size"]))
    limit(resource.RLIMIT_NOFILE, int(asked["open_files"]))
    os.dup2(os.open(asked["input"], os.O_RDONLY), 0)
    # The interpreter ignores these for itself, and what is ignored stays so.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(argv[0], argv)
    except OSError as error:
        print(f"{argv[0]} could not be executed: {error.strerror}.", file=sys.stderr, flush=True)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE


def limit(what: int, most: int) -> None:
    """Lower a limit for good; one that is lower already stays."""
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, most))


def control(what: int, value: int) -> None:
    """Set one of the properties that Linux gives a process."""
    # Loaded here, as where there is no supervision there need be no such call.
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(what, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def end_descendants() -> None:
    """Kill everything below this process, until nothing is: an orphan comes back to it."""
    while _children_remain():
        for process in _descendants():
            try:
                os.kill(process, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        time.sleep(_PAUSE_S)


def _children_remain() -> bool:
    """Take in the children that have ended; tell whether there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        return False
    return True


def _descendants() -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            children.setdefault(_parent_of(name), []).append(int(name))
    below = children.get(os.getpid(), [])
    while below:
        yield from below
        below = [child for process in below for child in children.get(process, [])]


def _parent_of(process: str) -> int:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            # The name in brackets may hold anything, brackets too.
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _clear(scratch: str) -> None:
    import shutil

    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
