"""What a command is decided in, gathered from the log, the files and the clock as its contract's tags ask."""

from __future__ import annotations

from foundry_contracts.vocabulary import SessionStatus
from foundry_mcp.application.call import Call
from foundry_mcp.application.plans import Plans
from foundry_mcp.application.runs import Runs
from foundry_mcp.application.sessions import Sessions
from foundry_mcp.application.world import World
from foundry_mcp.machine.protected import patterns_of
from foundry_mcp.machine.replacing import replace
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.situation import FreshIds, Situation
from foundry_mcp.ports import SpecUnavailable, newest

# Tags of contracts. What bears the first needs a spec's live session, whatever session it names.
MUTATES_SPEC, SIGN_OF_LIFE = "mutates_spec", "sign_of_life"
_LOOKS_AT_SPEC, _LOOKS_AT_PROTECTED = "looks_at_spec", "looks_at_protected"


class Situations:
    """Gather situations."""

    def __init__(self, world: World, sessions: Sessions, plans: Plans, runs: Runs) -> None:
        self._world = world
        self._sessions = sessions
        self._plans = plans
        self._runs = runs

    def of(self, call: Call, asked: dict[str, object], now: str) -> Situation:
        """Gather what the machine may know beside what is asked: the state, and the world as data."""
        spec_id, session_id = asked.get("spec_id"), asked.get("session_id")
        tags = call.entry.tags
        if MUTATES_SPEC in tags and isinstance(spec_id, str):
            live = self._world.store.live_session(spec_id)
            session_id = live.session_id if live else None
        state = self._sessions.load(session_id) if isinstance(session_id, str) else None
        spec_id = state.spec_id if state else spec_id
        life = self._world.store.life(state.session_id) if state else None
        # A clock that was set back must not let a session's events run backwards.
        now = max(now, state.updated_at if state else "")
        fresh, signer = self._world.ids.fresh, self._world.means.signer
        situation = Situation(
            session=state,
            caller=call.caller,
            now=now,
            ids=FreshIds(session=fresh("ses"), step=fresh("stp"), attempt=fresh("att")),
            settings=self._world.policy.settings,
            mac=signer.mac,
            opened=lambda receipt: signer.verify(receipt.model_dump(mode="json")),
            spec_id=spec_id if isinstance(spec_id, str) else None,
            run_lost=self._runs.is_lost(state.outstanding if state else None),
            life_at=life.at if life else None,
            last_sign_of_life=now if SIGN_OF_LIFE in tags else None,
        )
        if _LOOKS_AT_SPEC in tags and situation.spec_id:
            situation = self._with_spec(situation, situation.spec_id)
        return self._with_protected(situation) if _LOOKS_AT_PROTECTED in tags else situation

    def _with_spec(self, situation: Situation, spec_id: str) -> Situation:
        begins = situation.session is None
        live = self._world.store.live_session(spec_id) if begins else None
        try:
            spec, problem = self._plans.on_disk(spec_id), None
        except SpecUnavailable as unavailable:
            spec, problem = None, unavailable.message
        return replace(
            situation,
            spec=spec,
            spec_problem=problem,
            live=(live.session_id, live.status or SessionStatus.FAILED) if live else None,
            earlier=self._earlier(spec_id) if begins else None,
        )

    def _earlier(self, spec_id: str) -> Session | None:
        last = newest(self._world.store, spec_id)
        # Of a session that was reset because its log is at fault nothing is carried on.
        if last is None or self._world.store.is_closed(last.session_id):
            return None
        return self._sessions.load(last.session_id)

    def _with_protected(self, situation: Situation) -> Situation:
        """Look at the protected files, those that the session has now and those that it may come to have."""
        state, spec = situation.session, situation.spec
        plans = [state.plan] if state else []
        plans += [spec.plan] if spec and spec.plan else []
        settings = [situation.settings, *([state.settings] if state else [])]
        patterns = {path: None for plan in plans for policy in settings for path in patterns_of(plan, policy)}
        return replace(situation, protected=self._world.means.protected.digests(list(patterns)))
