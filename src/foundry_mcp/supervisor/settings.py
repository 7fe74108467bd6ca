"""What a run may be told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from foundry_mcp.places import product_folder

WORKER_TIMEOUT_S: Final = 1800.0
PAUSE_NOTE: Final = "foundry-mcp run was told to stop; running it again goes on from here."
"""The note of the supervisor's own pauses: those, and no other person's, it may lift again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Hold how a spec is run.

    `worker` is a program and its arguments, run in the workspace for every step that needs work. `repeats` is how
    often one error that names no signal is handled before a person is called. `environ` is the server's; a worker gets
    what may be seen of it. `checkpoint_folder` is where signed heads of logs are kept, by default in the user's state
    folder. `server_url` is the MCP address of a server that is there already; without it one is started. Times are in
    seconds.
    """

    workspace: Path
    worker: tuple[str, ...]
    escalation_folder: Path
    worker_timeout_s: float = WORKER_TIMEOUT_S
    heartbeat_s: float = 60.0
    repeats: int = 3
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    checkpoint_folder: Path | None = None
    server_url: str | None = None

    @property
    def checkpoints(self) -> Path:
        """Give the folder where signed heads are kept: outside the store, so that harm done to that shows."""
        return self.checkpoint_folder or product_folder(self.environ) / "checkpoints"


def default_escalation_folder(environ: Mapping[str, str]) -> Path:
    """Give the folder of escalation packets: in the user's state folder, so that no workspace holds them."""
    return product_folder(environ) / "escalations"
