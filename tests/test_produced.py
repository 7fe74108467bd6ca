"""The comparison of what is declared with what clients were given finds a difference either way."""

from __future__ import annotations

import pytest

from tests import produced


def test_what_was_given_and_nothing_else_makes_no_difference() -> None:
    assert produced.differences(produced.DECLARED) == []


@pytest.mark.parametrize("kind", produced.DECLARED)
def test_what_reached_nobody_and_what_is_not_declared_are_both_named(kind: str) -> None:
    missing, *others = sorted(produced.DECLARED[kind])
    lines = produced.differences({**produced.DECLARED, kind: {*others, "never-heard-of"}})
    assert lines == [
        f"{kind} {missing}: declared, but no client was given it",
        f"{kind} never-heard-of: given to a client, but not declared",
    ]


def test_an_answer_with_another_signal_than_its_row_says_is_noticed() -> None:
    session = {"status": "paused", "pause_reason": "user"}
    with pytest.raises(AssertionError):
        produced.note({"data": {"loop_signal": None, "session": session}})
