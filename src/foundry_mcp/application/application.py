"""handle(): load, fold, decide, append, reply. The only such sequence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import BaseModel

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, Refusal
from foundry_contracts.models.formats_audit import LogFinding
from foundry_contracts.models.task_session_reset import SessionResetRequest
from foundry_contracts.models.task_update_status import TaskUpdateStatusRequest
from foundry_contracts.vocabulary import ErrorCode
from foundry_mcp.application import envelope, validation
from foundry_mcp.application.answers import answers_for, look_up, uses_of
from foundry_mcp.application.call import Call, Envelope
from foundry_mcp.application.cursors import Cursors
from foundry_mcp.application.degraded import at_fault, closing, degraded
from foundry_mcp.application.denials import Denials
from foundry_mcp.application.handlers import FoundryHandlers
from foundry_mcp.application.planned_steps import PlannedSteps
from foundry_mcp.application.plans import Plans
from foundry_mcp.application.reader import Reader
from foundry_mcp.application.recording import Recorder
from foundry_mcp.application.rounds import until_first
from foundry_mcp.application.runs import Runs
from foundry_mcp.application.sessions import Sessions
from foundry_mcp.application.situations import MUTATES_SPEC, Situations
from foundry_mcp.application.spec_writer import SpecWriter
from foundry_mcp.application.world import World
from foundry_mcp.machine.moments import seconds_between
from foundry_mcp.machine.replacing import replace
from foundry_mcp.machine.roles import permits, unauthorized
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import LogBroken, SpecUnavailable, StoreBusy, StoreUnavailable

_LOG = logging.getLogger(__name__)
# What a contract's tags ask of this sequence.
_RUNS, _CLOSES_LOG = "runs", "closes_log"
# How far the clock may stand behind the last event before the caller is told.
_NOTICED_S = 1.0
# Between attempts to record a run's end.
_PAUSES_S = tuple(0.05 * 2**number for number in range(11))
_BEHIND = "The server's clock stands before the session's last event: until it has caught up, times are told as"
# No answer of these is kept under a key. A run's changes until it ends, and a status is written outside the store, so
# that a kept answer could tell of a write that failed. Asking either again does nothing twice.
_UNKEPT = {_RUNS, MUTATES_SPEC}


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
        self._situations = Situations(world, self._sessions, self._plans, self._runs)
        self._recorder = Recorder(world, self._sessions, self._plans, self._denials)
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
            store.close_log(upkeep, answers_for(call.entry, uses, now, answer.text))
        return answer

    def _deny(self, call: Call, request_id: str) -> Envelope:
        """Refuse a caller whose role does not allow the command, and record it: with the session it was for, if any."""
        now = self._world.clock.now()
        refusal = unauthorized(call.caller.role, call.entry.role, call.entry.title.lower())
        state = until_first(lambda: self._recorder.refusal(call, self._named_in(call), refusal, now))
        return self._refused(call, request_id, refusal, state)

    def _named_in(self, call: Call) -> Session | None:
        """Give the session that a call names, if it is there and its log is sound."""
        session_id = call.params.get("session_id")
        try:
            return self._sessions.load(session_id) if isinstance(session_id, str) else None
        except LogBroken:
            return None

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
        return until_first(lambda: self._decide_once(call, request, request_id))

    def _decide_once(self, call: Call, request: BaseModel, request_id: str) -> tuple[Envelope, Session | None]:
        clock = self._world.clock.now()
        situation = self._situations.of(call, vars(request), clock)
        now = situation.now
        if seconds_between(clock, now) > _NOTICED_S:
            call = call.with_warning(f"{_BEHIND} {now}.")
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
            left = self._recorder.refusal(call, before, decision, now)
            return self._refused(call, request_id, decision, left), before
        answer = self._accepted(call, request_id, decision.reply)
        with self._runs.holding(decision.events):
            after = self._recorder.decision(call, situation, decision, uses, answer)
        if before is not None and after is not None and _is_other(before, after):
            self._runs.give_up(before.outstanding)
        try:
            self._write_spec(request, after, decision.events)
        except SpecUnavailable as problem:
            refusal = Refusal(ErrorCode.SPEC_UNAVAILABLE, problem.message, {"remedy": problem.remedy})
            return self._refused(call, request_id, refusal, after), after
        return answer, after

    def _write_spec(self, request: BaseModel, state: Session | None, events: tuple[EventPayload, ...]) -> None:
        """Write into the spec file what a command changes in it, or how far the session is at a phase's end."""
        if isinstance(request, TaskUpdateStatusRequest):
            self._spec_writer.update(request)
        elif state is not None and self._world.write_back:
            self._spec_writer.write_back(state, events)

    async def _record_run(self, session_id: str, caller: Caller, payload: EventPayload) -> None:
        """Record how a run ended. It may have taken long to get so far: a busy store is asked again for a minute."""
        for pause in _PAUSES_S:
            try:
                return until_first(lambda: self._recorder.run_end(session_id, caller, payload))
            except StoreBusy:
                await asyncio.sleep(pause)
        return until_first(lambda: self._recorder.run_end(session_id, caller, payload))

    def _accepted(self, call: Call, request_id: str, reply: BaseModel) -> Envelope:
        answer = envelope.success(request_id, reply, call.alias, call.warnings)
        validation.hold_response(call.entry, answer.document["data"])
        return answer

    def _refused(self, call: Call, request_id: str, refusal: Refusal, state: Session | None = None) -> Envelope:
        validation.hold_refusal(call.entry, refusal.code)
        return envelope.failure(request_id, refusal, state, call.alias, call.warnings)


def _is_other(before: Session, after: Session) -> bool:
    """Tell whether what was under way for a step is so no longer: another step is out, or another run began."""
    return _under_way(before) not in (None, _under_way(after))


def _under_way(state: Session) -> str | None:
    step = state.outstanding
    return step.started.attempt_id if step and step.started else None
