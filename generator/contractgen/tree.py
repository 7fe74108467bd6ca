"""Compare a tree of texts with a folder, and write only what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contractgen.freshness import outputs


@dataclass(frozen=True, slots=True)
class Drift:
    """Say how a folder differs from the tree: paths that are missing, stale (text differs), orphaned."""

    missing: tuple[str, ...]
    stale: tuple[str, ...]
    orphaned: tuple[str, ...]

    def __bool__(self) -> bool:
        """Say whether there is any difference."""
        return bool(self.missing or self.stale or self.orphaned)


def compare(tree: Mapping[str, str], folder: Path) -> Drift:
    """Find the differences between a tree and a folder, without touching the folder."""
    present = set(outputs(str(folder)))
    shared = present & tree.keys()
    return Drift(
        missing=tuple(sorted(tree.keys() - present)),
        stale=tuple(sorted(path for path in shared if (folder / path).read_bytes() != tree[path].encode())),
        orphaned=tuple(sorted(present - tree.keys())),
    )


def write(tree: Mapping[str, str], folder: Path) -> Drift:
    """Make a folder equal to the tree: write what differs, delete what the tree does not hold."""
    drift = compare(tree, folder)
    for path in (*drift.missing, *drift.stale):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(tree[path].encode())
    for path in drift.orphaned:
        (folder / path).unlink()
        _prune((folder / path).parent, folder)
    return drift


def _prune(folder: Path, root: Path) -> None:
    """Delete folders that an orphan left empty."""
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
