"""The clock and the ids."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from foundry_mcp.adapters.system import SystemClock, SystemIds
from foundry_mcp.ports import Clock, Ids


def test_the_moment_is_utc_with_milliseconds() -> None:
    clock: Clock = SystemClock()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", clock.now())
    assert SystemClock(lambda: 1_767_225_600_007).now() == "2026-01-01T00:00:00.007Z"


def test_a_clock_set_back_stands_still() -> None:
    moments = iter([2000, 1000, 2001])
    clock = SystemClock(lambda: next(moments))
    assert [clock.now()[-6:] for _ in range(3)] == ["2.000Z"[-6:], "2.000Z"[-6:], "2.001Z"[-6:]]


def test_ids_have_the_form_the_contracts_state() -> None:
    ids: Ids = SystemIds()
    for _ in range(200):
        assert re.fullmatch(r"stp_[0-9a-hjkmnp-tv-z]{26}", ids.fresh("stp"))


def test_ids_sort_by_the_time_they_were_made_even_when_the_clock_stands_or_goes_back() -> None:
    moments = iter([5, 5, 5, 3, 6])
    ids = SystemIds(lambda: next(moments))
    made = [ids.fresh("ses") for _ in range(5)]
    assert made == sorted(made)
    assert made[0].startswith("ses_0000000005")
    assert made[4].startswith("ses_0000000006")


def test_threads_never_get_the_same_id() -> None:
    ids = SystemIds()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ids.fresh("ses"), range(5000)))
    assert len(set(made)) == 5000
