"""Putting a decision together: events applied to the state, and the reply that shows the result."""

from __future__ import annotations

from foundry_contracts.events import EventPayload
from foundry_contracts.handlers import Refusal
from foundry_contracts.tables import SESSION_MACHINE_TRANSITIONS
from foundry_contracts.vocabulary import CommandName, ErrorCode
from foundry_mcp.machine.evolve import fold
from foundry_mcp.machine.session import Plans, Recorded, Session
from foundry_mcp.machine.situation import Situation


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
    return state
