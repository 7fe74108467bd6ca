"""Run the tests against mutants of the contracts' tables, and name those that no test notices.

    python -m tests.contracts_hold.run_mutants [--sample N] [--seed N] [--only NAME] [--quick] [--processes N]

Each mutant is made in a forked process, so that nothing of it is left. A mutant that the test file which answers for
its table lets pass meets the other tables' files, and after them the machine's and the application's tests.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contracts_hold.mutants import Mutant, every_mutant

HERE = Path(__file__).parent
FILES = (
    "test_signals.py",
    "test_roles.py",
    "test_lifecycle.py",
    "test_postures.py",
    "test_startup.py",
    "test_tightening.py",
    "test_features.py",
)
BEYOND = (HERE.parent / "machine", HERE.parent / "application")
# A mutant under which a test never ends was noticed, too.
_TIME_S = 600
_STAGES = 3
_UNCHANGED = [Mutant(f"{file} with nothing changed", file, {}) for file in FILES]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every mutant, or a sample; give 1 when one survives."""
    parser = argparse.ArgumentParser(description="Run the tests against mutants of the contracts' tables.")
    parser.add_argument("--sample", type=int, help="how many to run, chosen by the seed; else all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", help="the name of the one to run, be it one that nothing can notice")
    parser.add_argument("--quick", action="store_true", help="run only the file that answers for a mutant's table")
    options = parser.parse_args(arguments)
    found = every_mutant()
    mutants = [m for m in found if (m.name == options.only if options.only else not m.equal)]
    if options.sample is not None:
        mutants = random.Random(options.seed).sample(mutants, options.sample)
    _warm()
    broken = [] if options.quick else [mutant for mutant in _UNCHANGED if not _passes_unchanged(mutant)]
    for mutant in broken:
        print(f"FAILS BY ITSELF  {mutant.name}")
    survivors = [] if broken else _survivors(mutants, options.processes, 1 if options.quick else _STAGES)
    for mutant in survivors:
        print(f"SURVIVED  {mutant.name}")
    files = Counter(mutant.file for mutant in mutants)
    print(f"{len(mutants)} mutants: {', '.join(f'{count} for {file}' for file, count in sorted(files.items()))}")
    print(f"{len(survivors)} survived; {len(found) - sum(not m.equal for m in found)} more answer as the contracts do")
    return 1 if broken or survivors else 0


def _warm() -> None:
    """Load all that tests need, and have a server answer once, so that no mutant has to wait for it."""
    if _pytest(
        [HERE / file for file in FILES], "-k", "running or cannot_be or (strict-prod and not maintainer) or agree"
    ):
        raise RuntimeError("tests fail with nothing changed; run them by themselves to see which")
    if threading.active_count() > 1:
        raise RuntimeError("a process with more than one thread cannot be forked safely")
    gc.freeze()


def _passes_unchanged(mutant: Mutant) -> bool:
    pid = _forked(mutant, [HERE / mutant.file], "")
    return os.waitpid(pid, 0)[1] == 0


def _survivors(mutants: Sequence[Mutant], processes: int, stages: int) -> list[Mutant]:
    for stage in range(stages):
        mutants = _passing(mutants, stage, processes)
    return list(mutants)


def _tests(mutant: Mutant, stage: int) -> list[Path]:
    """Give the tests a mutant meets at a stage: its own file, the other tables', the rest of the rooms."""
    stages = ([HERE / mutant.file], [HERE / file for file in FILES if file != mutant.file], list(BEYOND))
    return stages[stage]


def _passing(mutants: Sequence[Mutant], stage: int, processes: int) -> list[Mutant]:
    """Run a stage's tests, so many mutants at once, and give the mutants under which all of them pass."""
    waiting, running, passing = list(mutants), dict[int, Mutant](), list[Mutant]()
    while waiting or running:
        while waiting and len(running) < processes:
            mutant = waiting.pop(0)
            running[_forked(mutant, _tests(mutant, stage), "" if stage else mutant.choice)] = mutant
        pid, ending = os.wait()
        mutant = running.pop(pid)
        if ending == 0:
            passing.append(mutant)
    return passing


def _forked(mutant: Mutant, tests: Sequence[Path], choice: str) -> int:
    """Run tests under a mutant in a process of their own, which ends with 0 when they pass; give its id.

    `choice` narrows the tests by their names.
    """
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.alarm(_TIME_S)
        mutant.apply()
        code = _pytest(tests, *(["-k", choice] if choice else []))
    finally:
        os._exit(code)


def _pytest(tests: Sequence[Path], *more: str) -> int:
    folder = tempfile.mkdtemp(prefix="mutants-")
    kept = ["-o", f"cache_dir={folder}/cache", "--basetemp", f"{folder}/tests"]
    arguments = ["-q", "-x", "--tb=no", "--assert=plain", "-p", "no:xdist", *kept]
    try:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            return int(pytest.main([*arguments, *more, *map(str, tests)]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
