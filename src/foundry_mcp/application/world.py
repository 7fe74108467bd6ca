"""The world an application works in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from foundry_mcp.application.runs import Means
from foundry_mcp.machine.policy import Policy
from foundry_mcp.ports import Clock, Ids, SpecFiles, Store


@dataclass(frozen=True, slots=True)
class World:
    """Hold the adapters and settings an application works with."""

    workspace: Path
    store: Store
    specs: SpecFiles
    clock: Clock
    ids: Ids
    means: Means
    policy: Policy
    replay_grace_s: int
    write_back: bool
