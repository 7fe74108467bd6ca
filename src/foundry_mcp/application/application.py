"""handle(): load, fold, decide, append, reply. The only such sequence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, Refusal
from foundry_contracts.models.events_session import AccessDenied, SessionRebased, SessionStarted
from foundry_contracts.models.formats_audit import LogFinding
from foundry_contracts.models.task_session_reset import SessionResetRequest
from foundry_contracts.models.task_update_status import TaskUpdateStatusRequest
from foundry_contracts.vocabulary import ErrorCode, Role, SessionStatus
from foundry_mcp.application import envelope, validation
from foundry_mcp.application.answers import Use, answer_for, look_up, uses_of
from foundry_mcp.application.call import Call, Envelope
from foundry_mcp.application.cursors import Cursors
from foundry_mcp.application.degraded import at_fault, closing, degraded
from foundry_mcp.application.denials import Denials
from foundry_mcp.application.handlers import FoundryHandlers
from foundry_mcp.application.planned_steps import PlannedSteps
from foundry_mcp.application.plans import Plans
from foundry_mcp.application.reader import Reader
from foundry_mcp.application.runs import Means, Runs
from foundry_mcp.application.sessions import Sessions
from foundry_mcp.application.spec_writer import SpecWriter
from foundry_mcp.machine.moments import seconds_between
from foundry_mcp.machine.policy import Policy
from foundry_mcp.machine.protected import patterns_of
from foundry_mcp.machine.roles import permits, unauthorized
from foundry_mcp.machine.session import Outstanding, Session
from foundry_mcp.machine.situation import Caller, FreshIds, Situation
from foundry_mcp.ports import (
    Answer,
    Clock,
    Ids,
    Life,
    LiveSessionExists,
    LogBroken,
    SpecFiles,
    SpecUnavailable,
    Store,
    StoreBusy,
    StoreUnavailable,
    VersionConflict,
    newest,
)

_LOG = logging.getLogger(__name__)
# Each round that loses is a round another writer won, so a handful is plenty before asking the caller to wait.
_ROUNDS = 8
# What a contract's tags ask of this sequence.
_LOOKS_AT_SPEC, _SIGN_OF_LIFE, _RUNS, _MUTATES_SPEC = "looks_at_spec", "sign_of_life", "runs", "mutates_spec"
_LOOKS_AT_PROTECTED, _CLOSES_LOG = "looks_at_protected", "closes_log"
# How far the clock may stand behind the last event before the caller is told.
_NOTICED_S = 1.0
_BEHIND = "The server's clock stands before the session's last event: until it has caught up, times are told as"
# No answer of these is kept under a key. A run's changes until it ends, and a status is written outside the store, so
# that a kept answer could tell of a write that failed. Asking either again does nothing twice.
_UNKEPT = {_RUNS, _MUTATES_SPEC}


@dataclass(frozen=True, slots=True)
class World:
    """Hold the adapters and settings an application works with."""

    workspace: Path
    store: Store
    specs: SpecFiles
    clock: Clock
    ids: Ids
    means: Means
    policy: Policy
    replay_grace_s: int
    write_back: bool


class Application:
    """Answer calls. One instance a process; all its work is on one event loop."""

    def __init__(self, world: World, handlers: FoundryHandlers) -> None:
        self._world = world
        self._handlers = handlers
        self._plans = Plans(world.store, world.specs)
        self._planned_steps = PlannedSteps(world.policy.settings)
        self._sessions = Sessions(world.store, self._plans, world.ids)
        self._runs = Runs(world.means)
        self._denials = Denials(world.store, world.ids)
        self._spec_writer = SpecWriter(world.specs)

    async def handle(self, call: Call) -> Envelope:
        """Answer a call with an envelope; nothing a caller sends raises."""
        request_id = self._world.ids.fresh("req")
        if call.alias is not None:
            _LOG.warning("%s: action %r is deprecated: %s", request_id, call.alias.action, call.entry.name)
        try:
            return await self._answer(call, request_id)
        except LogBroken as broken:
            _LOG.error("%s: session %s: %s", request_id, broken.finding.session_id, broken.finding.message)
            self._sessions.forget(broken.finding.session_id)
            return self._refused(call, request_id, at_fault(broken.finding))
        except StoreBusy as problem:
            return self._refused(call, request_id, Refusal(ErrorCode.STORE_BUSY, problem.message))
        except StoreUnavailable as problem:
            details = {"remedy": problem.remedy}
            return self._refused(call, request_id, Refusal(ErrorCode.STORE_UNAVAILABLE, problem.message, details))
        except Exception:  # the last line of defence: a fault of ours must not take the server down
            _LOG.exception("%s: %s failed", request_id, call.entry.name)
            message = f"The server failed to answer; its log names the cause under {request_id}."
            return self._refused(call, request_id, Refusal(ErrorCode.INTERNAL_ERROR, message))

    def ready(self) -> bool:
        """Tell whether the store answers now."""
        try:
            self._world.store.check()
        except (StoreBusy, StoreUnavailable):
            return False
        return True

    async def close(self) -> None:
        """Cut off what runs and let go of the store."""
        await self._runs.stop()
        self._world.store.close()

    async def _answer(self, call: Call, request_id: str) -> Envelope:
        limited = self._denials.limited(call, self._world.clock)
        if limited is not None:
            return self._refused(call, request_id, limited)
        closed = self._world.policy.closed(call.entry.flag)
        if closed is not None:
            return self._refused(call, request_id, closed)
        if not permits(call.caller.role, call.entry.role):
            return self._deny(call, request_id)
        problems = validation.request_problems(call.entry, call.params)
        if problems:
            message = f"{problems[0]['pointer'] or 'The request'}: {problems[0]['problem']}"
            details = {"problems": problems}
            return self._refused(call, request_id, Refusal(ErrorCode.VALIDATION_ERROR, message, details))
        request = validation.model(call.entry.request_model).model_validate(call.params)
        if call.entry.read_only:
            return self._query(call, request, request_id)
        try:
            answer, state = self._decide(call, request, request_id)
        except LogBroken as broken:
            if _CLOSES_LOG not in call.entry.tags or not isinstance(request, SessionResetRequest):
                raise
            return self._close_log(call, request, request_id, broken.finding)
        return await self._joined(call, request, request_id, answer, state) if _RUNS in call.entry.tags else answer

    async def _joined(
        self, call: Call, request: BaseModel, request_id: str, answer: Envelope, state: Session | None
    ) -> Envelope:
        """Wait for the run that a call began or met, as long as the call asks; what was lost meanwhile begins again."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + getattr(request, "wait_ms", 0) / 1000
        waited = False
        while answer.success and state and (step := state.outstanding) and step.started and not step.finished:
            self._runs.ensure(state, step, partial(self._record_run, state.session_id, call.caller))
            left = max(0.0, deadline - loop.time())
            if waited and left == 0:
                break
            await self._runs.wait(step.started.attempt_id, left)
            waited = True
            answer, state = self._decide(call, request, request_id)
        return answer

    def _close_log(self, call: Call, request: SessionResetRequest, request_id: str, finding: LogFinding) -> Envelope:
        """Reset a session that cannot be folded: a record beside its log, which stays as it is."""
        store, now = self._world.store, self._world.clock.now()
        uses = uses_of(call.entry, call.caller.id, request)
        for use in uses:
            found = look_up(store, call.entry, use, now, self._world.replay_grace_s)
            if isinstance(found, Refusal):
                return self._refused(call, request_id, found)
            if not isinstance(found, bool):
                return envelope.kept(found.body)
        shown = degraded(store, finding)
        upkeep, reply = closing(request, shown, call.caller, now)
        answer = self._accepted(call, request_id, reply)
        if not shown.session.closed:
            store.close_log(upkeep, _answers(call, uses, now, answer))
        return answer

    def _deny(self, call: Call, request_id: str) -> Envelope:
        """Refuse a caller whose role does not allow the command, and record it: with the session it was for, if any."""
        now = self._world.clock.now()
        needed = call.entry.role
        refusal = unauthorized(call.caller.role, needed, call.entry.title.lower())
        self._denials.note(call.caller, now)
        session_id = call.params.get("session_id")
        state = self._readable(session_id) if isinstance(session_id, str) else None
        denied = AccessDenied(command=call.entry.name, error_code=refusal.code, needed=needed)
        if state is None:
            self._denials.record(denied, call, now)
        else:
            self._append(state, (denied,), now, call.caller)
        return self._refused(call, request_id, refusal, state)

    def _readable(self, session_id: str) -> Session | None:
        """Give a session, if it is there and its log is sound."""
        try:
            return self._sessions.load(session_id)
        except LogBroken:
            return None

    def _append(self, state: Session, events: tuple[EventPayload, ...], now: str, caller: Caller) -> Session:
        """Write events that do not hang on the state they meet, however often another writer is faster."""
        for _ in range(_ROUNDS):
            try:
                moment = max(now, state.updated_at)
                return self._sessions.append(state.session_id, state.spec_id, state, events, now=moment, caller=caller)
            except VersionConflict:
                state = self._sessions.load(state.session_id) or state
        raise StoreBusy("Other writers kept being faster.", "Send the same call again.")

    def _query(self, call: Call, request: BaseModel, request_id: str) -> Envelope:
        reader = self._reader(call.caller)
        # Any: the record's fields are typed exactly; looking one up by name is where that ends.
        handler: Callable[..., Any] = getattr(self._handlers, call.entry.identifier)
        reply = handler(reader, request)
        if isinstance(reply, Refusal):
            return self._refused(call, request_id, reply)
        return self._accepted(call, request_id, reply)

    def _reader(self, caller: Caller) -> Reader:
        world = self._world
        cursors = Cursors(world.means.signer)
        return Reader(
            caller,
            world.workspace,
            world.store,
            self._sessions,
            world.specs,
            cursors,
            self._plans,
            self._planned_steps,
            world.policy,
            world.means.signer,
            world.clock,
        )

    def _decide(self, call: Call, request: BaseModel, request_id: str) -> tuple[Envelope, Session | None]:
        """Decide on the state as it is now, and again when another writer was faster."""
        for _ in range(_ROUNDS):
            try:
                return self._decide_once(call, request, request_id)
            except (VersionConflict, LiveSessionExists):
                continue
        raise StoreBusy("Other writers kept being faster.", "Send the same call again.")

    def _decide_once(self, call: Call, request: BaseModel, request_id: str) -> tuple[Envelope, Session | None]:
        clock = self._world.clock.now()
        situation = self._situation(call, request, clock)
        now = situation.now
        if seconds_between(clock, now) > _NOTICED_S:
            call = replace(call, warnings=(*call.warnings, f"{_BEHIND} {now}."))
        uses = [] if _UNKEPT & set(call.entry.tags) else uses_of(call.entry, call.caller.id, request)
        before = situation.session
        for use in uses:
            found = look_up(self._world.store, call.entry, use, now, self._world.replay_grace_s)
            if isinstance(found, Refusal):
                return self._refused(call, request_id, found, before), before
            if not isinstance(found, bool):
                return envelope.kept(found.body), before
            situation = replace(situation, recorded_elsewhere=situation.recorded_elsewhere or found)
        handler: Callable[..., Accepted[BaseModel] | Refusal] = getattr(self._handlers, call.entry.identifier)
        decision = handler(situation, request)
        validation.hold_events(call.entry, decision.events)
        if isinstance(decision, Refusal):
            return self._refused(call, request_id, decision, self._note_refusal(call, situation, decision)), before
        answer = self._accepted(call, request_id, decision.reply)
        with self._runs.holding(decision.events):
            after = self._keep(call, situation, decision.events, uses, answer)
        if before is not None and after is not None and _is_other(before, after):
            self._runs.give_up(before.outstanding)
        try:
            self._write_spec(request, after, decision.events)
        except SpecUnavailable as problem:
            refusal = Refusal(ErrorCode.SPEC_UNAVAILABLE, problem.message, {"remedy": problem.remedy})
            return self._refused(call, request_id, refusal, after), after
        return answer, after

    def _note_refusal(self, call: Call, situation: Situation, refusal: Refusal) -> Session | None:
        """Record what of a refusal is to be recorded, and give the session it leaves."""
        events = refusal.events
        if refusal.code is ErrorCode.UNAUTHORIZED:
            needed = Role(str(refusal.details["needed"]))
            events = (*events, AccessDenied(command=call.entry.name, error_code=refusal.code, needed=needed))
        state = situation.session
        if state is not None and events:
            # A refusal may pause its session. So it holds for the state it was decided on, and for no other.
            state = self._sessions.append(
                state.session_id, state.spec_id, state, events, now=situation.now, caller=call.caller
            )
        for event in events:
            if isinstance(event, AccessDenied):
                self._denials.note(call.caller, situation.now)
                if state is None:
                    self._denials.record(event, call, situation.now)
        return state

    def _write_spec(self, request: BaseModel, state: Session | None, events: tuple[EventPayload, ...]) -> None:
        """Write into the spec file what a command changes in it, or how far the session is at a phase's end."""
        if isinstance(request, TaskUpdateStatusRequest):
            self._spec_writer.update(request)
        elif state is not None and self._world.write_back:
            self._spec_writer.write_back(state, events)

    def _keep(
        self, call: Call, situation: Situation, events: tuple[EventPayload, ...], uses: list[Use], answer: Envelope
    ) -> Session | None:
        """Write what was decided, with the answer where a proof asks for it; then it may be given."""
        state = situation.session
        now = situation.now
        if not events:
            # Events are signs of life themselves; only a call that changes nothing has to leave one beside the log.
            if state is not None and _SIGN_OF_LIFE in call.entry.tags:
                self._world.store.touch(state.session_id, Life(state.run_id, now))
            return state
        pins_plan = any(isinstance(event, SessionStarted | SessionRebased) for event in events)
        plan = situation.spec.plan if pins_plan and situation.spec else None
        return self._sessions.append(
            state.session_id if state else situation.ids.session,
            state.spec_id if state else situation.spec_id or "",
            state,
            events,
            now=now,
            caller=call.caller,
            answers=_answers(call, uses, now, answer),
            plan=self._plans.text(plan) if plan else None,
        )

    def _situation(self, call: Call, request: BaseModel, now: str) -> Situation:
        """Gather what the machine may know: the state, and the world as data."""
        spec_id = getattr(request, "spec_id", None)
        session_id = getattr(request, "session_id", None)
        if _MUTATES_SPEC in call.entry.tags and isinstance(spec_id, str):
            live = self._world.store.live_session(spec_id)
            session_id = live.session_id if live else None
        state = self._sessions.load(session_id) if isinstance(session_id, str) else None
        spec_id = state.spec_id if state else spec_id
        life = self._world.store.life(state.session_id) if state else None
        # A clock that was set back must not let a session's events run backwards.
        now = max(now, state.updated_at if state else "")
        fresh = self._world.ids.fresh
        situation = Situation(
            session=state,
            caller=call.caller,
            now=now,
            ids=FreshIds(session=fresh("ses"), step=fresh("stp"), attempt=fresh("att")),
            settings=self._world.policy.settings,
            mac=self._world.means.signer.mac,
            opened=lambda receipt: self._world.means.signer.verify(receipt.model_dump(mode="json")),
            spec_id=spec_id,
            run_lost=self._runs.is_lost(state.outstanding if state else None),
            life_at=life.at if life else None,
            last_sign_of_life=now if _SIGN_OF_LIFE in call.entry.tags else None,
        )
        if _LOOKS_AT_SPEC in call.entry.tags and spec_id:
            situation = self._look_at_spec(situation, spec_id)
        return self._look_at_protected(situation) if _LOOKS_AT_PROTECTED in call.entry.tags else situation

    def _look_at_protected(self, situation: Situation) -> Situation:
        """Look at the protected files, those that the session has now and those that it may come to have."""
        state, spec = situation.session, situation.spec
        plans = [state.plan] if state else []
        plans += [spec.plan] if spec and spec.plan else []
        settings = [situation.settings, *([state.settings] if state else [])]
        patterns = {path: None for plan in plans for policy in settings for path in patterns_of(plan, policy)}
        return replace(situation, protected=self._world.means.protected.digests(list(patterns)))

    def _look_at_spec(self, situation: Situation, spec_id: str) -> Situation:
        live = self._world.store.live_session(spec_id)
        try:
            spec, problem = self._plans.on_disk(spec_id), None
        except SpecUnavailable as unavailable:
            spec, problem = None, unavailable.message
        return replace(
            situation,
            spec=spec,
            spec_problem=problem,
            live=(live.session_id, live.status or SessionStatus.FAILED) if live else None,
            earlier=self._earlier(spec_id) if situation.session is None else None,
        )

    def _earlier(self, spec_id: str) -> Session | None:
        last = newest(self._world.store, spec_id)
        # Of a session that was reset because its log is at fault nothing is carried on.
        if last is None or self._world.store.is_closed(last.session_id):
            return None
        return self._sessions.load(last.session_id)

    async def _record_run(self, session_id: str, caller: Caller, payload: EventPayload) -> None:
        """Record how a run ended, unless its step is past it."""
        for _ in range(_ROUNDS):
            state = self._sessions.load(session_id)
            if state is None or not _waits_for(state.outstanding, payload):
                return
            try:
                now = max(self._world.clock.now(), state.updated_at)
                self._sessions.append(session_id, state.spec_id, state, (payload,), now=now, caller=caller)
            except VersionConflict:
                continue
            return
        raise StoreBusy("Other writers kept being faster.", "Run it again.")

    def _accepted(self, call: Call, request_id: str, reply: BaseModel) -> Envelope:
        answer = envelope.success(request_id, reply, call.alias, call.warnings)
        validation.hold_response(call.entry, answer.document["data"])
        return answer

    def _refused(self, call: Call, request_id: str, refusal: Refusal, state: Session | None = None) -> Envelope:
        validation.hold_refusal(call.entry, refusal.code)
        return envelope.failure(request_id, refusal, state, call.alias, call.warnings)


def _answers(call: Call, uses: list[Use], now: str, answer: Envelope) -> tuple[Answer, ...]:
    return tuple(answer_for(call.entry, use, now, answer.text) for use in uses if use.digest)


def _is_other(before: Session, after: Session) -> bool:
    """Tell whether what was under way for a step is so no longer: another step is out, or another run began."""
    return _under_way(before) not in (None, _under_way(after))


def _under_way(state: Session) -> str | None:
    step = state.outstanding
    return step.started.attempt_id if step and step.started else None


def _waits_for(step: Outstanding | None, payload: EventPayload) -> bool:
    if step is None or step.started is None or step.finished is not None:
        return False
    return step.started.attempt_id == getattr(payload, "attempt_id", None)
