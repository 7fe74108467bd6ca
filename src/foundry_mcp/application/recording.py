"""What is written of a call before it is answered: a decision with its answer, a refusal's events, a run's end."""

from __future__ import annotations

from pydantic import BaseModel

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, Refusal
from foundry_contracts.models.events_session import AccessDenied, SessionRebased, SessionStarted
from foundry_contracts.vocabulary import ErrorCode, Role
from foundry_mcp.application.answers import Use, answers_for
from foundry_mcp.application.call import Call, Envelope
from foundry_mcp.application.denials import Denials
from foundry_mcp.application.plans import Plans
from foundry_mcp.application.sessions import Sessions
from foundry_mcp.application.situations import SIGN_OF_LIFE
from foundry_mcp.application.world import World
from foundry_mcp.machine.outcome import Decided
from foundry_mcp.machine.session import Outstanding, Session
from foundry_mcp.machine.situation import Caller, Situation
from foundry_mcp.ports import Life


class Recorder:
    """Write what was decided. VersionConflict where the state is no longer the one it was decided on."""

    def __init__(self, world: World, sessions: Sessions, plans: Plans, denials: Denials) -> None:
        self._world = world
        self._sessions = sessions
        self._plans = plans
        self._denials = denials

    def decision(
        self, call: Call, situation: Situation, decision: Accepted[BaseModel], uses: list[Use], answer: Envelope
    ) -> Session | None:
        """Write what was decided, with the answer where a proof asks for it, and give the session it leaves."""
        state, now, events = situation.session, situation.now, decision.events
        if not events:
            # Events are signs of life themselves; only a call that changes nothing has to leave one beside the log.
            if state is not None and SIGN_OF_LIFE in call.entry.tags:
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
            answers=answers_for(call.entry, uses, now, answer.text),
            plan=self._plans.text(plan) if plan else None,
            after=decision.after if isinstance(decision, Decided) else None,
        )

    def refusal(self, call: Call, state: Session | None, refusal: Refusal, now: str) -> Session | None:
        """Write what of a refusal is to be recorded, and give the session it leaves.

        A refusal may pause its session, so it holds for the state it was decided on, and for no other.
        """
        events = refusal.events
        if refusal.code is ErrorCode.UNAUTHORIZED:
            needed = Role(str(refusal.details["needed"]))
            events = (*events, AccessDenied(command=call.entry.name, error_code=refusal.code, needed=needed))
        if state is not None and events:
            state = self._append(state, events, now, call.caller)
        for event in events:
            if isinstance(event, AccessDenied):
                self._denials.note(call.caller, now)
                if state is None:
                    self._denials.record(event, call, now)
        return state

    def run_end(self, session_id: str, caller: Caller, payload: EventPayload) -> None:
        """Write how a run ended, unless its step is past it."""
        state = self._sessions.load(session_id)
        if state is not None and _waits_for(state.outstanding, payload):
            self._append(state, (payload,), self._world.clock.now(), caller)

    def _append(self, state: Session, events: tuple[EventPayload, ...], now: str, caller: Caller) -> Session:
        moment = max(now, state.updated_at)
        return self._sessions.append(state.session_id, state.spec_id, state, events, now=moment, caller=caller)


def _waits_for(step: Outstanding | None, payload: EventPayload) -> bool:
    if step is None or step.started is None or step.finished is not None:
        return False
    return step.started.attempt_id == getattr(payload, "attempt_id", None)
