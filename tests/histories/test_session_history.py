"""Sessions live through random histories with crashes, and nothing that must hold is ever broken."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import SHOWN
from tests.histories.session_history import TOLD, History

BOUNDED = settings(
    max_examples=15,
    stateful_step_count=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def test_what_must_hold_holds_through_random_histories_with_crashes(
    record_property: Callable[[str, object], None],
) -> None:
    run_state_machine_as_test(History, settings=BOUNDED)
    crashes = sum(count for name, count in TOLD.items() if name.startswith("crash "))
    refused = sum(name.startswith("refused ") for name in TOLD)
    line = f"histories: {TOLD['histories']}, {TOLD['calls']} calls, {crashes} crashes, {refused} codes of refusals"
    record_property(SHOWN, line)
    assert crashes > 0
    assert refused > 10
