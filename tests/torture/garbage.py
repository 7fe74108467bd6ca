"""Requests that no client should send, by the thousand: each is answered, nothing changes, and the server lives."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from foundry_contracts.dispatch import ALIASES, COMMANDS, CommandEntry
from foundry_contracts.vocabulary import Role
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.adapters.state_folder import state_folder
from foundry_mcp.adapters.system import SystemClock
from foundry_mcp.adapters.tokens import TokenFile
from foundry_mcp.application import validation
from tests.adapters.batches import listed
from tests.driving import Json, check, spec, task
from tests.stdio_server import environment
from tests.torture.lives import Life, load

SPEC = "a-spec"
_REAL = "a real one"
_DEEP = 200_000
_LONG = 10_000_000
_EVERY = 5_000
_TEXTS = (
    "",
    " ",
    "\0",
    "\ud800",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "..",
    "ses_",
    "x" * 5_000,
    "💥" * 300,
    "null",
    "{}",
    "-1",
)
_NUMBERS = (0, -1, 1.5, 2**63, -(2**70), 1e308, float("nan"), float("inf"), True)
_OTHERS: tuple[Any, ...] = (None, [], {}, [[[[]]]], {"id": {"id": []}}, [None] * 50)


@dataclass
class Answers:
    """Count what requests were answered with; times are in seconds."""

    codes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def lines(self) -> Iterator[str]:
        """Tell it."""
        yield f"garbage: {self.codes.total()} requests, each answered; the slowest in {self.slowest:.2f} s"
        for code, count in self.codes.most_common():
            yield f"  {count:6}  {code}"


class Garbage:
    """Hold one server with one session, and chance."""

    def __init__(self, folder: Path, seed: int) -> None:
        load()
        self._chance = Random(seed)
        workspace = folder / "workspace"
        (workspace / "specs" / "active").mkdir(parents=True)
        document = spec(SPEC, [task("t1"), check("v1", command="true")], [task("t2")])
        (workspace / "specs" / "active" / f"{SPEC}.json").write_text(json.dumps(document))
        environ = environment(folder / "state")
        state = state_folder(workspace, environ)
        # A maintainer, so that what refuses a request is what is wrong with it and not who sends it.
        environ["FOUNDRY_MCP_TOKEN"] = TokenFile(state, SystemClock()).add("tester", Role.MAINTAINER)
        self._store = state / "store.sqlite3"
        self._life = Life(workspace, environ).begin()
        self._session = self._call("task", {"action": "session", "command": "start", "spec_id": SPEC})["session"][
            "session_id"
        ]
        step = self._call("task", {"action": "session-step", "command": "next", "session_id": self._session})["step"]
        self._result = step["report_call"]["params"]["result"]
        self.answers = Answers()

    def run(self, requests: int) -> None:
        """Send so many requests, a few of them huge; then see that all is as it was."""
        before = self._recorded()
        for number in range(requests):
            self._ask(self._huge() if number % _EVERY == 0 else self._line(number))
        assert self._recorded() == before, "a request that was refused changed something"
        status = self._call("task", {"action": "session", "command": "status", "session_id": self._session})
        assert status["session"]["status"] == "running"
        self._life.end()

    def _ask(self, line: bytes) -> None:
        begun = time.monotonic()
        self._life.send_line(line)
        answer = self._life.answer()
        self.answers.slowest = max(self.answers.slowest, time.monotonic() - begun)
        if "error" in answer:
            self.answers.codes[f"protocol error {answer['error']['code']}"] += 1
            return
        envelope = answer["result"]["structuredContent"]
        assert not envelope["success"], (line[:300], envelope)
        assert envelope["data"]["error_code"] != "INTERNAL_ERROR", (line[:300], envelope)
        assert len(json.dumps(envelope)) < 20_000, "an answer is as large as what was asked"
        self.answers.codes[envelope["data"]["error_code"]] += 1

    def _call(self, tool: str, arguments: Json) -> Json:
        self._life.send(tool, arguments)
        envelope: Json = json.loads(self._life.text())
        assert envelope["success"], envelope
        data: Json = envelope["data"]
        return data

    def _recorded(self) -> Any:
        store = SqliteStore(self._store, FileSigner(self._store.parent).mac)
        try:
            return [(row, store.log(row.session_id)) for row in listed(store)]
        finally:
            store.close()

    def _line(self, number: int) -> bytes:
        """Give a request that its command's contract refuses."""
        while True:
            tool, arguments, refused = self._arguments()
            if refused:
                break
        request = {"jsonrpc": "2.0", "id": number + 10, "method": "tools/call"}
        return json.dumps(request | {"params": {"name": tool, "arguments": arguments}}).encode()

    def _arguments(self) -> tuple[str, Json, bool]:
        entry = self._chance.choice(list(COMMANDS.values()))
        words: Json = {"action": entry.action} | ({"command": entry.command} if entry.command else {})
        alias = next((alias for alias in ALIASES.values() if alias.command_name == entry.name), None)
        if alias is not None and self._chance.random() < 0.3:
            words = {"action": alias.action}
        params = self._spoilt(entry)
        if self._chance.random() < 0.05:
            words[self._chance.choice(list(words))] = self._value()
            return entry.tool, {**params, **words}, True
        return entry.tool, {**params, **words}, _is_refused(entry, params)

    def _spoilt(self, entry: CommandEntry) -> Json:
        properties = validation._document(entry.request_schema)["properties"]
        params: Json = {name: self._good(name) for name in properties if self._chance.random() < 0.6}
        for _ in range(self._chance.randint(1, 3)):
            name = self._chance.choice([*properties, "no_such", "sesion_id", "\0", "spec_id "])
            params[name] = self._value()
        result = params.get("result")
        if isinstance(result, dict) and self._chance.random() < 0.8:
            params["result"] = {**result, self._chance.choice([*result, "extra"]): self._value()}
        return params

    def _good(self, name: str) -> Any:
        known = {"session_id": self._session, "spec_id": SPEC, "result": self._result, "last_step_result": self._result}
        return known.get(name, self._value())

    def _value(self) -> Any:
        kind = self._chance.random()
        if kind < 0.5:
            return self._chance.choice(_TEXTS)
        if kind < 0.75:
            return self._chance.choice(_NUMBERS)
        return self._chance.choice(_OTHERS)

    def _huge(self) -> bytes:
        """Give a request too deep, too long or too large a number to be meant."""
        start = (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"task",'
            b'"arguments":{"action":"session","command":"start","spec_id":'
        )
        huge = (
            b"[" * _DEEP + b"]" * _DEEP,
            b'"' + b"x" * _LONG + b'"',
            b"9" * 5_000,
            b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
            b'"' + b"\\u0000" * 100_000 + b'"',
        )
        return start + self._chance.choice(huge) + b"}}}"


def _is_refused(entry: CommandEntry, params: Json) -> bool:
    """Tell whether parameters do not hold to the contract, as nulls count as absent and text is read as an object."""
    given = {name: value for name, value in params.items() if value is not None}
    if any(isinstance(value, str) and value.startswith("{") for value in given.values()):
        return False
    try:
        text = json.dumps(given, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        return True
    return bool(validation.request_problems(entry, given))
