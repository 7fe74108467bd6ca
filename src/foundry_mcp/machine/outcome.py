"""Putting a decision together: events applied to the state, and the reply that shows the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel
from pydantic_core import MISSING

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Accepted, JsonValue, Refusal
from foundry_contracts.models.events_session import HolderChanged, SessionSettings
from foundry_contracts.tables import SESSION_MACHINE_TERMINAL, SESSION_MACHINE_TRANSITIONS
from foundry_contracts.vocabulary import CommandName, ErrorCode, Role
from foundry_mcp.machine.evolve import fold
from foundry_mcp.machine.moments import later
from foundry_mcp.machine.roles import permits
from foundry_mcp.machine.session import Plans, Recorded, Session
from foundry_mcp.machine.situation import Situation

# The contract's tag of commands that a session takes whatever the server's policy is now.
_ANY_POLICY = "any_policy"
R = TypeVar("R", bound=BaseModel, covariant=True)


@dataclass(frozen=True, slots=True)
class Decided(Accepted[R]):
    """Hold a "yes" with the state its events lead to, so that recording them need not fold them again."""

    after: Session | None = None


def apply(
    situation: Situation,
    events: tuple[EventPayload, ...],
    state: Session | None,
    session_id: str,
    spec_id: str,
    plans: Plans,
) -> Session:
    """Give the state after events that this situation's caller causes now."""
    first = state.version + 1 if state else 1
    recorded = (
        Recorded(session_id, spec_id, first + place, situation.now, situation.caller.role, payload)
        for place, payload in enumerate(events)
    )
    after = fold(recorded, plans, state)
    if after is None:
        raise ValueError("a session begins with an event")
    return after


def apply_to(state: Session, situation: Situation, events: tuple[EventPayload, ...]) -> Session:
    """Give the state of an existing session after events."""
    return apply(situation, events, state, state.session_id, state.spec_id, lambda digest: state.plan)


def session_or_refusal(situation: Situation, command: CommandName) -> Session | Refusal:
    """Give the session a command is for, if the machine's table allows the command in its status."""
    state = situation.session
    if state is None:
        return Refusal(ErrorCode.SESSION_NOT_FOUND, "There is no such session.", {})
    if state.status not in SESSION_MACHINE_TRANSITIONS[command].source:
        return Refusal(
            ErrorCode.SESSION_STATE_CONFLICT,
            f"The session is {state.status.value}; {command.value} is not possible then.",
            {"session_id": state.session_id, "status": state.status.value},
        )
    # What is over cannot be led anywhere by a looser policy, and nobody could accept a policy for it.
    lasting = state.status in SESSION_MACHINE_TERMINAL or _ANY_POLICY in COMMANDS[command].tags
    if not lasting and state.settings != situation.settings:
        return Refusal(
            ErrorCode.POLICY_CHANGED,
            "The server's policy is not the one this session started under.",
            {"session_id": state.session_id, "changed": _changed(state.settings, situation.settings)},
        )
    return state


def _changed(pinned: SessionSettings, present: SessionSettings) -> dict[str, JsonValue]:
    """Say which settings differ, with both values."""
    before, now = pinned.model_dump(mode="json"), present.model_dump(mode="json")
    return {name: {"session": before[name], "server": now[name]} for name in before if before[name] != now[name]}


def hold(state: Session, situation: Situation, run_id: str | MISSING) -> tuple[EventPayload, ...] | Refusal:
    """Let the run that holds the session go on, and another only after the hold's end or on a maintainer's word.

    A session that is over has nothing left to hold: whoever asks is told how it ended.
    """
    if state.status in SESSION_MACHINE_TERMINAL:
        return ()
    run = situation.caller.id if run_id is MISSING else run_id
    if run == state.run_id:
        return ()
    expires_at = later(last_sign_of_life(state, situation), state.settings.heartbeat_stale_s)
    if situation.now <= expires_at and not permits(situation.caller.role, Role.MAINTAINER):
        details = {"session_id": state.session_id, "holder": state.run_id, "expires_at": expires_at}
        return Refusal(ErrorCode.SESSION_HELD, f"Run {state.run_id} holds the session until {expires_at}.", details)
    return (HolderChanged(run_id=run, previous=state.run_id),)


def held_session(
    situation: Situation, command: CommandName, run_id: str | MISSING
) -> tuple[Session, tuple[EventPayload, ...]] | Refusal:
    """Give the session that a run leads on, and what is to be recorded of its taking hold; a refusal where it may not.

    The command has to be possible in the session's status.
    """
    state = session_or_refusal(situation, command)
    if isinstance(state, Refusal):
        return state
    held = hold(state, situation, run_id)
    return held if isinstance(held, Refusal) else (state, held)


def last_sign_of_life(state: Session, situation: Situation) -> str:
    """Give the last moment the holder was heard of. Timestamps of one form compare as text."""
    return max(state.run_seen_at, situation.life_at or "")
