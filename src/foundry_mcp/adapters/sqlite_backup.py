"""Copies of an SQLite store, made and put back by SQLite's own backup, which sees one moment of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.sqlite_archive import open_read_only
from foundry_mcp.adapters.sqlite_database import migrations
from foundry_mcp.adapters.sqlite_errors import in_port_words
from foundry_mcp.adapters.sqlite_locks import StoreHold
from foundry_mcp.adapters.sqlite_log import whole
from foundry_mcp.ports import PortError, StoreUnavailable
from foundry_mcp.whole_files import sync_folder

_ALL_PAGES: Final = -1
_SIDE_FILES: Final = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Copied:
    """Hold what a copy holds."""

    sessions: int
    events: int


def back_up(store: Path, target: Path) -> Copied:
    """Copy a store, servers or not, into one new file for its owner only; PortError where that is there already."""
    if target.exists():
        raise PortError(f"{target} is there already.", "Choose another name: a backup replaces nothing.")
    with _copied(store, target) as (aside, copied), in_port_words(target):
        os.replace(aside, target)
        sync_folder(target.parent)
    return copied


def restore(store: Path, source: Path, moment: str) -> tuple[Copied, Path | None]:
    """Put a copy in a store's place and give where the store that was there lies now.

    StoreBusy where a server has the store open; StoreUnavailable where the copy is none, and nothing is changed.
    """
    with in_port_words(store):
        hold = StoreHold(store, alone=True)
    try:
        with _copied(source, store) as (aside, copied), in_port_words(store):
            before = _set_aside(store, store.with_name(f"{store.name}.before-restore-{moment}"))
            try:
                os.replace(aside, store)
            except BaseException:
                if before is not None:
                    _set_aside(before, store)
                raise
            sync_folder(store.parent)
    finally:
        hold.release()
    return copied, before


@contextmanager
def _copied(source: Path, target: Path) -> Iterator[tuple[Path, Copied]]:
    """Give a sound copy of a store beside where it is to lie; it is gone afterwards unless it was moved there."""
    aside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with in_port_words(source):
            origin = open_read_only(source)
        try:
            with in_port_words(source):
                _check_known(source, origin)
            with in_port_words(target):
                yield aside, _copy(origin, aside)
        finally:
            origin.close()
    finally:
        for ending in _SIDE_FILES:
            with suppress(FileNotFoundError):
                os.unlink(f"{aside}{ending}")


def _check_known(path: Path, origin: apsw.Connection) -> None:
    present, known = origin.execute(sql.READ_USER_VERSION).get, len(migrations())
    if not 0 < present <= known:
        raise StoreUnavailable(
            f"{path} has version {present}; this program knows versions 1 to {known} of a store.",
            "Name a store of foundry-mcp, and use a program at least as new as the one that wrote it.",
        )


def _copy(origin: apsw.Connection, target: Path) -> Copied:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    copy = apsw.Connection(str(target))
    try:
        with copy.backup("main", origin, "main") as backup:
            backup.step(_ALL_PAGES)
        # One file and nothing beside it, which can be moved about and read where nothing may be written.
        copy.execute(sql.SET_JOURNAL_MODE.format(mode="DELETE"))
        found = str(copy.execute(sql.QUICK_CHECK).get)
        if found != "ok":
            raise StoreUnavailable(f"The store is damaged: {found}.", "Use a backup that was made before.")
        sessions, events = copy.execute(sql.COUNT_STORE).fetchall()[0]
    finally:
        copy.close()
    with target.open("rb") as file:
        os.fsync(file.fileno())
    return Copied(whole(sessions), whole(events))


def _set_aside(store: Path, place: Path) -> Path | None:
    """Move a store with what SQLite keeps beside it; None where there is none."""
    if not store.exists():
        return None
    for ending in _SIDE_FILES:
        with suppress(FileNotFoundError):
            os.rename(f"{store}{ending}", f"{place}{ending}")
    return place
