"""The demo, as a newcomer starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from foundry_contracts.vocabulary import LoopSignal
from tests.stdio_server import environment


def test_the_demo_ends_well_and_every_command_it_prints_works(tmp_path: Path) -> None:
    environ = {**environment(tmp_path / "elsewhere"), "TMPDIR": str(tmp_path)}
    demo = _run([sys.executable, "-m", "foundry_mcp.cli.main", "demo"], environ)
    assert demo.returncode == 0, demo.stderr
    assert "✗ gate   Show a report" in demo.stdout
    assert "docs/report-format.md: The declared file is not there" in demo.stdout
    assert "Done: every phase of the spec is complete" in demo.stdout
    assert "3 signed" in demo.stdout
    assert not (tmp_path / "elsewhere").exists()

    store = next(line for line in demo.stdout.splitlines() if line.startswith("  store"))
    assert (Path(store.split()[1]) / "store.sqlite3").is_file()

    use, read, again, audit, serve = _printed(demo.stdout)
    assert _shell(use, environ).stdout.splitlines()[0] == "  10  the"
    assert "A worker for the demo" in _shell(read, environ).stdout
    rerun = _shell(again, environ)
    assert rerun.returncode == 0, rerun.stderr
    assert json.loads(rerun.stdout.splitlines()[-1])["loop_signal"] == LoopSignal.SPEC_COMPLETE
    audited = _shell(audit, environ)
    assert (audited.returncode, audited.stdout.splitlines()[-1]) == (0, "Nothing is at fault.")
    assert _shell(serve, environ).returncode == 0


def _printed(text: str) -> list[str]:
    lines = text.split("What to try next\n")[1].splitlines()
    return [line.strip() for line in lines[1::2]]


def _run(words: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=50)


def _shell(line: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return _run(["sh", "-c", line], environ)
