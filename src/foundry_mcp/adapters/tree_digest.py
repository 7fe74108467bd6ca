"""A digest of the workspace's files, to tell whether anything changed."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# Without git nothing says what is ignored: these are what tools leave behind by themselves.
LEFT_OUT: Final = frozenset({".git", "__pycache__", ".pytest_cache"})
_GIT_WAIT_S: Final = 30
# The file system monitor of a repository's own configuration is a program the workspace chose: not to be run here.
_LIST_FILES: Final = ("git", "-c", "core.fsmonitor=false", "ls-files", "-co", "--exclude-standard", "-z")


def tree_digest(workspace: Path) -> str:
    """Give the SHA-256 over every tracked or unignored file: its path, kind, executable bit and content.

    Without git, over every file but version control's and the caches'.
    """
    root = os.fsencode(os.path.realpath(workspace))
    listed = _listed_by_git(root)
    paths = set(_walked(root) if listed is None else listed)
    total = hashlib.sha256()
    for path in sorted(paths):
        entry = entry_of(os.path.join(root, path))
        if entry is not None:
            total.update(b"%d:%s%s" % (len(path), path, entry))
    return total.hexdigest()


def _listed_by_git(root: bytes) -> list[bytes] | None:
    # The server's own GIT_DIR and the like would point at another repository.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            _LIST_FILES, cwd=root, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=_GIT_WAIT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return [path for path in done.stdout.split(b"\0") if path] if done.returncode == 0 else None


def _walked(root: bytes) -> Iterator[bytes]:
    left_out = {os.fsencode(name) for name in LEFT_OUT}
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if name not in left_out]
        for name in (*names, *links):
            yield os.path.relpath(os.path.join(folder, name), root)


def entry_of(path: bytes) -> bytes | None:
    """Describe one file; None where it is gone, as a tracked file may be."""
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode):
            return b"%s%s" % (b"x" if mode & stat.S_IXUSR else b"f", _content(path))
        if stat.S_ISLNK(mode):
            return b"l" + hashlib.sha256(os.readlink(path)).digest()
    except FileNotFoundError:
        return None
    except OSError:
        return b"u" + bytes(hashlib.sha256().digest_size)
    # A repository inside the repository is listed as a folder, and only as one; a pipe would never end.
    return b"o" + bytes(hashlib.sha256().digest_size)


def _content(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
