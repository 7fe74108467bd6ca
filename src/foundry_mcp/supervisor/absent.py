"""Between the contracts' absent (MISSING) and Python's None."""

from __future__ import annotations

from typing import TypeVar

from pydantic_core import MISSING

T = TypeVar("T")


def given(value: T | MISSING) -> T | None:
    """Give an optional field's value, None where it is absent."""
    return None if value is MISSING else value


def or_absent(value: T | None) -> T | MISSING:
    """Give a value for an optional field, absent where it is None."""
    return MISSING if value is None else value
