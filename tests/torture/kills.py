"""Reports and verifications sent to servers that are killed while they answer, and what has to hold of it all."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from foundry_contracts.vocabulary import ErrorCode, EventType, LoopSignal, Outcome, RunState, StepType
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.sqlite_store import SqliteStore
from tests.adapters.batches import listed
from tests.driving import Json, check, parameters, spec, task
from tests.outside import user_config
from tests.stdio_server import environment
from tests.torture.lives import Died, Life, load

# Statements a life executes before its fuse runs out: from its very first to well into its work.
_SHORTEST_FUSE, _LONGEST_FUSE = 5, 160
_LONGEST_WAIT_S = 0.05
_UNITS = [task(f"t{number}", *([f"t{number - 1}"] if number % 3 else [])) for number in range(9)]
_CHECKS = [check(f"v{number}", command="true") for number in range(3)]


@dataclass
class Tally:
    """Count what was done, and what it did."""

    killed: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    resent: int = 0
    raced: int = 0
    acknowledged: int = 0
    specs: int = 0

    @property
    def kills(self) -> int:
        """Give how many servers were killed."""
        return self.killed.total()

    @property
    def in_transactions(self) -> int:
        """Give how many of them inside a transaction."""
        return sum(count for where, count in self.killed.items() if where.endswith("in a transaction"))

    def lines(self) -> Iterator[str]:
        """Tell it."""
        yield (
            f"torture: {self.kills} kills ({self.in_transactions} inside a transaction), {self.specs} specs,"
            f" {self.calls} calls ({self.raced} raced), {self.acknowledged} acknowledged reports,"
            f" {self.resent} of them sent again"
        )
        for where, count in self.killed.most_common():
            yield f"  {count:6}  {where}"


class Torture:
    """Drive specs to their ends through servers of one store that keep dying."""

    def __init__(self, folder: Path, seed: int, servers: int = 1) -> None:
        load()
        self._chance = Random(seed)
        self._workspace = folder / "workspace"
        (self._workspace / "specs" / "active").mkdir(parents=True)
        self._state = folder / "state"
        user_config(folder, "[session_defaults]\nmax_tasks = 1000\n")
        self._environ = environment(self._state)
        self._lives: list[Life | None] = [None] * servers
        self._kept: dict[str, tuple[str, Json, str]] = {}
        self.tally = Tally()

    def run(self, enough: Callable[[Tally], bool]) -> None:
        """Drive one spec after another until it is enough; then check the whole store."""
        while not enough(self.tally):
            self._drive(f"spec-{self.tally.specs}", enough)
            self.tally.specs += 1
        for life in self._lives:
            if life is not None:
                life.end()
        self._check()

    def _drive(self, spec_id: str, enough: Callable[[Tally], bool]) -> None:
        document = spec(spec_id, [*_UNITS[:5], *_CHECKS[:2]], [*_UNITS[5:], _CHECKS[2]])
        (self._workspace / "specs" / "active" / f"{spec_id}.json").write_text(json.dumps(document))
        session = self._session(spec_id)
        while not enough(self.tally):
            data = self._next(session)
            if data.get("loop_signal") == LoopSignal.SPEC_COMPLETE:
                return
            if data.get("loop_signal") == LoopSignal.PHASE_COMPLETE:
                self._resume(session)
            elif "step" in data:
                self._carry_out(session, data["step"])
            self._send_an_old_one_again()

    def _session(self, spec_id: str) -> str:
        asking: Json = {"action": "session", "command": "start", "spec_id": spec_id}
        data = self._ask("task", asking)["data"]
        if "error_code" in data:
            assert data["error_code"] == ErrorCode.SESSION_EXISTS, data
            return str(data["details"]["session_id"])
        return str(data["session"]["session_id"])

    def _resume(self, session: str) -> None:
        answer = self._ask("task", {"action": "session", "command": "resume", "session_id": session})
        # A resume whose answer was lost with its server has been done.
        assert answer["success"] or answer["data"]["error_code"] == ErrorCode.SESSION_STATE_CONFLICT, answer

    def _next(self, session: str) -> Json:
        asking: Json = {"action": "session-step", "command": "next", "session_id": session}
        answer = self._ask("task", asking)
        if not answer["success"]:
            assert answer["data"]["error_code"] == ErrorCode.STEP_RESULT_REQUIRED, answer
            answer = self._ask("task", {**asking, "command": "replay"})
            if not answer["success"]:
                assert answer["data"]["error_code"] == ErrorCode.NO_STEP_OUT, answer
        data: Json = answer["data"]
        return data

    def _carry_out(self, session: str, step: Json) -> None:
        result = step["report_call"]["params"]["result"]
        if "run_call" in step:
            result = {**result, **self._ran(step)}
        elif step["type"] == StepType.IMPLEMENT_TASK and self._chance.random() < 0.05:
            result = {**result, "outcome": Outcome.FAILURE, "note": "It did not work."}
        both: Json = {"action": "session-step", "command": "next", "session_id": session, "last_step_result": result}
        alone: Json = {"action": "session-step", "command": "report", "session_id": session, "result": result}
        arguments = both if self._chance.random() < 0.5 else alone
        text = self._ask_all("task", arguments)
        assert json.loads(text)["success"], text
        self._kept[step["step_id"]] = ("task", arguments, text)
        self.tally.acknowledged += 1

    def _ran(self, step: Json) -> Json:
        call = step["run_call"]
        while True:
            answer = self._ask(call["tool"], parameters(call))
            assert answer["success"], answer
            if answer["data"]["state"] == RunState.FINISHED:
                return {"attempt_id": answer["data"]["attempt_id"]}

    def _send_an_old_one_again(self) -> None:
        if self._kept and self._chance.random() < 0.3:
            tool, arguments, text = self._kept[self._chance.choice(list(self._kept))]
            assert self._ask_all(tool, arguments) == text, "an acknowledged report was answered differently"
            self.tally.resent += 1

    def _ask(self, tool: str, arguments: Json) -> Json:
        """Send a call to one server after another until one answers it."""
        while True:
            texts = self._told([self._chance.randrange(len(self._lives))], tool, arguments)
            if texts:
                document: Json = json.loads(texts.pop())
                return document

    def _ask_all(self, tool: str, arguments: Json) -> str:
        """Send a call to every server at once until one answers it; all that do answer the same bytes."""
        while True:
            self.tally.raced += len(self._lives) > 1
            texts = self._told(range(len(self._lives)), tool, arguments)
            assert len(texts) <= 1, "two servers answered one report differently"
            if texts:
                return texts.pop()

    def _told(self, places: Sequence[int], tool: str, arguments: Json) -> set[str]:
        """Send a call to some servers, kill one of them perhaps, and give what the others answered."""
        asked = [place for place in places if self._sent(place, tool, arguments)]
        if asked and self._chance.random() < 0.05:
            time.sleep(self._chance.random() * _LONGEST_WAIT_S)
            self._alive(self._chance.choice(asked)).kill()
        texts = (self._answer(place) for place in asked)
        return {text for text in texts if text is not None and not _busy(text)}

    def _sent(self, place: int, tool: str, arguments: Json) -> bool:
        try:
            if self._lives[place] is None:
                self._lives[place] = self._born()
                self._alive(place).begin()
            self._alive(place).send(tool, arguments)
        except Died:
            self._bury(place)
            return False
        self.tally.calls += 1
        return True

    def _answer(self, place: int) -> str | None:
        try:
            return self._alive(place).text()
        except Died:
            self._bury(place)
            return None

    def _alive(self, place: int) -> Life:
        life = self._lives[place]
        assert life is not None
        return life

    def _born(self) -> Life:
        fuse = self._chance.randint(_SHORTEST_FUSE, _LONGEST_FUSE) if self._chance.random() < 0.8 else None
        return Life(self._workspace, self._environ, fuse)

    def _bury(self, place: int) -> None:
        life = self._alive(place)
        life.bury()
        self._lives[place] = None
        self.tally.killed[life.failpoint or "from outside, at some moment"] += 1

    def _check(self) -> None:
        """Hold the store to what was acknowledged: nothing lost, nothing twice, every chain whole."""
        path = next(self._state.rglob("store.sqlite3"))
        store = SqliteStore(path, FileSigner(path.parent).mac)
        reported: Counter[str] = Counter()
        for row in listed(store):
            # Reading a log checks its chain and its seals.
            log = store.log(row.session_id)
            assert log is not None
            events = log.events
            assert [event.seq for event in events] == list(range(1, row.version + 1))
            payloads = [(event.type, json.loads(event.payload)) for event in events]
            issued = [payload["step_id"] for kind, payload in payloads if kind is EventType.STEP_ISSUED]
            assert len(issued) == len(set(issued)), "a step has two ids or one id two steps"
            reports = [payload for kind, payload in payloads if kind is EventType.STEP_REPORTED]
            reported.update(payload["step_id"] for payload in reports)
            done = Counter(
                payload["unit_id"]
                for payload in reports
                if payload["outcome"] == Outcome.SUCCESS
                and payload["type"] != StepType.ADDRESS_FEEDBACK
                and "unit_id" in payload
            )
            assert set(done.values()) <= {1}, "a unit was done twice"
        store.close()
        assert set(self._kept) <= set(reported), "an acknowledged report is not in the log"
        assert set(reported.values()) <= {1}, "a report was recorded twice"


def _busy(text: str) -> bool:
    data = json.loads(text)["data"]
    return bool(data.get("error_code") == ErrorCode.STORE_BUSY)
