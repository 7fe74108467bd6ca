"""The contract sets the emitters are tried on: the product's own, and every case that has one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from contractgen import lower
from contractgen.model import ContractSet

OWN = Path(__file__).parents[2] / "contracts"
LIBRARY = Path(__file__).parent / "cases" / "library" / "contracts"
# What `contractgen init` writes, by way of a link.
UNITS = LIBRARY.parents[1] / "units" / "contracts"
FOLDERS = [folder for folder in (LIBRARY, UNITS, OWN) if folder.is_dir()]
NAMES = [folder.parent.name if folder != OWN else "own" for folder in FOLDERS]


@cache
def load(folder: Path) -> ContractSet:
    """Read a set once; it is frozen, so all tests may share it."""
    return lower.load(folder)
