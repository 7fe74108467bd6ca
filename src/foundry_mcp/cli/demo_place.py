"""Where the demo plays: a temporary folder with a project, a worker, and a state folder beside them."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from foundry_mcp.supervisor.settings import RunSettings, default_escalation_folder

_SPEC_ID: Final = "word-tally"
# The project's Python files lie in the package as text: they are the demo's, and no part of this program.
_AS_TEXT: Final = ".py.txt"
_WORKER_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class DemoPlace:
    """Hold the demo's folder and how its spec is run."""

    folder: Path
    spec_id: str
    settings: RunSettings

    @property
    def workspace(self) -> Path:
        """Give the folder of the project."""
        return self.settings.workspace

    @property
    def state(self) -> Path:
        """Give the folder that the server's own state lies in, beside the workspace and never inside it."""
        return self.folder / "state"

    @property
    def store(self) -> Path:
        """Give the folder of the workspace's store and keys."""
        keys = self.state.glob("foundry-mcp/*/keys")
        return next((path.parent for path in keys), self.state)


def lay_out(folder: Path) -> DemoPlace:
    """Put the project, the worker and a `python` to run the tests with into an empty folder."""
    workspace = folder / "workspace"
    package = files("foundry_mcp.cli")
    with as_file(package / "demo_project") as project:
        shutil.copytree(project, workspace, ignore=shutil.ignore_patterns("__pycache__"))
    for path in sorted(workspace.rglob(f"*{_AS_TEXT}")):
        path.rename(path.with_name(path.name.removesuffix(_AS_TEXT) + ".py"))
    worker = folder / "demo_worker.py"
    worker.write_text((package / worker.name).read_text(encoding="utf-8"), encoding="utf-8")
    _make_python(folder / "bin")
    environ = _environment(folder, os.environ)
    settings = RunSettings(
        workspace=workspace,
        worker=(sys.executable, str(worker)),
        escalation_folder=default_escalation_folder(environ),
        worker_timeout_s=_WORKER_TIMEOUT_S,
        environ=environ,
    )
    return DemoPlace(folder, _SPEC_ID, settings)


def _make_python(folder: Path) -> None:
    # The plan says `python`, as plans do, and many systems only have python3.
    folder.mkdir()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    python.chmod(0o755)


def _environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    # A user's own settings of the server are for the user's own work.
    kept = {name: value for name, value in environ.items() if not name.startswith("FOUNDRY_MCP_")}
    path = os.pathsep.join((str(folder / "bin"), environ.get("PATH", os.defpath)))
    nothing = str(folder / "no-configuration")
    own = {"XDG_CONFIG_HOME": nothing, "XDG_CONFIG_DIRS": nothing, "XDG_STATE_HOME": str(folder / "state")}
    return {**kept, **own, "PATH": path}
