"""Servers that live short lives: forked from a process that has everything loaded, and killed as a test says.

A life may be given a fuse: the statement, counted from its birth, before which it kills itself as the system would. So
a kill falls inside a transaction as often as wanted, and the name of the statement tells where.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import apsw

from foundry_mcp.adapters import sqlite_statements
from foundry_mcp.adapters.sqlite_database import Database
from tests.driving import Json

PATIENCE_S = 60
_MANY = 1024
_NAMES = {text: name for name, text in vars(sqlite_statements).items() if name.isupper() and isinstance(text, str)}
_OPENING = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
    }
)


class Died(Exception):
    """Report that a server ended before it answered."""


class Life:
    """Hold one server process and the only client's end of its wire."""

    def __init__(self, workspace: Path, environ: Mapping[str, str], fuse: int | None = None) -> None:
        ours, theirs = socket.socketpair()
        said, saying = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _live(workspace, environ, theirs, saying, fuse)
        theirs.close()
        os.close(saying)
        self._wire, self._said = ours, said
        self._file = ours.makefile("rb")
        self._number = 0
        self.failpoint: str | None = None
        self._over = False

    def begin(self) -> Self:
        """Shake hands; raise Died where it does not come to that."""
        self.send_line(_OPENING.encode())
        self.answer()
        self.send_line(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        return self

    def send(self, tool: str, arguments: Json) -> None:
        """Send a call; raise Died where nobody takes it."""
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": "tools/call"}
        request |= {"params": {"name": tool, "arguments": arguments}}
        self.send_line(json.dumps(request).encode())

    def send_line(self, line: bytes) -> None:
        """Send a line; raise Died where nobody takes it."""
        try:
            self._wire.sendall(line + b"\n")
        except ConnectionError as problem:
            raise Died from problem

    def text(self) -> str:
        """Give the text that answers a call; raise Died where none comes."""
        text: str = self.answer()["result"]["content"][0]["text"]
        return text

    def answer(self) -> Json:
        """Give the line that answers; raise Died where none comes."""
        ready, _, _ = select.select([self._wire], [], [], PATIENCE_S)
        assert ready, "the server lives and does not answer"
        try:
            answer = self._file.readline()
        except ConnectionError as problem:
            raise Died from problem
        if not answer.endswith(b"\n"):
            raise Died
        document: Json = json.loads(answer)
        return document

    def kill(self) -> None:
        """Kill it at once, wherever it is."""
        os.kill(self._pid, signal.SIGKILL)

    def bury(self) -> None:
        """Wait until it has ended, and learn where its fuse ran out, if it did; burying twice does nothing more."""
        if self._over:
            return
        self._over = True
        self._file.close()
        self._wire.close()
        os.waitpid(self._pid, 0)
        self.failpoint = os.read(self._said, 100).decode() or None
        os.close(self._said)

    def end(self) -> None:
        """Let it end by closing its wire."""
        self._wire.shutdown(socket.SHUT_WR)
        self.bury()


def _live(workspace: Path, environ: Mapping[str, str], wire: socket.socket, saying: int, fuse: int | None) -> None:
    """Be the server, in the child."""
    from foundry_mcp.cli.main import main

    status = 1
    try:
        # What the parent holds of other lives would keep their wires open when both ends are gone.
        first, last = sorted((wire.fileno(), saying))
        os.closerange(3, first)
        os.closerange(first + 1, last)
        os.closerange(last + 1, _MANY)
        os.environ.clear()
        os.environ.update(environ)
        os.dup2(wire.fileno(), 0)
        os.dup2(wire.fileno(), 1)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)
        if fuse is not None:
            _light(fuse, saying)
        status = main(["serve", "--workspace", str(workspace)])
    finally:
        # Nothing of the parent's, its test runner least of all, is to be ended here.
        os._exit(status)


def _light(fuse: int, saying: int) -> None:
    """Have every connection count its statements down, and kill the process before the last."""
    left = fuse
    opened: Callable[[Database, str], apsw.Connection] = Database._opened

    def trace(cursor: Any, statement: str, bindings: Any) -> bool:
        nonlocal left
        left -= 1
        if left <= 0:
            connection = cursor if isinstance(cursor, apsw.Connection) else cursor.get_connection()
            where = "in a transaction" if connection.in_transaction else "between transactions"
            os.write(saying, f"{_NAMES.get(statement, 'another statement')} {where}".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def opened_with_trace(database: Database, sqlite_version: str) -> apsw.Connection:
        connection = opened(database, sqlite_version)
        connection.set_exec_trace(trace)
        return connection

    setattr(Database, opened.__name__, opened_with_trace)


def load() -> None:
    """Load what a server loads, so that its lives begin with it."""
    import foundry_mcp.bootstrap
    import foundry_mcp.surface.server
    import foundry_mcp.surface.stdio

    for needed in (foundry_mcp.bootstrap, foundry_mcp.surface.server, foundry_mcp.surface.stdio):
        assert needed.__name__ in sys.modules
