"""Each start-up rule at the command line: what doctor and serve say where it is tripped, and once it is mended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foundry_contracts.models.config import VerificationConfig
from foundry_contracts.tables import STARTUP_RULE_INFO
from foundry_contracts.vocabulary import Reach, SandboxKind, StartupLevel
from foundry_contracts.vocabulary import StartupRule as Rule
from foundry_mcp.adapters import sandbox
from tests.contracts_hold.startup_places import LEVELS, MENDED, PROFILES, TRIPS, Place
from tests.http_server import PATIENCE_S

ADDRESSES = {Reach.THIS_MACHINE: "127.0.0.1:0", Reach.ANY_ADDRESS: "0.0.0.0:0"}


def told(place: Place, command: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a place, until it has said what it says."""
    words = [sys.executable, "-m", "foundry_mcp.cli.main", command, "--workspace", str(place.root), *more]
    if place.reach is not None:
        words += ["--http", ADDRESSES[place.reach]]
    environ = {**place.environ(), "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    ) as process:
        assert process.stdout is not None
        # Over pipes a server ends with its client; over HTTP it is told to, once it serves.
        line = process.stdout.readline() if command == "serve" else ""
        if line.startswith("serving "):
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(words, process.returncode, line + out, err)


@pytest.mark.parametrize("rule", Rule)
def test_doctor_and_serve_say_the_same_of_a_rule_and_its_remedy_mends_it(tmp_path: Path, rule: Rule) -> None:
    profile, level = next((p, level) for p, level in zip(PROFILES, LEVELS[rule], strict=True) if level)
    place = Place(tmp_path, {"posture.profile": profile.value})
    TRIPS[rule](place)
    doctor, served = told(place, "doctor"), told(place, "serve")
    if rule is Rule.KEYS_EXPOSED:
        # The machine trips it and no setting; and a server does not look.
        exposed = sandbox.problem_of(SandboxKind.BUBBLEWRAP, VerificationConfig()) is not None
        assert (f"warn: {rule}: " in doctor.stdout) is exposed
        return
    assert f"{level}: {rule}: " in doctor.stdout
    assert f"{level}: {rule}: ".removeprefix("refuse: ") in served.stderr
    for said in (doctor.stdout, served.stderr):
        assert STARTUP_RULE_INFO[rule].remedy in said
    refused = level is StartupLevel.REFUSE
    assert (doctor.returncode, served.returncode) == ((1, 3) if refused else (0, 0))
    if rule in MENDED:
        MENDED[rule](place)
    else:
        place.take_away([name for f in place.examine().findings if f.code is rule for name in f.settings])
    assert rule not in place.found()
    # What only warned was seen to start.
    assert not refused or told(place, "serve").returncode == 0
