"""What a log may say: read event by event beside the server, and held to what no session may do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from foundry_contracts.events import EVENT_MODELS
from foundry_contracts.tables import SESSION_MACHINE_TRANSITIONS
from foundry_contracts.vocabulary import EventType, GatePolicy, Outcome, SessionStatus, StepType, Verdict
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.application.plans import Plans
from foundry_mcp.machine.evolve import evolve
from foundry_mcp.machine.session import Recorded, Session
from foundry_mcp.ports import SpecFiles, StoredEvent
from tests.adapters.batches import listed
from tests.driving import Json

_WORK = (StepType.IMPLEMENT_TASK, StepType.EXECUTE_VERIFICATION)
# What may still be recorded of a session that is over.
_AFTERWARDS = {EventType.ACCESS_DENIED, EventType.LATE_REPORT, EventType.LOCK_BYPASSED}


@dataclass
class Log:
    """Hold what a session's events came to: by the plainest bookkeeping, and as the machine folds them."""

    session_id: str
    events: list[StoredEvent] = field(default_factory=list)
    states: list[Session | None] = field(default_factory=lambda: [None])
    steps: dict[str, Json] = field(default_factory=dict)
    out: str | None = None
    given_up: dict[str, bool] = field(default_factory=dict)
    reported: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, Json | None] = field(default_factory=dict)
    running: str | None = None
    done: set[str] = field(default_factory=set)
    gates: set[str] = field(default_factory=set)
    following: Session | None = None

    @property
    def state(self) -> Session:
        """Give the state after the last event."""
        state = self.states[-1]
        assert state is not None
        return state

    def take(self, event: StoredEvent, state: Session) -> None:
        """Take one more event, and the state it leads to."""
        assert event.seq == len(self.events) + 1, event
        before = self.states[-1]
        self._hold_to_machine(before, event, state)
        payload: Json = json.loads(event.payload)
        self.following = state
        note = _NOTES.get(event.type)
        if note is not None:
            note(self, payload)
        self.events.append(event)
        self.states.append(state)
        assert set(state.standing) == self.done, (event, sorted(self.done), state.standing)
        assert (state.outstanding and state.outstanding.step_id) == self.out, event

    def _hold_to_machine(self, before: Session | None, event: StoredEvent, state: Session) -> None:
        if before is None:
            assert event.type is EventType.SESSION_STARTED, event
            return
        over = before.status in (SessionStatus.COMPLETED, SessionStatus.ENDED)
        assert not over or event.type in _AFTERWARDS, event
        row = SESSION_MACHINE_TRANSITIONS.get(event.type.value)
        if row is None:
            assert before.status is state.status, event
        else:
            assert before.status in row.source, event
            assert state.status in row.target, event

    def started(self, payload: Json) -> None:
        """Note the start."""
        self.done = {carried["unit_id"] for carried in payload["carried"]}
        self.gates = set(payload["carried_phases"])

    def rebased(self, payload: Json) -> None:
        """Note a new structure: what it drops is to be done again, and so are gates of phases that are others now."""
        assert self.following is not None
        self.done -= {change["id"] for change in payload["changes"] if change["proven_dropped"]}
        before = {phase.phase.id: {unit.id for unit in phase.units} for phase in self.state.plan.phases}
        for phase in self.following.plan.phases:
            units = {unit.id for unit in phase.units}
            if before.get(phase.phase.id) != units or not units <= self.done:
                self.gates.discard(phase.phase.id)

    def issued(self, payload: Json) -> None:
        """Note a step: no id twice, and one at a time."""
        assert payload["step_id"] not in self.steps, payload
        assert self.out is None, payload
        assert payload.get("unit_id") not in self.done, payload
        self.steps[payload["step_id"]] = payload
        self.out = payload["step_id"]

    def report(self, payload: Json) -> None:
        """Note a report: of the step that is out, once, with the evidence that it needs."""
        step_id, kind, unit = payload["step_id"], payload["type"], payload.get("unit_id", "")
        assert step_id == self.out, payload
        assert payload["proof_digest"] not in self.reported.values(), payload
        assert step_id not in self.reported, payload
        self.reported[step_id] = payload["proof_digest"]
        self.out = None
        if kind == StepType.RUN_FIDELITY_GATE:
            self._gate_reported(payload)
        elif kind in _WORK and payload["outcome"] != Outcome.FAILURE:
            assert unit not in self.done, payload
            if kind == StepType.EXECUTE_VERIFICATION and payload["outcome"] == Outcome.SUCCESS:
                assert payload.get("attested") or self._evidence(payload)["passed"], payload
            self.done.add(unit)

    def _gate_reported(self, payload: Json) -> None:
        settings = self.state.settings
        lenient = settings.gate_policy is GatePolicy.LENIENT
        passed = self._evidence(payload)["verdict"] in {Verdict.PASS, *([Verdict.WARN] if lenient else [])}
        assert passed is (payload["outcome"] == Outcome.SUCCESS), payload
        if not settings.enforce_gates or (passed and settings.gate_policy is not GatePolicy.MANUAL):
            self.gates.add(payload["phase_id"])

    def _evidence(self, payload: Json) -> Json:
        run = self.attempts[payload["attempt_id"]]
        assert run is not None, payload
        assert run["step_id"] == payload["step_id"], payload
        return run

    def superseded(self, payload: Json) -> None:
        """Note that the step that is out was given up."""
        assert payload["step_id"] == self.out, payload
        self.given_up[payload["step_id"]] = False
        self.out = None

    def late(self, payload: Json) -> None:
        """Note a late report: of a step that was given up, once."""
        assert self.given_up[payload["step_id"]] is False, payload
        self.given_up[payload["step_id"]] = True

    def run_started(self, payload: Json) -> None:
        """Note a run: for the step that is out, one at a time, no id twice."""
        assert payload["step_id"] == self.out, payload
        assert payload["attempt_id"] not in self.attempts, payload
        assert self.running is None, payload
        self.attempts[payload["attempt_id"]] = None
        self.running = payload["attempt_id"]

    def run_finished(self, payload: Json) -> None:
        """Note a run's end: of the one under way, once."""
        assert payload["attempt_id"] == self.running, payload
        assert self.attempts[payload["attempt_id"]] is None, payload
        self.attempts[payload["attempt_id"]] = payload
        self.running = None

    def run_interrupted(self, payload: Json) -> None:
        """Note that the run under way was cut off."""
        assert payload["attempt_id"] == self.running, payload
        self.running = None

    def resumed(self, payload: Json) -> None:
        """Note a person's verdict, if one was given."""
        verdict = payload.get("verdict")
        if verdict is None or verdict["verdict"] != Verdict.PASS:
            return
        asked = self.state.pause_unit
        assert verdict["id"] == asked, payload
        (self.gates if asked == self.state.phase.phase.id else self.done).add(verdict["id"])

    def waived(self, payload: Json) -> None:
        """Note a gate that was waived."""
        self.gates.add(payload["phase_id"])

    def over(self, payload: Json) -> None:
        """Note the end: no step is out any longer, and no run under way is left."""
        assert self.running is None, payload
        self.out = None

    def completed(self, payload: Json) -> None:
        """Note completion: every unit is done, every gate passed."""
        plan = self.state.plan
        assert self.out is None
        assert self.done == {unit.id for phase in plan.phases for unit in phase.units}
        assert {phase.phase.id for phase in plan.phases} <= self.gates


