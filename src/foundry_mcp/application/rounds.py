"""Writing beside other writers: what another one was faster than is tried again, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from foundry_mcp.ports import LiveSessionExists, StoreBusy, VersionConflict

T = TypeVar("T")
# Each round that loses is a round another writer won, so a handful is plenty before asking the caller to wait.
_ROUNDS = 8


def until_first(work: Callable[[], T]) -> T:
    """Do work that loads, decides and writes, again whenever another writer was faster; StoreBusy if one always is."""
    for _ in range(_ROUNDS):
        try:
            return work()
        except (VersionConflict, LiveSessionExists):
            continue
    raise StoreBusy("Other writers kept being faster.", "Send the same call again.")
