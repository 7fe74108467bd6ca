"""What the generator's tests share: a small foreign contract set, copies of it to edit, and one generation of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import contractgen
from contractgen.cli import main
from tests.generator.library import LIBRARY, Change, Edit, Run

TOOLCHAIN = Path(contractgen.__file__).parent.parent


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """Copy the library's contracts, to be edited."""
    return Path(shutil.copytree(LIBRARY, tmp_path / "contracts"))


@pytest.fixture
def edit(contracts: Path) -> Edit:
    """Give a way to change one contract as JSON."""

    def change(file: str, how: Change) -> None:
        path = contracts / file
        data = json.loads(path.read_text(encoding="utf-8"))
        how(data)
        path.write_text(json.dumps(data, indent=2), encoding="utf-8")

    return change


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate the library once; nobody may change it."""
    out = tmp_path_factory.mktemp("library") / "generated"
    assert main(["generate", "--contracts", str(LIBRARY), "--out", str(out)]) == 0
    return out


@pytest.fixture
def outputs(generated: Path, tmp_path: Path) -> Path:
    """Copy the generated library, to be damaged."""
    return Path(shutil.copytree(generated, tmp_path / "generated"))


@pytest.fixture(scope="session")
def run() -> Run:
    """Give a way to run Python in a process of its own, with the toolchain importable."""

    def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        paths = [str(TOOLCHAIN), *environment.pop("PYTHONPATH", "").split(os.pathsep)]
        joined = os.pathsep.join(path for path in paths if path)
        # What Python would keep beside a module it imports would be a change of what was generated.
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment, "PYTHONPATH": joined}
        return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, check=False)

    return start
