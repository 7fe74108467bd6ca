"""A process that appends to a store, for the tests of several processes and of crashes.

`race` waits for a file and appends once to an empty session; `endless` appends for ever, saying each acknowledged seq.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.ports import VersionConflict
from tests.adapters.batches import ONE, batch
from tests.adapters.memory_store import unkeyed


def race(store: SqliteStore, signal: Path) -> None:
    print("ready", flush=True)
    while not signal.exists():
        time.sleep(0.0005)
    try:
        store.append(batch(0, [ONE]))
    except VersionConflict:
        print("conflict", flush=True)
    else:
        print("won", flush=True)


def endless(store: SqliteStore) -> None:
    version = 0
    while True:
        store.append(batch(version, [ONE, ONE]))
        version += 2
        print(version, flush=True)


if __name__ == "__main__":
    opened = SqliteStore(Path(sys.argv[2]), unkeyed)
    if sys.argv[1] == "race":
        race(opened, Path(sys.argv[3]))
    else:
        endless(opened)
