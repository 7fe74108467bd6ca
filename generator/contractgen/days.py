"""Days as contracts write them: ISO 8601, such as 2026-01-31."""

from __future__ import annotations

from datetime import date


def is_day(text: str) -> bool:
    """Say whether a text of the right form is a day of the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
