"""Read, and write statuses into, the spec files below a workspace's `specs/` folder.

A file that did not change (device, inode, size, time) is not read again. A link may point anywhere within the folder
and nowhere out of it: what an agent writes in its workspace must not make the server read other files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from foundry_contracts.models.common import SpecId
from foundry_contracts.vocabulary import NodeStatus, SpecFolder
from foundry_mcp.adapters.json_text import parse_json
from foundry_mcp.adapters.spec_writing import replace_spec
from foundry_mcp.machine.spec_document import SpecReading, read_spec, spec_title, structure_digest
from foundry_mcp.ports import LoadedSpec, SpecEntry, SpecUnavailable

# Where one id lies in two folders, the copy being worked on is meant; no finding code speaks of it.
PREFERENCE = (SpecFolder.ACTIVE, SpecFolder.PENDING, SpecFolder.COMPLETED, SpecFolder.ARCHIVED)
SUFFIX = ".json"
SIZE_LIMIT = 32 * 1024 * 1024
SPEC_ID: TypeAdapter[str] = TypeAdapter(SpecId)

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """Hold what was last read of a file, and the stamp it had."""

    stamp: Stamp
    spec: LoadedSpec


class WorkspaceSpecFiles:
    """Read the specs of one workspace."""

    def __init__(self, workspace: Path) -> None:
        self._folder = workspace / "specs"
        self._folders = {folder: self._folder / folder for folder in SpecFolder}
        self._kept: dict[Path, Kept] = {}
        # Of the ids that were found: where a file of that name may lie, in the order of preference.
        self._places: dict[str, tuple[tuple[SpecFolder, Path], ...]] = {}

    def entries(self) -> list[SpecEntry]:
        """List every spec file, by folder and id."""
        return [self._entry(folder, spec_id) for folder in SpecFolder for spec_id in self._ids(folder)]

    def load(self, spec_id: str) -> LoadedSpec | None:
        """Read a spec by id; None where there is none, SpecUnavailable where it cannot be read."""
        places = self._places.get(spec_id) or self._places_of(spec_id)
        for folder, path in places:
            if _is_there(path):
                self._places[spec_id] = places
                return self._loaded(folder, spec_id, path)
        return None

    def _places_of(self, spec_id: str) -> tuple[tuple[SpecFolder, Path], ...]:
        if not _is_spec_id(spec_id):
            return ()
        return tuple((folder, self._folders[folder] / f"{spec_id}{SUFFIX}") for folder in PREFERENCE)

    def write_statuses(self, spec_id: str, statuses: Mapping[str, NodeStatus]) -> None:
        """Write nodes' statuses into a spec's file, as one atomic replacement; SpecUnavailable where it cannot be."""
        loaded = self.load(spec_id)
        if loaded is None:
            raise SpecUnavailable(f"There is no spec {spec_id!r}.", "Put its file back.")
        if loaded.plan is None:
            raise SpecUnavailable(f"The spec {spec_id!r} is refused as it stands.", "Mend what spec validate names.")
        try:
            replace_spec(self._within(loaded.path), loaded.document, statuses)
        except OSError as error:
            raise SpecUnavailable(
                f"The spec file {loaded.path} cannot be written: {error.strerror or error}.",
                "See that the server's user may write the file and its folder, then send the call again.",
            ) from error

    def _ids(self, folder: SpecFolder) -> list[str]:
        try:
            names = os.listdir(self._folders[folder])
        except OSError:
            return []
        ids = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
        return sorted(spec_id for spec_id in ids if _is_spec_id(spec_id))

    def _entry(self, folder: SpecFolder, spec_id: str) -> SpecEntry:
        try:
            spec = self._loaded(folder, spec_id, self._folders[folder] / f"{spec_id}{SUFFIX}")
        except SpecUnavailable:
            return SpecEntry(spec_id, folder, "")
        return SpecEntry(spec_id, folder, spec_title(spec.document, spec_id))

    def _loaded(self, folder: SpecFolder, spec_id: str, path: Path) -> LoadedSpec:
        kept = self._kept.get(path)
        try:
            # The same file as before lies where it did, by whatever links: it was found to be within the folder then.
            if kept is not None and kept.stamp == _stamp(path.stat()):
                return kept.spec
            data, stamp = _read(self._within(path))
        except OSError as error:
            raise _unavailable(path, error.strerror or str(error)) from error
        spec = _judge(folder, spec_id, path, data)
        self._kept[path] = Kept(stamp, spec)
        return spec

    def _within(self, path: Path) -> Path:
        real, folder = Path(os.path.realpath(path, strict=True)), Path(os.path.realpath(self._folder))
        if not real.is_relative_to(folder):
            raise _unavailable(path, "it is a link that leads out of the specs folder")
        return real


def _is_spec_id(spec_id: str) -> bool:
    try:
        SPEC_ID.validate_python(spec_id)
    except ValidationError:
        return False
    return True


def _is_there(path: Path) -> bool:
    # A link that leads nowhere is there: its spec is unavailable, not unknown.
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unavailable(path, error.strerror or str(error)) from error
    return True


def _unavailable(path: Path, why: str) -> SpecUnavailable:
    message = f"The spec file {path} cannot be read: {why}."
    return SpecUnavailable(message, "Put a readable file back in its place; the session carries on from there.")


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read(path: Path) -> tuple[bytes, Stamp]:
    # The path has no links in it; one put there since is not followed, and a pipe is not waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _unavailable(path, "it is not a regular file")
        if status.st_size > SIZE_LIMIT:
            raise _unavailable(path, f"it is larger than {SIZE_LIMIT} bytes")
        return file.read(), _stamp(status)


def _judge(folder: SpecFolder, spec_id: str, path: Path, data: bytes) -> LoadedSpec:
    text = parse_json(data)
    reading = read_spec(text.value, spec_id) if text.readable else SpecReading(None, ())
    plan = None if text.findings else reading.plan
    digest = "" if plan is None else structure_digest(plan)
    return LoadedSpec(spec_id, folder, path, text.value, plan, digest, text.findings + reading.findings)
