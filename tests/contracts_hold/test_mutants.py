"""A sample of the tables' mutants: the tests notice each, and what nobody could notice is named as left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from foundry_contracts.tables import LOOP_DECISION_ROWS
from tests.contracts_hold.mutants import every_mutant
from tests.contracts_hold.run_mutants import FILES

ROOT = Path(__file__).parents[2]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    """Run mutants in a process of their own, as this one may have threads and cannot be forked."""
    command = [sys.executable, "-m", "tests.contracts_hold.run_mutants", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_a_sample_of_mutants_is_noticed() -> None:
    ran = run("--quick", "--sample", "20")
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    assert "\n0 survived;" in ran.stdout


def test_a_mutant_that_nothing_notices_is_named() -> None:
    ran = run("--quick", "--only", "signal rows 0 and 1 swapped")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "SURVIVED  signal rows 0 and 1 swapped" in ran.stdout


def test_mutants_have_names_of_their_own_and_meet_every_file() -> None:
    mutants = every_mutant()
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    assert {mutant.file for mutant in mutants if not mutant.equal} == set(FILES)


def test_no_row_of_the_signal_table_is_idle() -> None:
    names = [f"signal row {number} deleted" for number in range(len(LOOP_DECISION_ROWS))]
    assert {mutant.name: mutant.equal for mutant in every_mutant() if mutant.name in names} == dict.fromkeys(names, "")
