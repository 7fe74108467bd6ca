"""Generate again after each edit, in a process that stays warm, and do again only what the edit asks for.

What costs most, building models and formatting Python, is remembered by content: see `Memory`. A contract that is
broken for a moment is told of and waited for; the outputs stay as they were until it is whole again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from contractgen import freshness, pipeline, report, tree
from contractgen.errors import ContractError
from contractgen.memory import Memory

PAUSE_S = 0.03
_CHANGED = "contractgen itself was changed since this began: nothing is written; end this and start it again."

Stamp = dict[str, tuple[int, int, int]]


def run(arguments: argparse.Namespace) -> int:
    """Watch until interrupted; being interrupted is how it is meant to end."""
    contracts, out = Path(arguments.contracts), Path(arguments.out)
    watch = Watch(contracts, out)
    try:
        while True:
            watch.look()
            time.sleep(PAUSE_S)
    except KeyboardInterrupt:
        print("\nNo longer watching.")
        return 0


class Watch:
    """Hold what was seen last."""

    def __init__(self, contracts: Path, out: Path) -> None:
        self._contracts, self._out = contracts, out
        self._memory = Memory()
        self._stamp: Stamp | None = None
        self._digest = ""
        self._generator = freshness.generator_digest()

    def look(self) -> None:
        """Look once, and generate if the contents differ from those seen before."""
        stamp = _stamp(str(self._contracts))
        if stamp == self._stamp:
            return
        try:
            digest = freshness.contracts_digest(str(self._contracts))
        except OSError:
            # A file went while it was read: an editor that replaces files is at work. The next look sees the rest.
            return
        self._stamp = stamp
        if digest != self._digest:
            self._digest = digest
            self._generate()

    def _generate(self) -> None:
        if freshness.generator_digest() != self._generator:
            # The lock would say of outputs of the old sources that the new ones made them.
            print(_CHANGED, file=sys.stderr, flush=True)
            return
        begun = time.perf_counter()
        try:
            generation = pipeline.generate(self._contracts, self._memory)
            drift = tree.write(generation.tree, self._out)
        except ContractError as error:
            print(report.render(error.findings, "text", str(self._contracts)), end="", file=sys.stderr)
            print("The outputs stay as they are; mend this and save.", file=sys.stderr, flush=True)
            return
        except (OSError, RuntimeError) as error:
            # A disk that is full or a tool that refuses is no reason to lose the warm process.
            print(f"contractgen: {error}", file=sys.stderr, flush=True)
            return
        took = 1e3 * (time.perf_counter() - begun)
        written, deleted = len(drift.missing) + len(drift.stale), len(drift.orphaned)
        print(f"{len(generation.tree)} files, {written} written, {deleted} deleted, in {took:.0f} ms.", flush=True)


def _stamp(root: str) -> Stamp:
    """Note time, size and number of each contract file, which is enough to know when to read them."""
    found: Stamp = {}
    for file in freshness.contract_files(root):
        try:
            status = os.stat(os.path.join(root, file))
        except FileNotFoundError:
            continue
        found[file] = status.st_mtime_ns, status.st_size, status.st_ino
    return found
