"""Moments as the contracts write them: UTC, RFC 3339 with milliseconds, so that they compare as text."""

from __future__ import annotations

from datetime import datetime, timedelta


def later(moment: str, seconds: int) -> str:
    """Give the moment so many seconds later."""
    then = datetime.fromisoformat(moment) + timedelta(seconds=seconds)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_between(moment: str, then: str) -> float:
    """Give how many seconds lie between two moments."""
    return (datetime.fromisoformat(then) - datetime.fromisoformat(moment)).total_seconds()
