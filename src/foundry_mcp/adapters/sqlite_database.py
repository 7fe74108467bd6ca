"""One SQLite database: opened safely, migrated, written by one process at a time.

Writers pass a gate before they ask SQLite, whose own busy handler starves waiters. The database's own files are never
opened here but through SQLite: closing such a descriptor would drop SQLite's locks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Final

import apsw

from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.sqlite_errors import in_port_words
from foundry_mcp.adapters.sqlite_locks import Gate, StoreHold, Turn
from foundry_mcp.ports import StoreUnavailable

# From 3.7.0 until this version, SQLite may lose committed writes in WAL mode when two connections meet.
_WAL_IS_SAFE_FROM: Final = (3, 51, 3)
# It follows the wait for the gate: together they stay below two seconds.
_SQLITE_WAIT_MS: Final = 900

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
        self._turn = Turn(path)
        self._closed = False
        self._functions = functions or {}
        with in_port_words(path):
            self._hold = StoreHold(path)
            try:
                _make_private(path)
                self._file = _identity(path)
                self._gate = Gate(path)
                try:
                    self._connection = self._opened(sqlite_version or apsw.sqlite_lib_version())
                except BaseException:
                    self._gate.close()
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
            with self._gate:
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
        with self._turn, self._gate:
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
        with self._turn, _transaction(self._connection, sql.BEGIN_READ):
            yield self._connection

    def version(self) -> int:
        """Give a number that is another one whenever somebody else has written since it was asked for last."""
        with self._turn:
            found: int = self._connection.execute(sql.READ_DATA_VERSION).get
            return found

    def rows(self, statement: str, values: tuple[Value, ...]) -> list[Row]:
        """Give what one statement reads; it is of one moment by itself, and needs no transaction around it."""
        with self._turn:
            return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        """Close the connection and the gate; closing twice does nothing more."""
        with self._turn:
            if not self._closed:
                self._closed = True
                self._connection.close()
                self._gate.close()
                self._hold.release()


def _identity(path: Path) -> tuple[int, int] | None:
    """Give the device and the inode of a file, without opening it: None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


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
