"""What the contracts declare, against what clients were given while the suite ran.

Every error code, event type, reason, row of the signal table and recommended action has to reach some client, and
what reaches one has to be declared. Each process of a parallel run notes its own; the one that controls them compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from foundry_contracts.tables import ACTION_TEMPLATE_VALUES, LOOP_DECISION_ROWS, decide_loop_decision
from foundry_contracts.vocabulary import ErrorCode, EventType, FailureReason, LoopSignal, PauseReason, SessionStatus

DECLARED: Mapping[str, frozenset[str]] = {
    "error code": frozenset(ErrorCode),
    "event type": frozenset(EventType),
    "pause reason": frozenset(PauseReason),
    "failure reason": frozenset(FailureReason),
    "signal": frozenset(LoopSignal),
    "signal table row": frozenset(map(str, range(len(LOOP_DECISION_ROWS)))),
    "recommended action": frozenset(ACTION_TEMPLATE_VALUES),
}
_seen: dict[str, set[str]] = {kind: set() for kind in DECLARED}


def note(envelope: Mapping[str, object]) -> None:
    """Note what an answer holds, and hold its signal and its ways out to the table's row."""
    data = envelope["data"]
    assert isinstance(data, dict)
    session = data.get("session", {})
    facts = {
        "error code": data.get("error_code"),
        "pause reason": session.get("pause_reason"),
        "failure reason": session.get("failure_reason"),
        "signal": data.get("loop_signal"),
    }
    for kind, value in facts.items():
        if value is not None:
            _seen[kind].add(value)
    actions = [action["action"] for action in data.get("recommended_actions", [])]
    _seen["recommended action"].update(actions)
    _seen["event type"].update(event["type"] for event in data.get("events", []))
    if "loop_signal" in data and ("error_code" in data or session):
        _note_row(data, session, actions)


def _note_row(data: Mapping[str, object], session: Mapping[str, str], actions: list[str]) -> None:
    error, status, reason = data.get("error_code"), session.get("status"), session.get("pause_reason")
    row = decide_loop_decision(
        error=ErrorCode(str(error)) if error else None,
        status=SessionStatus(status) if status else None,
        reason=PauseReason(reason) if reason else None,
    )
    assert data["loop_signal"] == row.signal, (data, row)
    assert actions == list(row.actions), (data, row)
    number = next(number for number, candidate in enumerate(LOOP_DECISION_ROWS) if candidate is row)
    _seen["signal table row"].add(str(number))


def seen() -> dict[str, list[str]]:
    """Give what this process noted, in a form that another process can be sent."""
    return {kind: sorted(values) for kind, values in _seen.items()}


def add(others: Mapping[str, Iterable[str]]) -> None:
    """Take in what another process noted."""
    for kind, values in others.items():
        _seen[kind].update(values)


def differences(found: Mapping[str, Iterable[str]]) -> list[str]:
    """Say what is declared and reached nobody, and what reached somebody and is not declared."""
    lines = []
    for kind, declared in DECLARED.items():
        values = set(found.get(kind, ()))
        lines += [f"{kind} {value}: declared, but no client was given it" for value in sorted(declared - values)]
        lines += [f"{kind} {value}: given to a client, but not declared" for value in sorted(values - declared)]
    return lines
