"""What a server on pipes does with lines that are no requests, with floods, and with ends that close."""

from __future__ import annotations

import json
import select
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import types
from mcp.shared.message import SessionMessage

from foundry_mcp.surface.stdio import LONGEST_LINE
from foundry_mcp.surface.wire import read_line
from tests.driving import Json
from tests.stdio_server import command_line, environment

LISTING = {"name": "task", "arguments": {"action": "session", "command": "list"}}
SHAKE = {
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
}


PATIENCE_S = 30


def request(number: int | str, method: str = "tools/call", params: Any = LISTING) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


class Piped:
    """Hold a server on pipes."""

    def __init__(self, folder: Path) -> None:
        (folder / "workspace" / "specs").mkdir(parents=True)
        self.process = subprocess.Popen(
            command_line(folder / "workspace"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment(folder / "state"),
        )
        assert "result" in self.ask(request(0, **SHAKE))  # type: ignore[arg-type]

    def ask(self, line: bytes) -> Json:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()
        assert select.select([self.process.stdout], [], [], PATIENCE_S) != ([], [], []), "no answer came"
        answer: Json = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Piped]:
    piped = Piped(tmp_path)
    yield piped
    assert piped.process.poll() is None, "the server died"
    assert "success" in piped.ask(request("still there"))["result"]["structuredContent"]
    _, said = piped.process.communicate(timeout=30)
    assert (piped.process.returncode, said) == (0, b"")


def nested(depth: int) -> bytes:
    return b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"x":' + b"[" * depth + b"]" * depth + b"}}\n"


UNREADABLE = {
    "words": (b"hello\n", None),
    "half a request": (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{\n', 7),
    "a lone surrogate": (
        rb'{"jsonrpc":"2.0","id":"a-b","method":"tools/call","params":{"id":1,"name":"\ud800"}}' + b"\n",
        "a-b",
    ),
    "an id behind the fault": (rb'{"params":{"name":"\udc00","id":3},"id": 8,"jsonrpc":"2.0","method":"m"}' + b"\n", 8),
    "deep arrays": (nested(200_000), 7),
    "bytes that are no text": (b'{"jsonrpc":"2.0","id":7,"method":"\xff\xfe"}\n', 7),
    "an id that cannot be given back": (rb'{"jsonrpc":"2.0","id":"\ud800","method":"m"}' + b"\n", None),
}


@pytest.mark.parametrize(("line", "number"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_line_that_is_no_json_is_answered_with_its_id_where_that_can_be_told(line: bytes, number: Any) -> None:
    answer = read_line(line)
    assert isinstance(answer, types.JSONRPCError)
    assert (answer.id, answer.error.code) == (number, types.PARSE_ERROR)


def test_lines_that_are_no_requests_are_each_answered_once_and_the_server_lives(server: Piped) -> None:
    for line, number in UNREADABLE.values():
        answer = server.ask(line)
        assert (answer["id"], answer["error"]["code"]) == (number, types.PARSE_ERROR)
        assert len(answer["error"]["message"]) < 500
    for line in (b"[]\n", b"5\n", b'{"jsonrpc":"2.0","id":[],"method":"m"}\n'):
        assert server.ask(line)["error"]["code"] == types.INVALID_REQUEST


def test_numbers_and_strings_of_any_length_are_answered_by_the_contract(server: Piped) -> None:
    long = {"action": "session", "command": "start", "spec_id": "x" * 10_000_000}
    answer = server.ask(request(1, params={"name": "task", "arguments": long}))["result"]["structuredContent"]
    assert answer["data"]["error_code"] == "VALIDATION_ERROR"
    assert len(json.dumps(answer)) < 5_000
    digits = request(2).replace(b'"list"', b"9" * 5_000)
    refused = server.ask(digits)
    assert refused["id"] == 2
    assert refused["result"]["isError"] if "result" in refused else refused["error"]["code"] == types.PARSE_ERROR


def test_a_line_longer_than_is_read_is_passed_over_whole(server: Piped) -> None:
    answer = server.ask(b'{"id":1,"params":"' + b"x" * LONGEST_LINE + b'"}\n')
    assert (answer["id"], answer["error"]["code"]) == (None, types.INVALID_REQUEST)


def test_blank_lines_ask_nothing(server: Piped) -> None:
    assert server.ask(b"\n  \n" + request(3))["id"] == 3


def test_a_key_named_id_further_in_is_not_taken_for_the_requests_own() -> None:
    notification = b'{"jsonrpc":"2.0","method":"notifications/initialized","params":{"id":"id","x":["id"]}}\n'
    assert isinstance(read_line(notification), SessionMessage)
    assert isinstance(read_line(notification.replace(b'"params"', b'"id":1.5,"params"')), types.JSONRPCError)


def test_a_client_that_reads_no_more_ends_its_server_without_a_traceback(tmp_path: Path) -> None:
    process = Piped(tmp_path).process
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.close()
    process.stdin.write(request(1) * 50)
    process.stdin.close()
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read()
    process.wait(timeout=30)
    assert (process.returncode, said) == (0, b"")


def test_a_socket_that_is_both_ends_serves_as_two_pipes_do(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("rwb", buffering=0) as wire:
        words, environ = command_line(tmp_path / "workspace"), environment(tmp_path / "state")
        process = subprocess.Popen(words, stdin=theirs.fileno(), stdout=theirs.fileno(), env=environ)
        theirs.close()
        for number, line in enumerate((request(0, **SHAKE), request(1), request(2))):  # type: ignore[arg-type]
            wire.write(line)
            assert json.loads(wire.readline())["id"] == number
        ours.shutdown(socket.SHUT_WR)
        assert process.wait(timeout=PATIENCE_S) == 0


def test_a_file_is_read_and_a_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    # One request: at the end of its input a server answers no longer what it has not answered yet.
    (tmp_path / "in").write_bytes(request(0, **SHAKE))  # type: ignore[arg-type]
    with open(tmp_path / "in", "rb") as asked, open(tmp_path / "out", "wb") as told:
        words = command_line(tmp_path / "workspace")
        done = subprocess.run(words, stdin=asked, stdout=told, env=environment(tmp_path / "state"), timeout=60)
    assert done.returncode == 0
    assert json.loads((tmp_path / "out").read_text())["id"] == 0
