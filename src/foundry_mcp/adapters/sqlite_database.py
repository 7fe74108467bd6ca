"""One SQLite database: opened safely, migrated, written by one process at a time.

Writers queue on a `flock` over a separate file before they ask SQLite, whose own busy handler starves waiters. The
database's own files are never opened here but through SQLite: closing such a descriptor would drop SQLite's locks.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Final

import apsw

from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.sqlite_errors import busy, in_port_words
from foundry_mcp.ports import StoreBusy, StoreUnavailable

# From 3.7.0 until this version, SQLite may lose committed writes in WAL mode when two connections meet.
_WAL_IS_SAFE_FROM: Final = (3, 51, 3)
# The wait for the gate and SQLite's own wait follow one another: together they stay below two seconds.
_GATE_WAIT_S: Final = 1.0
_SQLITE_WAIT_MS: Final = 900
_FIRST_PAUSE_S: Final = 0.0005
_LONGEST_PAUSE_S: Final = 0.005

Functions = Mapping[str, Callable[..., str]]
Value = str | int | float | bytes | None
Row = tuple[Value, ...]
"""Functions that migrations call, by the name they have in SQL."""


def journal_mode(sqlite_version: str) -> str:
    """Choose the journal mode an SQLite version can be trusted with."""
    numbers = tuple(int(part) for part in sqlite_version.split(".")[:3])
    return "WAL" if numbers >= _WAL_IS_SAFE_FROM else "DELETE"


def migrations() -> list[str]:
    """Give the migrations' SQL, in order."""
    folder = files("foundry_mcp.adapters.migrations")
    scripts = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [script.read_text(encoding="utf-8") for script in scripts]


class Database:
    """Hold a connection that threads and processes may share; every use waits its turn, and not for long."""

    def __init__(self, path: Path, *, functions: Functions | None = None, sqlite_version: str | None = None) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._functions = functions or {}
        with in_port_words(path):
            self._hold = StoreHold(path)
            try:
                _make_private(path)
                self._file = _identity(path)
                self._gate = os.open(path.with_name(path.name + ".gate"), os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    self._connection = self._opened(sqlite_version or apsw.sqlite_lib_version())
                except BaseException:
                    os.close(self._gate)
                    raise
            except BaseException:
                self._hold.release()
                raise

    def _opened(self, sqlite_version: str) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        try:
            connection.set_busy_timeout(_SQLITE_WAIT_MS)
            for name, function in self._functions.items():
                connection.create_scalar_function(name, function)
            with self._gate_held():
                connection.execute(sql.SET_JOURNAL_MODE.format(mode=journal_mode(sqlite_version)))
                connection.execute(sql.SET_SYNCHRONOUS)
                self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: apsw.Connection) -> None:
        scripts = migrations()
        with _transaction(connection, sql.BEGIN_WRITE):
            present = connection.execute(sql.READ_USER_VERSION).get
            if present > len(scripts):
                raise StoreUnavailable(
                    f"The store {self._path} has version {present}; this server knows versions up to {len(scripts)}.",
                    "Start the newer server that wrote it, or restore a backup made before it was upgraded.",
                )
            for number, script in enumerate(scripts[present:], start=present + 1):
                connection.execute(script)
                connection.execute(sql.SET_USER_VERSION.format(number=number))

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """Give the connection inside a write transaction, committed at the end and undone on any exception."""
        with (
            in_port_words(self._path),
            self._own_turn(),
            self._gate_held(),
        ):
            self.still_there()
            with _transaction(self._connection, sql.BEGIN_WRITE):
                yield self._connection

    def still_there(self) -> None:
        """Refuse to write into a file that nobody could find again."""
        if _identity(self._path) != self._file:
            raise StoreUnavailable(
                f"The store {self._path} was deleted or replaced while this server had it open; nothing is recorded.",
                "Stop every server of this workspace, put the right file there (see foundry-mcp store restore), and"
                " start again.",
            )

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """Give the connection inside a read transaction: all that is read in it is of one moment."""
        with in_port_words(self._path), self._own_turn(), _transaction(self._connection, sql.BEGIN_READ):
            yield self._connection

    def version(self) -> int:
        """Give a number that is another one whenever somebody else has written since it was asked for last."""
        with in_port_words(self._path), self._own_turn():
            found: int = self._connection.execute(sql.READ_DATA_VERSION).get
            return found

    def rows(self, statement: str, values: tuple[Value, ...]) -> list[Row]:
        """Give what one statement reads; it is of one moment by itself, and needs no transaction around it."""
        with in_port_words(self._path), self._own_turn():
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        """Close the connection and the gate; closing twice does nothing more."""
        with self._own_turn():
            if self._gate >= 0:
                self._connection.close()
                os.close(self._gate)
                self._hold.release()
                self._gate = -1

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_GATE_WAIT_S):
            raise busy(self._path)
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _gate_held(self) -> Iterator[None]:
        deadline = time.monotonic() + _GATE_WAIT_S
        pause = _FIRST_PAUSE_S
        while not _try_flock(self._gate):
            if time.monotonic() > deadline:
                raise busy(self._path)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        try:
            yield
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)


class StoreHold:
    """Hold a store as one of its users, or alone, for as long as this lives; the system lets go for a killed process.

    Raises StoreBusy where somebody holds it alone, or, when `alone` is asked for, where anybody holds it.
    """

    def __init__(self, path: Path, *, alone: bool = False) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(path.with_name(path.name + ".held"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise _held(path, alone) from error

    def release(self) -> None:
        """Let go; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _held(path: Path, alone: bool) -> StoreBusy:
    if alone:
        return StoreBusy(f"A server has the store {path} open.", "Stop every server and run of this workspace first.")
    return StoreBusy(f"The store {path} is being restored.", "Start again when that is done.")


def _identity(path: Path) -> tuple[int, int] | None:
    """Give the device and the inode of a file, without opening it: None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_private(path: Path) -> None:
    """Make the folder and the file for their owner only; SQLite gives its side files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


@contextmanager
def _transaction(connection: apsw.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute(sql.COMMIT)
    except BaseException:
        # SQLite has undone the transaction itself after some failures, such as a full disk.
        if connection.in_transaction:
            connection.execute(sql.ROLLBACK)
        raise
