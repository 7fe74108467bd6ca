"""Where the guarded places of a workspace lie, and which of them a path means."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from foundry_contracts.tables import GUARDED_AGENT_INFO, GUARDED_PLACE_INFO
from foundry_contracts.vocabulary import GuardAccess, GuardBase, GuardedPlace, GuardReason
from foundry_mcp.guard.repository import shared_folder
from foundry_mcp.guard.shell_words import ANY, ONE, STAR, is_open
from foundry_mcp.guard.verdict import Refused
from foundry_mcp.places import home_folder, outside_settings, product_folder

_REASONS: Final = {
    GuardAccess.READ: GuardReason.PLACE_READ_ONLY,
    GuardAccess.NONE: GuardReason.PLACE_HIDDEN,
}
# A command's own: in the guard itself they lead to the guard's, as files of a process.
_OWN_STREAMS: Final = frozenset({"/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/0", "/dev/fd/1", "/dev/fd/2"})
_PARTS: Final = re.compile(r"[=:,@]|file://")


class Relation(Enum):
    """How a path lies to a place: in it or it, around it, or neither."""

    INSIDE = 1
    AROUND = 2
    APART = 3


@dataclass(frozen=True, slots=True)
class Spot:
    """Hold one path of a place; it may have marks for what is open."""

    place: GuardedPlace
    path: str

    @property
    def access(self) -> GuardAccess:
        """Say what a loop may do there."""
        return GUARDED_PLACE_INFO[self.place].access


def spots_of(workspace: Path, environ: Mapping[str, str]) -> tuple[Spot, ...]:
    """List the paths of every place: as they are written, and where a link leads elsewhere, as that too."""
    found: dict[Spot, None] = {}
    for place, known in GUARDED_PLACE_INFO.items():
        for path in _paths(known.base, known.paths, workspace, environ):
            found[Spot(place, path.replace("*", STAR))] = None
            if "*" not in path:
                found[Spot(place, os.path.realpath(path))] = None
    return tuple(found)


def _paths(base: GuardBase, paths: Sequence[str], workspace: Path, environ: Mapping[str, str]) -> Iterator[str]:
    if base is GuardBase.WORKSPACE:
        yield from (os.path.join(workspace, path) for path in paths)
    elif base is GuardBase.REPOSITORY:
        yield from (os.path.join(shared_folder(workspace), path) for path in paths)
    elif base is GuardBase.AGENTS:
        yield from (os.path.join(workspace, path) for info in GUARDED_AGENT_INFO.values() for path in info.files)
    elif base is GuardBase.HOME:
        yield from (os.path.join(home_folder(environ), path) for path in paths)
    elif base is GuardBase.STATE:
        yield str(product_folder(environ))
    elif base is GuardBase.SETTINGS:
        yield from (str(path.parent) for path in outside_settings(environ))
    else:
        yield from paths


class Protected:
    """Judge paths that a loop in a workspace names."""

    def __init__(self, workspace: Path, environ: Mapping[str, str]) -> None:
        self.spots = spots_of(workspace, environ)
        self._home = os.path.realpath(home_folder(environ))

    def hold_read(self, text: str, folders: Sequence[str]) -> None:
        """Refuse a word that means what may not be seen."""
        self._hold(text, folders, [GuardAccess.NONE], around=False)

    def hold_named(self, text: str, folders: Sequence[str]) -> None:
        """Refuse a word that means a guarded place, where it cannot be told what is done with it.

        Of a word that is open only the folder counts that it begins with; a folder that is open does not count.
        """
        folders = [folder for folder in folders if ANY not in folder]
        for part in _candidates(text):
            known = part.partition(ANY)[0].rpartition("/")[0] if ANY in part else part
            if known:
                self._hold(known, folders, list(GuardAccess), around=False)

    def hold_write(self, text: str, folders: Sequence[str]) -> None:
        """Refuse a path to be written that is open, means a guarded place, or has one below it."""
        if ANY in text:
            raise Refused(GuardReason.NOT_UNDERSTOOD, "a path to write that is not written out")
        self._hold(text, folders, list(GuardAccess), around=True)

    def hold_put(self, sources: Sequence[str], target: str, folders: Sequence[str]) -> None:
        """Refuse to copy or move files into a folder, under their own names, or to a path, where that is guarded."""
        names = [os.path.basename(source) for source in sources]
        into = not is_open(target) and all(os.path.isdir(os.path.join(folder, target)) for folder in folders)
        if names and into and not {"", ".", ".."} & {*names}:
            for name in names:
                self.hold_write(os.path.join(target, name), folders)
        else:
            self.hold_write(target, folders)

    def _hold(self, text: str, folders: Sequence[str], accesses: Sequence[GuardAccess], *, around: bool) -> None:
        for part in (each for each in _candidates(text) if each not in _OWN_STREAMS):
            for path in (each for folder in folders for each in _absolute(part, folder)):
                for spot in self.spots:
                    if spot.access in accesses and self._meets(path, spot, around=around):
                        says = "means" if relation(path, spot.path) is Relation.INSIDE else "holds"
                        raise Refused(_REASONS[spot.access], f"{_shown(part)} {says} {spot.place.value}")

    def _meets(self, path: str, spot: Spot, *, around: bool) -> bool:
        found = relation(path, spot.path)
        if found is Relation.AROUND and not around and spot.access is GuardAccess.NONE:
            # A folder around it, but not one that everything else lies in too.
            inner = path != self._home and not is_open(path)
            return inner and os.path.commonpath([self._home, path]) == self._home
        return found is Relation.INSIDE or (found is Relation.AROUND and around)


def relation(path: str, spot: str) -> Relation:
    """Tell how a path lies to a place; both are absolute, and what is open in them may be anything."""
    names, places = path.casefold().split("/"), spot.casefold().split("/")
    for name, place in zip(names, places, strict=False):
        if ANY in name:
            return Relation.INSIDE if _can_be(name.partition(ANY)[0] + ANY, place) else Relation.APART
        if not _can_be(name, place) and not _can_be(place, name):
            return Relation.APART
    return Relation.INSIDE if len(names) >= len(places) else Relation.AROUND


def _can_be(pattern: str, name: str) -> bool:
    if not is_open(pattern):
        return pattern == name
    made = "".join({STAR: "*", ANY: "*", ONE: "?"}.get(char, glob.escape(char)) for char in pattern)
    # A wildcard leaves hidden names out, unless the shell is told otherwise, which it may be.
    return fnmatch.fnmatchcase(name, made)


def _candidates(text: str) -> list[str]:
    """List what of a word may be a path: all of it, and what stands after a sign or an option's letter."""
    parts = [text, *_PARTS.split(text)]
    if text.startswith("-"):
        parts.append(text[2:])
    return list(dict.fromkeys(part for part in parts if part))


def _absolute(text: str, folder: str) -> Iterator[str]:
    """Give a path as it is written, and as its links have it as far as they can be followed."""
    joined = os.path.normpath(os.path.join(folder, text))
    yield joined
    if not is_open(joined):
        yield os.path.realpath(os.path.join(folder, text))
        return
    names = joined.split("/")
    first = next(number for number, name in enumerate(names) if is_open(name))
    yield os.path.join(os.path.realpath("/".join(names[:first]) or "/"), *names[first:])


def _shown(text: str) -> str:
    for mark, sign in ((STAR, "*"), (ONE, "?"), (ANY, "…")):
        text = text.replace(mark, sign)
    return repr(text if len(text) <= 80 else f"{text[:80]}…")
