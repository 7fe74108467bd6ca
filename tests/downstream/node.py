"""Node and what the TypeScript client needs, where they can be had; where not, the tests say so and pass over it."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent / "typescript"
PATIENCE_S = 300


@cache
def modules() -> Path:
    """Give the folder of installed packages, installed by hash if it is not what the lock says."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on PATH: the TypeScript client was not tried")
    installed = PROJECT / "node_modules"
    if _packages(installed / ".package-lock.json") != _packages(PROJECT / "package-lock.json"):
        words = ["npm", "ci", "--prefer-offline", "--fetch-retries=0"]
        done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or ["no word"]
            pytest.skip(f"npm ci got no packages, so the TypeScript client was not tried: {said[0]}")
    return installed


def _packages(lock: Path) -> dict[str, object]:
    if not lock.is_file():
        return {}
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {name: (entry["version"], entry["integrity"]) for name, entry in packages.items() if name}


def project(folder: Path, types: Path, name: str) -> Path:
    """Make a TypeScript project that has the packages of the lock and the generated types, and nothing else."""
    (folder / "node_modules").mkdir(parents=True)
    for package in modules().iterdir():
        if not package.name.startswith("."):
            (folder / "node_modules" / package.name).symlink_to(package)
    shutil.copytree(types, folder / "node_modules" / name)
    (folder / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    return folder


STRICT = {
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "module": "nodenext",
    "target": "es2022",
    "lib": ["es2022"],
}


def compiled(folder: Path, *types: str) -> subprocess.CompletedProcess[str]:
    """Type-check and translate the sources of a project; the types they import are checked too."""
    options = {"compilerOptions": {**STRICT, "types": types}}
    (folder / "tsconfig.json").write_text(json.dumps(options), encoding="utf-8")
    words = ["node", str(modules() / "typescript" / "bin" / "tsc"), "-p", "."]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S)


def node(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of a project."""
    return subprocess.run(["node", *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S)
