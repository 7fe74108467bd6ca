"""A workspace with specs and worker scripts, and runs of them against the real server."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foundry_contracts.models.formats_session import SessionView, Step, StepResult
from foundry_mcp.supervisor.progress import Silent
from foundry_mcp.supervisor.run import RunResult, run_sync
from foundry_mcp.supervisor.settings import RunSettings
from tests.driving import Json, spec
from tests.outside import user_config
from tests.stdio_server import environment

WORKER = """
import json, os, pathlib, signal, sys
task = json.load(sys.stdin)
step = task["step"]
def answer(**result):
    print(json.dumps(result))
"""
SUCCEED = "answer(outcome='success')"
# Say which process it is and wait for a signal, the first time; succeed the second.
BLOCK_ONCE = """
if not os.path.exists("begun"):
    pathlib.Path("begun").touch()
    print("pid", os.getpid(), file=sys.stderr, flush=True)
    signal.pause()
answer(outcome="success")
"""


@dataclass
class Lab:
    """Hold a workspace, a state folder and a folder of packets, each beside the others."""

    folder: Path
    packets: Path = field(init=False)

    def __post_init__(self) -> None:
        self.packets = self.folder / "packets"
        (self.workspace / "specs" / "active").mkdir(parents=True)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def plan(self, spec_id: str, *phases: list[Json]) -> str:
        text = json.dumps(spec(spec_id, *phases))
        (self.workspace / "specs" / "active" / f"{spec_id}.json").write_text(text)
        return spec_id

    def worker(self, code: str) -> tuple[str, ...]:
        path = self.folder / "worker.py"
        path.write_text(WORKER + code)
        return (sys.executable, str(path))

    def unisolated(self) -> None:
        """Have workers started where they see the run's processes, and the test sees theirs."""
        user_config(self.folder, '[security]\nworker_isolation = "off"\n')

    def environ(self, **settings: str) -> dict[str, str]:
        return environment(self.folder / "state", **settings)

    def settings(self, code: str, **more: Any) -> RunSettings:
        words = {"workspace": self.workspace, "escalation_folder": self.packets, "environ": self.environ()}
        return RunSettings(worker=self.worker(code), **{**words, **more})

    def run(self, spec_id: str, code: str = SUCCEED, *, phases: int | None = None, **more: Any) -> RunResult:
        return run_sync(spec_id, self.settings(code, **more), Silent(), phases=phases)

    def begin(self, spec_id: str, code: str, *more: str, **settings: str) -> subprocess.Popen[str]:
        """Begin `foundry-mcp run` as a process of its own."""
        words = [sys.executable, "-m", "foundry_mcp.cli.main", "run", spec_id, "--workspace", str(self.workspace)]
        words += ["--worker", " ".join(self.worker(code)), "--escalation-dir", str(self.packets), *more]
        return subprocess.Popen(
            words,
            env=self.environ(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def packet(self) -> Json:
        """Give the one packet that was written."""
        (path,) = self.packets.iterdir()
        packet: Json = json.loads(path.read_text())
        return packet


def worker_process(run: subprocess.Popen[str]) -> int:
    """Wait until a worker that blocks says which process it is."""
    assert run.stderr is not None
    said = []
    for line in run.stderr:
        said.append(line)
        if "worker | pid" in line:
            return int(line.split()[-1])
    raise AssertionError(f"the run ended before its worker began: {''.join(said)}")


@dataclass
class Recorder(Silent):
    """Keep what was told of steps."""

    steps: list[tuple[str, str, str]] = field(default_factory=list)

    def step_ended(self, step: Step, result: StepResult, session: SessionView, seconds: float) -> None:
        unit = result.unit_id if isinstance(result.unit_id, str) else step.phase_id
        self.steps.append((result.type.value, unit, result.outcome.value))