_NOTES: dict[EventType, Callable[[Log, Json], None]] = {
    EventType.SESSION_STARTED: Log.started,
    EventType.SESSION_REBASED: Log.rebased,
    EventType.SESSION_RESUMED: Log.resumed,
    EventType.SESSION_COMPLETED: Log.completed,
    EventType.SESSION_ENDED: Log.over,
    EventType.SESSION_RESET: Log.over,
    EventType.STEP_ISSUED: Log.issued,
    EventType.STEP_REPORTED: Log.report,
    EventType.STEP_SUPERSEDED: Log.superseded,
    EventType.LATE_REPORT: Log.late,
    EventType.VERIFICATION_STARTED: Log.run_started,
    EventType.VERIFICATION_FINISHED: Log.run_finished,
    EventType.GATE_STARTED: Log.run_started,
    EventType.GATE_FINISHED: Log.run_finished,
    EventType.RUN_INTERRUPTED: Log.run_interrupted,
    EventType.GATE_WAIVED: Log.waived,
}


class LogReader:
    """Read every session's log from the store, with a connection of its own."""

    def __init__(self, store: SqliteStore, specs: SpecFiles) -> None:
        self.store = store
        self._plans = Plans(store, specs)
        self.logs: dict[str, Log] = {}

    def catch_up(self) -> dict[str, list[StoredEvent]]:
        """Take what is new, hold it to what may be, and give it by session."""
        new: dict[str, list[StoredEvent]] = {}
        live: set[str] = set()
        for row in listed(self.store):
            log = self.logs.setdefault(row.session_id, Log(row.session_id))
            # Whole, as a server that starts reads it: its chain and its seals are checked with it.
            whole = self.store.log(row.session_id)
            assert whole is not None
            tail = list(whole.events[len(log.events) :])
            for event in tail:
                log.take(event, evolve(log.states[-1], recorded(event), self._plans.pinned))
            if tail:
                new[row.session_id] = tail
            state = log.state
            assert (row.status, row.version, row.spec_id) == (state.status, state.version, state.spec_id)
            if row.status not in (SessionStatus.COMPLETED, SessionStatus.ENDED):
                assert row.spec_id not in live, f"{row.spec_id} has two live sessions"
                live.add(row.spec_id)
        return new

    def server_events(self) -> list[StoredEvent]:
        """Give the server's own events, held to their chain: denials and waits, numbered without a gap."""
        events = self.store.server_page(after=0, before=None, limit=100_000)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert {event.type for event in events} <= {EventType.CALL_DENIED, EventType.ACTOR_LIMITED}
        return events

    def digests(self) -> Iterator[str]:
        """Give the digest of every proof that a report was recorded for, as often as it was."""
        for log in self.logs.values():
            for event in log.events:
                if event.type is EventType.STEP_REPORTED:
                    yield json.loads(event.payload)["proof_digest"]

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def recorded(event: StoredEvent) -> Recorded:
    """Give an event as the machine takes it."""
    payload = EVENT_MODELS[event.type].model_validate_json(event.payload)
    return Recorded(event.session_id, event.spec_id, event.seq, event.time, event.actor_role, payload)
