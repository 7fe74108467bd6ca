"""Guess what a misspelt name was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that is most like another, if one is like it at all; case counts for little."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), by_lower, 1)
    return by_lower[found[0]] if found else None


def hint(name: str, known: Iterable[str]) -> str:
    """Write the sentence that ends a remedy, with a space before it, or nothing."""
    near = nearest(name, known)
    return "" if near is None else f' Did you mean "{near}"?'
