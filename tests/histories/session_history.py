"""Random histories of sessions: every call in every order, servers that end anywhere, and what must hold throughout."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.vocabulary import (
    Attestation,
    CommandName,
    ErrorCode,
    EventType,
    GatePolicy,
    NodeStatus,
    Outcome,
    ReasonCode,
    Role,
    SessionStatus,
    StepType,
    Verdict,
)
from foundry_mcp.adapters.spec_files import WorkspaceSpecFiles
from foundry_mcp.application.call import Envelope
from foundry_mcp.machine.evolve import fold
from foundry_mcp.machine.moments import later, seconds_between
from foundry_mcp.machine.proof import proof_digest
from foundry_mcp.ports import StoredEvent
from tests.driving import Json, check, parameters, spec, task
from tests.histories.crashing_store import CALLS, Side
from tests.histories.log_reader import Log, LogReader, recorded
from tests.histories.servers import GRACE_S, Ending, Server, Shared, changed, text_of
from tests.in_process import SETTINGS
from tests.scenes import of

T = TypeVar("T")

LONG, SHORT = "long", "short"
_FIRST = [task("t1"), task("t2", "t1"), check("v1", command="make test"), check("m1")]
_SECOND = [task("t3"), check("v2", "t3", command="make check")]
DOCUMENTS: dict[str, list[Json]] = {
    LONG: [
        spec(LONG, _FIRST, _SECOND),
        {**spec(LONG, _FIRST, _SECOND), "title": "Another title, the same structure"},
        spec(LONG, _FIRST, [*_SECOND, task("t4", "t3")]),
        spec(LONG, [unit for unit in _FIRST if unit["id"] != "t2"], _SECOND),
        spec(LONG, [*_FIRST[:2], check("v1", command="make other"), _FIRST[3]], _SECOND),
    ],
    SHORT: [spec(SHORT, [task("t1"), check("m1")]), spec(SHORT, [task("t1")])],
}
UNITS = ("t1", "t2", "v1", "m1", "t3", "v2", "t4", "no-such")
POLICIES: tuple[SessionSettings, ...] = (
    changed(SETTINGS, max_attempts=2, max_consecutive_errors=2, max_feedback_cycles=2, max_tasks=3),
    changed(
        SETTINGS,
        attestation=Attestation.AGENT,
        gate_policy=GatePolicy.MANUAL,
        stop_on_phase_completion=False,
        allow_gate_waiver=True,
        allow_lock_bypass=True,
    ),
    changed(SETTINGS, attestation=Attestation.AGENT, enforce_gates=False, allow_gate_waiver=True, max_attempts=2),
)
# What of a refused call is recorded all the same; a bypass whose write then fails was one, too.
_OF_REFUSALS = {EventType.ACCESS_DENIED, EventType.LATE_REPORT, EventType.LOCK_BYPASSED}
_UNKEPT_TAGS = {"runs", "mutates_spec"}
_NEVER = {ErrorCode.INTERNAL_ERROR, ErrorCode.STORE_BUSY, ErrorCode.STORE_UNAVAILABLE}
# No session here takes an honest agent more calls than this.
_BUSY = 400
LAST_RUN = "the-last-run"


class Told(Counter[str]):
    """Count what histories did."""

    def lines(self) -> list[str]:
        """Say it, by kind."""
        return [f"{name}: {count}" for name, count in sorted(self.items())]


TOLD = Told()


@dataclass(frozen=True)
class Answered:
    """Hold a call that was accepted and whose answer is kept, and when it was."""

    role: Role
    command: CommandName
    arguments: Json
    text: str
    at: str
    proof: str | None
    key: str | None


@dataclass
class Handed:
    """Hold a step as it was handed out, and the last attempt that a run of it answered."""

    step: Json
    attempt_id: str | None = None


who = st.sampled_from([Role.AUTONOMY_RUNNER] * 6 + [Role.MAINTAINER] * 3 + [Role.OBSERVER])
boss = st.sampled_from([Role.MAINTAINER] * 6 + [Role.AUTONOMY_RUNNER])
place = st.sampled_from([0, 0, 0, 1])
which = st.sampled_from([LONG, LONG, LONG, SHORT])
keys = st.sampled_from([None, None, None, "fresh", "fresh", "used"])
runs = st.sampled_from(["holder"] * 7 + ["run-1", "run-2"])
pick = st.integers(0, 7)
calls = st.sampled_from((*CALLS, "append", "append", "append", "answer", "touch", "events_after"))
endings = st.sampled_from([Ending.WELL] * 4 + list(Ending))


class History(RuleBasedStateMachine):
    """Live through one history of two specs, two servers, three callers and a store."""

    def __init__(self) -> None:
        super().__init__()
        TOLD["histories"] += 1
        self.folder = Path(tempfile.mkdtemp(prefix="history-"))
        self.loop = asyncio.Runner()
        self.shared = Shared(self.folder)
        for name, documents in DOCUMENTS.items():
            self.shared.write_spec(name, text_of(documents[0]))
        self.reader = LogReader(self.shared.open_store(), WorkspaceSpecFiles(self.shared.workspace))
        self.servers = [self.loop.run(self._server()) for _ in range(2)]
        self.answered: list[Answered] = []
        self.handed: dict[str, list[Handed]] = {}
        self.keys = 0
        self.sending: tuple[Role, CommandName, Json] = (Role.OBSERVER, CommandName.SERVER_CAPABILITIES, {})
        self.raced = False
        self.raced_proofs: set[str] = set()
        self.rivals: list[tuple[CommandName, Json, Envelope]] = []
        self.known_keys: list[tuple[Role, str]] = []

    async def _server(self) -> Server:
        return Server(self.shared, POLICIES[0])

    def teardown(self) -> None:
        """Bring every live session to its end, then close and remove all that the history left."""
        try:
            self.shared.fate.armed = None
            for server in self.servers:
                server.store.rival = None
            self._finish_all()
            self._hold_folds_to_log()
            TOLD["events of no session"] += len(self.reader.server_events())
        finally:
            for server in self.servers:
                self._run(server.stop())
            self.reader.close()
            self.loop.close()
            TOLD.update({f"crash {side} {name}": count for (name, side), count in self.shared.fate.crashes.items()})
            shutil.rmtree(self.folder)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    # -- sending ------------------------------------------------------------------------------------------------

    def _send(self, where: int, role: Role, command: CommandName, /, *, key: str | None = None, **params: Any) -> Json:
        """Send a call until it is answered, as a client that cannot know whether it took effect; hold it to all."""
        if key is not None:
            params["idempotency_key"] = key
        entry, arguments = COMMANDS[command], of(command, **params)
        result = params.get("result", params.get("last_step_result"))
        proof = result.get("proof") if isinstance(result, dict) else None
        before, done_before_crash = self.reader.catch_up(), False
        assert not before, before
        self._revive()
        answer = None
        self.sending, self.rivals, self.raced = (role, command, arguments), [], False
        while answer is None:
            answer = self._run(self.servers[where].send(role, entry.tool, arguments))
            TOLD["calls"] += 1
            new = self.reader.catch_up()
            if answer is None:
                note(f"the server ended; it had recorded {_types(new)}")
                done_before_crash = done_before_crash or _did_something(new)
                self._run(self.servers[where].restart())
        self.servers[where].store.rival = None
        if self.raced:
            self.raced_proofs |= set() if proof is None else {proof}
            self._hold_race(answer, proof or key)
        else:
            self._hold_answer(role, command, arguments, answer, new, proof, key, done_before_crash)
        self._note_handed(arguments, answer)
        self._revive()
        if new:
            self._hold_status()
        return answer.document

    def _hold_answer(
        self,
        role: Role,
        command: CommandName,
        arguments: Json,
        answer: Envelope,
        new: dict[str, list[StoredEvent]],
        proof: str | None,
        key: str | None,
        done_before_crash: bool,
    ) -> None:
        entry, document = COMMANDS[command], answer.document
        data: Any = document["data"]
        code = data.get("error_code")
        note(f"{role.value} {command.value} -> {code or 'accepted'}; recorded {_types(new)}")
        if code is not None:
            TOLD[f"refused {code}"] += 1
            assert code not in _NEVER, document
            assert set(_types(new)) <= _OF_REFUSALS, (document, _types(new))
        told = len(self.answered)
        kept = not _UNKEPT_TAGS & set(entry.tags) and (proof is not None or key is not None)
        if done_before_crash and kept and code != ErrorCode.RATE_LIMITED:
            assert code is None, ("it took effect, and its client is told otherwise", document)
            assert not new, ("it took effect twice", _types(new))
        if code is None and kept and (new or done_before_crash):
            at = self.shared.clock.time
            self.answered.append(Answered(role, command, arguments, answer.text, at, proof, key))
        if code is None and proof is not None:
            assert list(self.reader.digests()).count(proof_digest(proof)) == 1, document
        # A kept answer is given again as it was, whatever has happened since.
        step = data.get("step")
        if step is not None and all(answer.text != entry.text for entry in self.answered[:told]):
            assert self.reader.logs[step["session_id"]].out == step["step_id"], document

    def _hold_race(self, answer: Envelope, once: str | None) -> None:
        """Hold the answer of a call that another process was faster than: the same call is done once for both."""
        data: Any = answer.document["data"]
        note(f"... raced -> {data.get('error_code', 'accepted')}")
        TOLD["races"] += 1
        assert data.get("error_code") not in _NEVER, answer.document
        same = [given for command, arguments, given in self.rivals if (command, arguments) == self.sending[1:]]
        if same and once is not None and same[0].success and _UNKEPT_TAGS.isdisjoint(COMMANDS[self.sending[1]].tags):
            assert answer.text == same[0].text, (answer.text, same[0].text)

    def _note_handed(self, arguments: Json, answer: Envelope) -> None:
        """Keep the step that an answer hands out, and the attempt that a run of it was."""
        data: Any = answer.document["data"]
        step = data.get("step")
        if step is not None:
            known = self.handed.setdefault(step["session_id"], [])
            if all(one.step["step_id"] != step["step_id"] for one in known):
                known.append(Handed(step))
        if answer.success and "attempt_id" in data:
            for one in self.handed.get(arguments["session_id"], []):
                if one.step["step_id"] == arguments["step_id"]:
                    one.attempt_id = data["attempt_id"]

    def _revive(self) -> None:
        """Begin the processes anew that a background run met its end in."""
        for server in self.servers:
            if server.store.ended:
                self._run(server.restart())
        self.reader.catch_up()

    def _hold_status(self) -> None:
        """Ask for the status of the sessions of each spec: it is always told, and as the log has it."""
        for name in DOCUMENTS:
            log = self._log(name)
            if log is None:
                continue
            armed, self.shared.fate.armed = self.shared.fate.armed, None
            arguments = of(CommandName.TASK_SESSION_STATUS, session_id=log.session_id)
            answer = self._run(self.servers[1].send(Role.MAINTAINER, "task", arguments))
            self.shared.fate.armed = armed
            assert answer is not None
            data: Any = answer.document["data"]
            if data.get("error_code") == ErrorCode.RATE_LIMITED:
                continue
            assert answer.success, answer.document
            shown, state = data["session"], log.state
            assert (shown["status"], shown["version"]) == (state.status, state.version), answer.document
            assert shown["progress"]["completed"] == len(log.done), (shown, log.done)
        for server in self.servers:
            for session_id, kept in server.application._sessions._known.items():
                assert self.reader.logs[session_id].states[kept.state.version] == kept.state, session_id

    def _hold_folds_to_log(self) -> None:
        for log in self.reader.logs.values():
            assert fold(map(recorded, log.events), self.reader._plans.pinned) == log.state

    # -- choosing -----------------------------------------------------------------------------------------------

    def _log(self, name: str) -> Log | None:
        """Give the log of a spec's live session, else of its last."""
        logs = [log for log in self.reader.logs.values() if log.events and log.events[0].spec_id == name]
        live = [log for log in logs if not is_over(log)]
        return next(reversed(live or logs), None)

    def _key(self, role: Role, kind: str | None) -> str | None:
        if kind is None or (kind == "used" and not self.known_keys):
            return None
        if kind == "used":
            return self.known_keys[-1][1]
        self.keys += 1
        self.known_keys.append((role, f"key-{self.keys}"))
        return f"key-{self.keys}"

    def _by(self, log: Log, run: str) -> Json:
        return {"session_id": log.session_id, "run_id": log.state.run_id if run == "holder" else run}

    def _last(self, log: Log) -> Handed | None:
        return next((one for one in self.handed.get(log.session_id, []) if one.step["step_id"] == log.out), None)

    def _result(self, log: Log, kind: str, number: int) -> Json | None:
        """Make a result: an honest one of the step that is out, or one that is wrong in one way."""
        known = self.handed.get(log.session_id, [])
        if not known:
            return None
        one = self._last(log) or known[-1]
        if kind == "old_step":
            one = known[number % len(known)]
        result: Json = dict(one.step["report_call"]["params"]["result"])
        if one.attempt_id is not None:
            result["attempt_id"] = one.attempt_id
        if kind in ("failure", "other_content"):
            result |= {"outcome": Outcome.FAILURE.value, "note": f"It failed in way {number}."}
        elif kind == "skipped":
            result |= {"outcome": Outcome.SKIPPED.value, "note": "Somebody said so."}
        elif kind == "no_proof":
            del result["proof"]
        elif kind == "wrong_proof":
            result["proof"] = f"prf_{number:064x}"
        elif kind == "old_proof":
            result["proof"] = known[number % len(known)].step["proof"]
        elif kind == "old_attempt":
            attempts = [other.attempt_id for other in known if other.attempt_id is not None]
            result["attempt_id"] = attempts[number % len(attempts)] if attempts else f"att_{number:026d}"
        return result

    # -- rules: a session's life --------------------------------------------------------------------------------

    @initialize(name=which, often=pick, policy=st.sampled_from(POLICIES))
    def begin(self, name: str, often: int, policy: SessionSettings) -> None:
        """Set both servers up the same, as most are, and mostly start a session."""
        for server in self.servers:
            server.settings = policy
            self._run(server.restart())
        if often:
            self._send(
                0, Role.AUTONOMY_RUNNER, CommandName.TASK_SESSION_START, spec_id=name, run_id="run-0", attended=True
            )

    @rule(where=place, role=who, name=which, key=keys, run=runs, attended=st.booleans(), adopt=st.booleans())
    def start(self, where: int, role: Role, name: str, key: str | None, run: str, attended: bool, adopt: bool) -> None:
        more = {"adopt_completed": True} if adopt and role is Role.MAINTAINER else {}
        run_id = "run-0" if run == "holder" else run
        self._send(
            where,
            role,
            CommandName.TASK_SESSION_START,
            key=self._key(role, key),
            spec_id=name,
            run_id=run_id,
            attended=attended,
            **more,
        )

    def _on_session(
        self, where: int, role: Role, name: str, command: CommandName, key: str | None, **more: Any
    ) -> None:
        log = self._log(name)
        if log is not None:
            self._send(where, role, command, key=self._key(role, key), session_id=log.session_id, **more)

    @rule(where=place, role=who, name=which, key=keys)
    def pause(self, where: int, role: Role, name: str, key: str | None) -> None:
        self._on_session(where, role, name, CommandName.TASK_SESSION_PAUSE, key, note="A moment.")

    @rule(
        where=place,
        role=who,
        name=which,
        key=keys,
        verdict=st.sampled_from(["asked", "none", "other"]),
        good=st.booleans(),
    )
    def resume(self, where: int, role: Role, name: str, key: str | None, verdict: str, good: bool) -> None:
        log = self._log(name)
        if log is None:
            return
        asked = log.state.pause_unit if verdict == "asked" else "t1" if verdict == "other" else None
        said = Verdict.PASS if good else Verdict.FAIL
        more = {} if asked is None else {"verdict": {"id": asked, "verdict": said.value}}
        self._on_session(where, role, name, CommandName.TASK_SESSION_RESUME, key, **more)

    @rule(where=place, role=boss, name=which, key=keys)
    def rebase(self, where: int, role: Role, name: str, key: str | None) -> None:
        self._on_session(where, role, name, CommandName.TASK_SESSION_REBASE, key)

    @rule(where=place, role=boss, name=which, key=keys, often=pick, reset=st.booleans())
    def end_or_reset(self, where: int, role: Role, name: str, key: str | None, often: int, reset: bool) -> None:
        if often == 0:
            command = CommandName.TASK_SESSION_RESET if reset else CommandName.TASK_SESSION_END
            self._on_session(where, role, name, command, key, reason=ReasonCode.TESTING)

    @rule(where=place, role=boss, name=which, key=keys)
    def accept_policy(self, where: int, role: Role, name: str, key: str | None) -> None:
        self._on_session(where, role, name, CommandName.TASK_SESSION_ACCEPT_POLICY, key)

    # -- rules: steps -------------------------------------------------------------------------------------------

    @rule(where=place, role=who, name=which, key=keys, run=runs, context=st.sampled_from([None, None, None, 10, 90]))
    def next_step(self, where: int, role: Role, name: str, key: str | None, run: str, context: int | None) -> None:
        log = self._log(name)
        if log is not None:
            more = {} if context is None else {"context_percent": context}
            command = CommandName.TASK_SESSION_STEP_NEXT
            self._send(where, role, command, key=self._key(role, key), **self._by(log, run), **more)

    @rule(
        where=place,
        role=who,
        name=which,
        key=keys,
        run=runs,
        number=pick,
        at_once=st.booleans(),
        kind=st.sampled_from(
            ["honest"] * 4
            + ["failure", "skipped", "no_proof", "wrong_proof", "old_proof", "old_step", "other_content", "old_attempt"]
        ),
    )
    def report(
        self, where: int, role: Role, name: str, key: str | None, run: str, number: int, at_once: bool, kind: str
    ) -> None:
        log = self._log(name)
        result = None if log is None else self._result(log, kind, number)
        if log is None or result is None:
            return
        note(f"a result of kind {kind}: {result}")
        command = CommandName.TASK_SESSION_STEP_NEXT if at_once else CommandName.TASK_SESSION_STEP_REPORT
        field = "last_step_result" if at_once else "result"
        self._send(where, role, command, key=self._key(role, key), **self._by(log, run), **{field: result})

    @rule(where=place, name=which, steps=st.integers(1, 4), at_once=st.booleans())
    def work_well(self, where: int, name: str, steps: int, at_once: bool) -> None:
        """Do some steps as an honest agent does, each well, with a maintainer who leads out of what stops it."""
        for _ in range(steps):
            self.work(where, name, True, at_once, Ending.WELL)
            log = self._log(name)
            if log is not None and log.state.status is SessionStatus.PAUSED:
                session = {"session_id": log.session_id}
                told = self._send(where, Role.MAINTAINER, CommandName.TASK_SESSION_STATUS, **session)
                if told["success"]:
                    self._lead_out(log, name, told["data"])

    @rule(
        where=place,
        name=which,
        at_once=st.booleans(),
        call=calls,
        side=st.sampled_from(Side),
        number=st.integers(0, 5),
    )
    def work_through_a_crash(self, where: int, name: str, at_once: bool, call: str, side: Side, number: int) -> None:
        """Do some steps as an honest agent does, while the server ends and another takes its place."""
        self.arm_crash(call, side, number)
        self.work_well(where, name, 2, at_once)

    @rule(where=place, name=which, good=st.booleans(), at_once=st.booleans(), ending=endings)
    def work_once(self, where: int, name: str, good: bool, at_once: bool, ending: Ending) -> None:
        """Do a step as an honest agent does, well or not."""
        self.work(where, name, good, at_once, ending)

    def work(self, where: int, name: str, good: bool, at_once: bool, ending: Ending) -> None:
        """Do one step as an honest agent does, and report what came of it."""
        log = self._log(name)
        if log is None:
            return
        role, by = Role.AUTONOMY_RUNNER, self._by(log, "holder")
        one = self._last(log)
        if one is None:
            answer = self._send(where, role, CommandName.TASK_SESSION_STEP_NEXT, **by)
            if answer["data"].get("error_code") in (ErrorCode.POLICY_CHANGED, ErrorCode.SPEC_UNAVAILABLE):
                self._mend(log, name, answer["data"])
            one = self._last(log)
        if one is None:
            return
        self.shared.runs.ending, self.shared.runs.held = ending, False
        result = self._carried_out(where, role, one.step)
        if result is None:
            return
        if not good and "run_call" not in one.step:
            result |= {"outcome": Outcome.FAILURE.value, "note": "It did not work."}
        if at_once:
            self._send(where, role, CommandName.TASK_SESSION_STEP_NEXT, **by, last_step_result=result)
        else:
            self._send(where, role, CommandName.TASK_SESSION_STEP_REPORT, **by, result=result)

    def _carried_out(self, where: int, role: Role, step: Json) -> Json | None:
        """Have the server run what a step asks for, and give the result to report, unless it was refused."""
        result: Json = dict(step["report_call"]["params"]["result"])
        if "run_call" not in step:
            return result
        command = _run_of(step["type"])
        params = {**step["run_call"]["params"], "wait_ms": 40_000}
        params["run_id"] = self.reader.logs[step["session_id"]].state.run_id
        answer = self._send(where, role, command, **params)
        data: Any = answer["data"]
        if not answer["success"] or data["state"] != "finished":
            return None
        well = data.get("passed", data.get("verdict") == Verdict.PASS)
        outcome = Outcome.SUCCESS if well else Outcome.FAILURE
        return {**result, "attempt_id": data["attempt_id"], "outcome": outcome.value}

    @rule(where=place, role=who, name=which, key=keys, run=runs, held=st.booleans(), ending=endings, other=pick)
    def execute(
        self, where: int, role: Role, name: str, key: str | None, run: str, held: bool, ending: Ending, other: int
    ) -> None:
        log = self._log(name)
        if log is None or log.session_id not in self.handed:
            return
        one = self._last(log) or self.handed[log.session_id][-1]
        command = _run_of(one.step["type"])
        if other == 0:
            command = CommandName.REVIEW_FIDELITY_GATE
        step_id = one.step["step_id"] if other != 1 else self.handed[log.session_id][0].step["step_id"]
        self.shared.runs.ending, self.shared.runs.held = ending, held
        params = {**self._by(log, run), "step_id": step_id, "wait_ms": 0}
        self._send(where, role, command, key=self._key(role, key), **params)

    @rule()
    def let_runs_end(self) -> None:
        async def wait() -> None:
            self.shared.runs.let_go()
            for _ in range(20):
                await asyncio.sleep(0)

        self._run(wait())
        self._revive()
        self._hold_status()

    @rule(where=place, role=who, name=which, run=runs, key=keys)
    def heartbeat(self, where: int, role: Role, name: str, run: str, key: str | None) -> None:
        log = self._log(name)
        if log is not None:
            command = CommandName.TASK_SESSION_STEP_HEARTBEAT
            self._send(where, role, command, key=self._key(role, key), **self._by(log, run))

    @rule(where=place, role=who, name=which, run=runs, key=keys, number=pick, bare=st.booleans())
    def replay(self, where: int, role: Role, name: str, run: str, key: str | None, number: int, bare: bool) -> None:
        log = self._log(name)
        if log is None:
            return
        known = self.handed.get(log.session_id, [])
        proof = None if bare or not known else known[-1 - number % len(known)].step["proof"]
        more = {} if proof is None else {"proof": proof}
        command = CommandName.TASK_SESSION_STEP_REPLAY
        document = self._send(where, role, command, key=self._key(role, key), **self._by(log, run), **more)
        same = [entry for entry in self.answered if entry.proof == proof and proof is not None]
        # After a race the kept answer may be the rival's, which the other client was given.
        if document["success"] and same and proof not in self.raced_proofs:
            assert document["meta"]["request_id"] in {_request_id(entry.text) for entry in same}, document

    @rule(where=place, data=st.data())
    def resend(self, where: int, data: st.DataObject) -> None:
        """Send an accepted call again, to the letter: it is answered to the letter, unless it is too late for that."""
        if not self.answered:
            return
        entry = data.draw(st.sampled_from(self.answered[-20:]))
        count = len(self.answered)
        document = self._send(where, entry.role, entry.command, **_parameters(entry.arguments))
        del self.answered[count:]
        code = document["data"].get("error_code")
        if code == ErrorCode.RATE_LIMITED:
            return
        expired = entry.proof is not None and seconds_between(entry.at, self.shared.clock.time) > GRACE_S
        if expired:
            assert code == ErrorCode.STEP_PROOF_EXPIRED, document
        else:
            assert document["success"], document
            assert document["meta"]["request_id"] == _request_id(entry.text), (document, entry.text)

    # -- rules: the plan under way ------------------------------------------------------------------------------

    @rule(where=place, role=who, name=which, key=keys, unit=st.sampled_from(UNITS), often=pick)
    def block(self, where: int, role: Role, name: str, key: str | None, unit: str, often: int) -> None:
        if often > 3:
            return
        self._on_session(where, role, name, CommandName.TASK_BLOCK, key, unit_id=unit, reason="No access yet.")

    @rule(where=place, role=boss, name=which, key=keys, unit=st.sampled_from(UNITS))
    def unblock(self, where: int, role: Role, name: str, key: str | None, unit: str) -> None:
        self._on_session(where, role, name, CommandName.TASK_UNBLOCK, key, unit_id=unit)

    @rule(where=place, role=boss, name=which, key=keys, phase=st.sampled_from(["phase-1", "phase-2"]))
    def waive_gate(self, where: int, role: Role, name: str, key: str | None, phase: str) -> None:
        self._on_session(
            where, role, name, CommandName.TASK_GATE_WAIVER, key, phase_id=phase, reason=ReasonCode.TESTING
        )

    @rule(
        where=place,
        role=boss,
        name=which,
        unit=st.sampled_from(UNITS),
        status=st.sampled_from(NodeStatus),
        bypass=st.booleans(),
    )
    def update_status(self, where: int, role: Role, name: str, unit: str, status: NodeStatus, bypass: bool) -> None:
        more = {"bypass": ReasonCode.TESTING} if bypass else {}
        params = {"spec_id": name, "node_id": unit, "status": status}
        self._send(where, role, CommandName.TASK_UPDATE_STATUS, **params, **more)

    # -- rules: the world ---------------------------------------------------------------------------------------

    @rule(name=which, data=st.data())
    def edit_spec(self, name: str, data: st.DataObject) -> None:
        self.shared.write_spec(name, text_of(data.draw(st.sampled_from(DOCUMENTS[name]))))

    @rule(name=which, how=st.sampled_from(["half", "refused", "deleted"]), often=pick)
    def break_spec(self, name: str, how: str, often: int) -> None:
        if often > 2:
            return
        if how == "deleted":
            self.shared.spec_file(name).unlink(missing_ok=True)
        else:
            self.shared.write_spec(name, "{" if how == "half" else text_of(spec(name, [])))

    @rule(name=which)
    def restore_spec(self, name: str) -> None:
        self.shared.write_spec(name, text_of(DOCUMENTS[name][0]))

    @rule(seconds=st.sampled_from([1, 1, 1, 61, 61, 61, 300, 601, 3601, 90_000]))
    def wait(self, seconds: int) -> None:
        self.shared.clock.time = later(self.shared.clock.time, seconds)

    @rule(where=place, policy=st.sampled_from([None] * 9 + list(POLICIES)), write_back=st.booleans())
    def restart(self, where: int, policy: SessionSettings | None, write_back: bool) -> None:
        server = self.servers[where]
        server.settings, server.write_back = policy or server.settings, write_back
        self._run(server.restart())

    @rule(call=calls, side=st.sampled_from(Side), number=st.integers(0, 3))
    def arm_crash(self, call: str, side: Side, number: int) -> None:
        self.shared.fate.arm(call, side, number)

    @rule(where=place, name=which, what=st.sampled_from(["same", "same", "pause", "next", "block", "end"]))
    def arm_race(self, where: int, name: str, what: str) -> None:
        """Have the other server answer a call first, when this one is about to record what it decided."""
        self.servers[where].store.rival = lambda: self._rival(1 - where, name, what)

    def _rival(self, where: int, name: str, what: str) -> None:
        role, command, arguments = self.sending
        log = self._log(name)
        if what != "same" and log is not None:
            role, session = Role.MAINTAINER, {"session_id": log.session_id}
            command, arguments = {
                "pause": (CommandName.TASK_SESSION_PAUSE, session),
                "next": (CommandName.TASK_SESSION_STEP_NEXT, self._by(log, "holder")),
                "block": (CommandName.TASK_BLOCK, {**session, "unit_id": "t1", "reason": "No access."}),
                "end": (CommandName.TASK_SESSION_END, {**session, "reason": ReasonCode.TESTING}),
            }[what]
            arguments = of(command, **arguments)
        if "runs" in COMMANDS[command].tags or self.servers[where].store.ended:
            return
        self.raced = True
        answer = self.servers[where].answer_at_once(role, COMMANDS[command].tool, arguments)
        if answer is None:
            return
        data: Any = answer.document["data"]
        note(f"meanwhile: {role.value} {command.value} -> {data.get('error_code', 'accepted')}")
        assert data.get("error_code") not in _NEVER, answer.document
        self.rivals.append((command, arguments, answer))
        self._note_handed(arguments, answer)

    @rule(where=place, name=which)
    def read(self, where: int, name: str) -> None:
        """Read the feed and the listings: each is what the log has."""
        log = self._log(name)
        if log is None:
            return
        feed = self._send(where, Role.MAINTAINER, CommandName.TASK_SESSION_EVENTS, session_id=log.session_id, limit=50)
        if feed["success"]:
            shown = [event["event_id"] for event in feed["data"]["events"]]
            assert shown == [event.event_id for event in log.events[:50]]
        self._send(where, Role.MAINTAINER, CommandName.TASK_SESSION_LIST)
        done = self._send(where, Role.MAINTAINER, CommandName.TASK_PROGRESS, spec_id=name)
        if done["success"] and not log.state.discarded:
            assert done["data"]["progress"]["completed"] == len(log.done), done

    # -- the end ------------------------------------------------------------------------------------------------

    def _finish_all(self) -> None:
        """Have a fresh, honest agent and a maintainer bring every live session to its completion."""
        self.wait(61)
        self.shared.runs.ending, self.shared.runs.held = Ending.WELL, False
        self.let_runs_end()
        for name in DOCUMENTS:
            log = self._log(name)
            if log is not None and not is_over(log):
                self._finish(log, name)
                assert is_over(log), log.state
                TOLD["sessions brought to their end"] += 1

    def _finish(self, log: Log, name: str) -> None:
        result: Json | None = None
        role, session = Role.MAINTAINER, {"session_id": log.session_id}
        for _ in range(_BUSY):
            sent: Json = {**session, "run_id": LAST_RUN}
            if result is not None:
                sent["last_step_result"] = result
            answer = self._send(0, role, CommandName.TASK_SESSION_STEP_NEXT, **sent)
            result = None
            data = answer["data"]
            if not answer["success"]:
                self._mend(log, name, data)
            elif "step" in data:
                result = self._carried_out(0, role, data["step"])
            elif data["session"]["status"] == SessionStatus.COMPLETED:
                return
            else:
                self._lead_out(log, name, data)
        raise AssertionError(f"{log.session_id} goes on and on: {log.state}")

    def _mend(self, log: Log, name: str, data: Json) -> None:
        """Do what a refusal asks for."""
        if self.raced:
            return
        code, session = data["error_code"], {"session_id": log.session_id}
        if code == ErrorCode.SPEC_UNAVAILABLE:
            self.restore_spec(name)
        elif code == ErrorCode.STEP_RESULT_REQUIRED:
            by = {**session, "run_id": LAST_RUN}
            out = self._send(0, Role.MAINTAINER, CommandName.TASK_SESSION_STEP_REPLAY, **by)
            result = self._carried_out(0, Role.MAINTAINER, out["data"]["step"])
            if result is not None:
                self._send(0, Role.MAINTAINER, CommandName.TASK_SESSION_STEP_REPORT, **by, result=result)
        elif code == ErrorCode.RATE_LIMITED:
            self.wait(61)
        else:
            assert code == ErrorCode.POLICY_CHANGED, data
            self._send(0, Role.MAINTAINER, CommandName.TASK_SESSION_ACCEPT_POLICY, **session)

    def _lead_out(self, log: Log, name: str, data: Json) -> None:
        """Send the first call that a stopped session recommends."""
        call = next(action["call"] for action in data["recommended_actions"] if "call" in action)
        arguments = parameters(call)
        command = CommandName(".".join(filter(None, (call["tool"], call["action"], call.get("command")))))
        # With a key, so that it is done once however often it has to be sent.
        key = self._key(Role.MAINTAINER, "fresh")
        answer = self._send(0, Role.MAINTAINER, command, key=key, **_parameters(arguments))
        code = answer["data"].get("error_code")
        if code is None:
            return
        if code in (ErrorCode.SPEC_UNAVAILABLE, ErrorCode.SPEC_INVALID):
            self.restore_spec(name)
        else:
            self._mend(log, name, answer["data"])


def is_over(log: Log) -> bool:
    """Tell whether a session is."""
    return log.state.status in (SessionStatus.COMPLETED, SessionStatus.ENDED)


def _run_of(kind: str) -> CommandName:
    return CommandName.REVIEW_FIDELITY_GATE if kind == StepType.RUN_FIDELITY_GATE else CommandName.VERIFICATION_EXECUTE


def _parameters(arguments: Json) -> Json:
    return {name: value for name, value in arguments.items() if name not in ("action", "command")}


def _types(new: dict[str, list[StoredEvent]]) -> list[EventType]:
    return [event.type for events in new.values() for event in events]


def _did_something(new: dict[str, list[StoredEvent]]) -> bool:
    return bool(set(_types(new)) - _OF_REFUSALS)


def _request_id(text: str) -> str:
    found: str = json.loads(text)["meta"]["request_id"]
    return found
