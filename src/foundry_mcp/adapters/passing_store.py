"""A store that does not last: in a temporary folder that goes with the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.places import PRODUCT


class PassingStore(SqliteStore):
    """Keep sessions as long as the server runs."""

    def __init__(self, mac: Callable[[str], str]) -> None:
        self._folder = TemporaryDirectory(prefix=f"{PRODUCT}-")
        super().__init__(Path(self._folder.name) / "store.sqlite3", mac)

    def close(self) -> None:
        """Let go of the store, and remove it."""
        super().close()
        self._folder.cleanup()
