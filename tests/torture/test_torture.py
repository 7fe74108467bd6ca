"""A short torture of the real server; `just torture` makes it long. It runs apart: its servers are forks of itself."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conftest import SHOWN

ROOT = Path(__file__).parents[2]
FORGETFUL = """
from foundry_mcp.adapters import sqlite_store
from tests.torture.run import main
sqlite_store._insert_answers = lambda *words: None
main()
"""


def tortured(words: list[str], *, kills: int, garbage: int) -> subprocess.CompletedProcess[str]:
    """Torture servers, and give what was said of it."""
    words = [sys.executable, *words, "--kills", str(kills), "--garbage", str(garbage)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_servers_lose_nothing_when_killed_and_answer_all_that_is_senseless(
    record_property: Callable[[str, object], None],
) -> None:
    done = tortured(["-m", "tests.torture.run"], kills=60, garbage=3_000)
    assert done.returncode == 0, done.stderr
    told = re.findall(r"^(?:torture|garbage): .*$", done.stdout, re.MULTILINE)
    inside = [int(count) for count in re.findall(r"\((\d+) inside a transaction\)", done.stdout)]
    assert (len(told), min(inside) > 5) == (3, True), done.stdout
    for line in told:
        record_property(SHOWN, line)


def test_a_store_that_keeps_no_answers_does_not_get_through() -> None:
    done = tortured(["-c", FORGETFUL], kills=200, garbage=0)
    assert (done.returncode, "AssertionError" in done.stderr) == (1, True), done.stderr
