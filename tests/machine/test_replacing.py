"""Records with some fields changed are what the standard library would make of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from foundry_mcp.machine.replacing import replace


@dataclasses.dataclass(frozen=True)
class Many:
    first: int
    second: str = "b"
    third: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class One:
    only: int


@pytest.mark.parametrize("changes", [{}, {"second": "x"}, {"first": 2, "third": (1,)}])
def test_a_changed_record_is_the_standard_librarys(changes: dict[str, Any]) -> None:
    before = Many(1)
    assert replace(before, **changes) == dataclasses.replace(before, **changes)
    assert before == Many(1)


def test_a_record_of_one_field_is_changed_too() -> None:
    assert replace(One(1), only=2) == One(2)


def test_a_field_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Many has no field 'fourth'"):
        replace(Many(1), fourth=4)
