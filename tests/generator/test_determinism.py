"""The same contracts give the same bytes, whatever the hash seed, locale, time zone, folder or Python, and offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.generator.conftest import TOOLCHAIN
from tests.generator.library import LIBRARY, Run

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
PATIENCE_S = 300
# Laid on the path as sitecustomize, it lets nothing in the process name or reach a host.
NO_NETWORK = """
import socket
def refuse(*arguments, **more):
    raise OSError("the network is cut")
socket.getaddrinfo = refuse
socket.socket.connect = refuse
socket.socket.connect_ex = refuse
"""


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def cut(tmp_path: Path) -> str:
    """Give a folder that cuts the network for a process that has it on its path."""
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")
    return str(tmp_path / "cut")


def test_the_network_is_cut_where_a_test_cuts_it(cut: str, run: Run) -> None:
    done = run("-c", "import urllib.request; urllib.request.urlopen('http://localhost:9')", PYTHONPATH=cut)
    assert "the network is cut" in done.stderr


@pytest.mark.parametrize(
    ("seed", "locale", "zone", "folder"),
    [
        ("0", "C", "UTC", "here"),
        ("1", "C.UTF-8", "Asia/Kathmandu", "elsewhere, with blanks"),
        ("4242", "tr_TR.UTF-8", "UTC", "elsewhere, with blanks"),
        ("7", "C", "Asia/Kathmandu", "here"),
    ],
)
def test_generation_is_the_same_over_seeds_locales_zones_and_folders_without_a_network(
    generated: Path, tmp_path: Path, run: Run, cut: str, seed: str, locale: str, zone: str, folder: str
) -> None:
    contracts = shutil.copytree(LIBRARY, tmp_path / folder / "contracts")
    out = tmp_path / "out"
    arguments = ["-m", "contractgen", "generate", "--contracts", str(contracts), "--out", str(out)]
    done = run(*arguments, PYTHONHASHSEED=seed, LC_ALL=locale, LANG=locale, TZ=zone, PYTHONPATH=cut)
    assert done.returncode == 0, done.stderr
    assert tree(out) == tree(generated)


def environment_of(version: str, folder: Path) -> Path:
    """Make an environment of another Python with the pinned packages; pass over it, in words, where there is none."""
    name = f"python{version}"
    found = shutil.which(name)
    works = found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0
    uv = shutil.which("uv", path=f"{ROOT / '.tools' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    if not works or uv is None:
        pytest.skip(f"{name if not works else 'uv'} is not on PATH: generation under {name} was not tried")
    made = [uv, "venv", "--quiet", "--no-project", "--python", str(found), str(folder)]
    subprocess.run(made, check=True, capture_output=True, timeout=PATIENCE_S)
    sync = [uv, "pip", "sync", "--quiet", "--python", str(folder / "bin" / "python"), "--require-hashes", "--no-build"]
    # What was fetched before is used without asking the network, as the recipe `setup` does.
    for how in (["--offline"], []):
        words = [*sync, *how, str(ROOT / "requirements.txt")]
        if subprocess.run(words, capture_output=True, timeout=PATIENCE_S).returncode == 0:
            return folder / "bin" / "python"
    pytest.skip(f"the packages for {name} could not be had: generation under it was not tried")


@pytest.mark.parametrize("version", [v for v in PYTHONS if v != f"{sys.version_info[0]}.{sys.version_info[1]}"])
def test_generation_is_the_same_under_another_python(generated: Path, tmp_path: Path, version: str) -> None:
    python = environment_of(version, tmp_path / "environment")
    words = [str(python), "-m", "contractgen", "generate", "--contracts", str(LIBRARY), "--out", str(tmp_path / "out")]
    env = {**os.environ, "PYTHONPATH": str(TOOLCHAIN), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "out") == tree(generated)
