"""Write contracts.lock.json: the whole set with full schemas, which a later set is compared with."""

from __future__ import annotations

from contractgen.breaking.snapshot import LOCK, snapshot
from contractgen.bundle import text
from contractgen.model import ContractSet


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the set as data."""
    return {LOCK: text(snapshot(contracts))}
