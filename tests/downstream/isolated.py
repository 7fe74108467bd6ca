"""Give a process of its own exactly the distributions it is said to need, and nothing else that is installed here."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(*names: str) -> set[str]:
    """List distributions and all they require on this machine, without extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for text in distribution(name).requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def linked(folder: Path, *names: str) -> Path:
    """Make a folder that holds these distributions, to be put on the path of a process that has no other."""
    folder.mkdir()
    for name in closure(*names):
        files = distribution(name).files or ()
        for top in {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}:
            (folder / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    return folder


def python(paths: list[Path], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python with these folders and the standard library, warnings being errors."""
    env = {"PYTHONPATH": os.pathsep.join(map(str, paths)), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-S", "-W", "error", *map(str, arguments)]
    return subprocess.run(words, env=env, capture_output=True, text=True, check=False)
