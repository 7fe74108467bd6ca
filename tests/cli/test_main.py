"""What all commands do alike."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.outside import outside


def test_a_reader_that_goes_away_ends_a_command_without_a_traceback(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "foundry_mcp.cli.main", "config", "show", "--workspace", str(tmp_path)]
    try:
        ended = subprocess.run(
            words, stdout=writing, stderr=subprocess.PIPE, text=True, env=outside(tmp_path), timeout=60, check=False
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")
