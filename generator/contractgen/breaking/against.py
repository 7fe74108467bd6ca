"""Find the set to compare with: a lock, a catalog of published schemas, a folder of contracts, or a git revision."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from contractgen import lower
from contractgen.breaking.snapshot import FORMAT, LOCK, snapshot
from contractgen.freshness import SETTINGS_FILE

Json = Any


class NotFound(ValueError):
    """Report that there is nothing to compare with; the message says what to do."""


def find(against: str, contracts: Path, out: Path) -> dict[str, Json]:
    """Read the older set; raise NotFound, or ContractError if its contracts cannot be read."""
    path = Path(against)
    if path.is_file():
        return _file(path)
    if path.is_dir():
        return _folder(path)
    return _revision(against, contracts, out)


def _file(path: Path) -> dict[str, Json]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotFound(
            f"{path} is not JSON ({error}). Name a {LOCK}, a catalog.json, a folder or a revision."
        ) from None
    if isinstance(data, dict) and data.get("format") == FORMAT and "shapes" in data:
        return data
    if isinstance(data, dict) and isinstance(data.get("schemas"), list):
        return _catalog(data, path.parent)
    raise NotFound(f"{path} is neither a {LOCK} nor a catalog of schemas. Name one of these.")


def _catalog(data: dict[str, Json], folder: Path) -> dict[str, Json]:
    """Read what is published: shapes only, so nothing but the shapes is compared."""
    shapes = {}
    for entry in data["schemas"]:
        path = folder / str(entry.get("path"))
        if not path.is_file():
            raise NotFound(f"The catalog names {entry.get('path')}, which is not beside it. Bring the whole folder.")
        shapes[entry["path"]] = {"kind": entry["kind"], "schema": json.loads(path.read_text(encoding="utf-8"))}
    return {"format": FORMAT, "name": data.get("name"), "version": data.get("version", "0"), "shapes": shapes}


def _folder(path: Path) -> dict[str, Json]:
    for below in (path, path / "contracts"):
        if (below / SETTINGS_FILE).is_file():
            return snapshot(lower.load(below))
    for lock in (path / LOCK, path / "generated" / LOCK, path / "catalog.json", path / "schemas" / "catalog.json"):
        if lock.is_file():
            return _file(lock)
    raise NotFound(f"{path} holds no {SETTINGS_FILE}, no {LOCK} and no catalog.json. Name a folder that does.")


def _revision(name: str, contracts: Path, out: Path) -> dict[str, Json]:
    place = contracts.resolve().parent
    if name.startswith("-") or _git(place, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") is None:
        raise NotFound(f"{name} is no file, no folder and no revision that git knows in {place}. Correct the name.")
    if out.resolve().parent == place:
        lock = _git(place, "show", f"{name}:./{out.name}/{LOCK}")
        if lock is not None:
            data = json.loads(lock)
            if data.get("format") == FORMAT:
                return dict(data)
    archive = _git(place, "archive", "--format=tar", name, "--", contracts.name)
    if archive is None:
        raise NotFound(f"{name} holds no {contracts.name}/. Name a revision that has contracts.")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        return snapshot(lower.load(Path(folder) / contracts.name))


def last_release(contracts: Path) -> str | None:
    """Name the nearest tag `v*` that can be reached from here, if there is one."""
    found = _git(contracts.resolve().parent, "describe", "--tags", "--abbrev=0", "--match", "v*")
    return found.decode().strip() if found else None


def _git(place: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", "-C", str(place), *arguments], capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
