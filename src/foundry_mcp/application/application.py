"""handle(): load, fold, decide, append, reply. The only such sequence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, Refusal
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.vocabulary import ErrorCode
from foundry_mcp.application import envelope, validation
from foundry_mcp.application.answers import Use, answer_for, look_up, use_of_proof
from foundry_mcp.application.call import Call, Envelope
from foundry_mcp.application.handlers import FoundryHandlers
from foundry_mcp.application.plans import Plans
from foundry_mcp.application.reader import Reader
from foundry_mcp.application.runs import Means, Runs
from foundry_mcp.application.sessions import Sessions
from foundry_mcp.machine.decide_session import unauthorized
from foundry_mcp.machine.roles import permits
from foundry_mcp.machine.session import Outstanding, Session
from foundry_mcp.machine.situation import Caller, FreshIds, Situation
from foundry_mcp.ports import (
    Clock,
    Ids,
    Life,
    LiveSessionExists,
    SpecFiles,
    SpecUnavailable,
    Store,
    StoreBusy,
    StoreUnavailable,
    VersionConflict,
)

_LOG = logging.getLogger(__name__)
# Each round that loses is a round another writer won, so a handful is plenty before asking the caller to wait.
_ROUNDS = 8
# What a contract's tags ask of this sequence.
_LOOKS_AT_SPEC, _SIGN_OF_LIFE, _RUNS = "looks_at_spec", "sign_of_life", "runs"


@dataclass(frozen=True, slots=True)
class World:
    """Hold the adapters and settings an application works with."""

    workspace: Path
    store: Store
    specs: SpecFiles
    clock: Clock
    ids: Ids
    means: Means
    settings: SessionSettings
    replay_grace_s: int


class Application:
    """Answer calls. One instance a process; all its work is on one event loop."""

    def __init__(self, world: World, handlers: FoundryHandlers) -> None:
        self._world = world
        self._handlers = handlers
        self._plans = Plans(world.store, world.specs)
        self._sessions = Sessions(world.store, self._plans, world.ids)
        self._runs = Runs(world.means)

    async def handle(self, call: Call) -> Envelope:
        """Answer a call with an envelope; nothing a caller sends raises."""
        request_id = self._world.ids.fresh("req")
        try:
            return await self._answer(call, request_id)
        except StoreBusy as problem:
            return self._refused(call, request_id, Refusal(ErrorCode.STORE_BUSY, problem.message))
        except StoreUnavailable as problem:
            details = {"remedy": problem.remedy}
            return self._refused(call, request_id, Refusal(ErrorCode.STORE_UNAVAILABLE, problem.message, details))
        except Exception:  # the last line of defence: a fault of ours must not take the server down
            _LOG.exception("%s: %s failed", request_id, call.entry.name)
            message = f"The server failed to answer; its log names the cause under {request_id}."
            return self._refused(call, request_id, Refusal(ErrorCode.INTERNAL_ERROR, message))

    async def close(self) -> None:
        """Cut off what runs and let go of the store."""
        await self._runs.stop()
        self._world.store.close()

    async def _answer(self, call: Call, request_id: str) -> Envelope:
        if not permits(call.caller.role, call.entry.role):
            return self._refused(call, request_id, unauthorized(call.caller.role, call.entry.role, call.entry.title))
        problems = validation.request_problems(call.entry, call.params)
        if problems:
            message = f"{problems[0]['pointer'] or 'The request'}: {problems[0]['problem']}"
            details = {"problems": problems}
            return self._refused(call, request_id, Refusal(ErrorCode.VALIDATION_ERROR, message, details))
        request = validation.model(call.entry.request_model).model_validate(call.params)
        if call.entry.read_only:
            return self._query(call, request, request_id)
        answer, state = self._decide(call, request, request_id)
        step = state.outstanding if state else None
        if _RUNS in call.entry.tags and answer.success and state and step and step.started and not step.finished:
            self._runs.ensure(state, step, partial(self._record_run, state.session_id, call.caller))
            await self._runs.wait(step.started.attempt_id, getattr(request, "wait_ms", 0))
            answer, _ = self._decide(call, request, request_id)
        return answer

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
        return Reader(caller, world.workspace, world.store, self._sessions, world.specs, world.means.signer)

    def _decide(self, call: Call, request: BaseModel, request_id: str) -> tuple[Envelope, Session | None]:
        """Decide on the state as it is now, and again when another writer was faster."""
        for _ in range(_ROUNDS):
            try:
                return self._decide_once(call, request, request_id)
            except (VersionConflict, LiveSessionExists):
                continue
        raise StoreBusy("Other writers kept being faster.", "Send the same call again.")

    def _decide_once(self, call: Call, request: BaseModel, request_id: str) -> tuple[Envelope, Session | None]:
        now = self._world.clock.now()
        situation = self._situation(call, request, now)
        use = use_of_proof(request)
        before = situation.session
        if use is not None:
            found = look_up(self._world.store, call.entry, use, now, self._world.replay_grace_s)
            if isinstance(found, Refusal):
                return self._refused(call, request_id, found, before), before
            if not isinstance(found, bool):
                return envelope.kept(found.body), before
            situation = replace(situation, recorded_elsewhere=found)
        handler: Callable[..., Accepted[BaseModel] | Refusal] = getattr(self._handlers, call.entry.identifier)
        decision = handler(situation, request)
        if isinstance(decision, Refusal):
            return self._refused(call, request_id, decision, before), before
        answer = self._accepted(call, request_id, decision.reply)
        after = self._keep(call, situation, decision.events, use, answer)
        if after is not None and _SIGN_OF_LIFE in call.entry.tags:
            self._world.store.touch(after.session_id, Life(call.caller.id, now))
        return answer, after

    def _keep(
        self, call: Call, situation: Situation, events: tuple[EventPayload, ...], use: Use | None, answer: Envelope
    ) -> Session | None:
        """Write what was decided, with the answer where a proof asks for it; then it may be given."""
        state = situation.session
        now = situation.now
        if not events:
            return state
        plan = situation.spec.plan if state is None and situation.spec else None
        return self._sessions.append(
            state.session_id if state else situation.ids.session,
            state.spec_id if state else situation.spec_id or "",
            state,
            events,
            now=now,
            caller=call.caller,
            answers=(answer_for(call.entry, use, now, answer.text),) if use and use.digest else (),
            plan=self._plans.text(plan) if plan else None,
        )

    def _situation(self, call: Call, request: BaseModel, now: str) -> Situation:
        """Gather what the machine may know: the state, and the world as data."""
        session_id = getattr(request, "session_id", None)
        state = self._sessions.load(session_id) if isinstance(session_id, str) else None
        spec_id = state.spec_id if state else getattr(request, "spec_id", None)
        fresh = self._world.ids.fresh
        situation = Situation(
            session=state,
            caller=call.caller,
            now=now,
            ids=FreshIds(session=fresh("ses"), step=fresh("stp"), attempt=fresh("att")),
            settings=self._world.settings,
            mac=self._world.means.signer.mac,
            spec_id=spec_id,
            run_lost=self._runs.is_lost(state.outstanding if state else None),
            last_sign_of_life=self._last_sign_of_life(call, state, now),
        )
        return self._look_at_spec(situation, spec_id) if _LOOKS_AT_SPEC in call.entry.tags and spec_id else situation

    def _look_at_spec(self, situation: Situation, spec_id: str) -> Situation:
        live = self._world.store.live_session(spec_id)
        try:
            spec, problem = self._plans.on_disk(spec_id), None
        except SpecUnavailable as unavailable:
            spec, problem = None, unavailable.message
        return replace(
            situation, spec=spec, spec_problem=problem, live=(live.session_id, live.status) if live else None
        )

    def _last_sign_of_life(self, call: Call, state: Session | None, now: str) -> str | None:
        if _SIGN_OF_LIFE in call.entry.tags:
            return now
        life = self._world.store.life(state.session_id) if state else None
        return life.at if life else None

    async def _record_run(self, session_id: str, caller: Caller, payload: EventPayload) -> None:
        """Record how a run ended, unless its step is past it."""
        for _ in range(_ROUNDS):
            state = self._sessions.load(session_id)
            if state is None or not _waits_for(state.outstanding, payload):
                return
            try:
                self._sessions.append(
                    session_id, state.spec_id, state, (payload,), now=self._world.clock.now(), caller=caller
                )
            except VersionConflict:
                continue
            return
        raise StoreBusy("Other writers kept being faster.", "Run it again.")

    def _accepted(self, call: Call, request_id: str, reply: BaseModel) -> Envelope:
        answer = envelope.success(request_id, reply, call.alias, call.warnings)
        validation.hold_response(call.entry, answer.document["data"])
        return answer

    def _refused(self, call: Call, request_id: str, refusal: Refusal, state: Session | None = None) -> Envelope:
        return envelope.failure(request_id, refusal, state, call.alias, call.warnings)


def _waits_for(step: Outstanding | None, payload: EventPayload) -> bool:
    if step is None or step.started is None or step.finished is not None:
        return False
    return step.started.attempt_id == getattr(payload, "attempt_id", None)
