"""Code that stands on a command line: what it names, and what makes it impossible to tell what it does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Final

from foundry_contracts.tables import GUARDED_CODE_VALUES, GUARDED_PLACE_INFO
from foundry_contracts.vocabulary import GuardAccess, GuardReason
from foundry_mcp.guard.protected import Spot
from foundry_mcp.guard.shell_words import is_open
from foundry_mcp.guard.verdict import Refused
from foundry_mcp.places import PRODUCT

_WORD: Final = re.compile(r"[A-Za-z_]\w*")
# What is written to a terminal is no file.
_OUTPUTS: Final = re.compile(r"\b(?:stdout|stderr)(?:\.buffer)?\s*\.\s*write\b")
# The mode of an opened file: 'w', "r+", 'ab'; and how Perl and awk say it.
_MODES: Final = re.compile(
    r"""(?:,|mode\s*=)\s*['"][rwaxbtU]{0,3}[wax+][rwaxbtU+]{0,3}['"]|['"]\s*\+?>|>\s*['"]|\|\s*['"]|['"]\s*\|"""
)


def hold_code(code: str, spots: Sequence[Spot], *, backticks_run: bool) -> None:
    """Refuse code that names a guarded place, changes files, starts programs or hides its words."""
    if is_open(code):
        raise Refused(GuardReason.NOT_UNDERSTOOD, "code that is put together as it runs")
    folded = code.casefold()
    for spot in spots:
        if any(name in folded for name in _names(spot)):
            reason = GuardReason.PLACE_HIDDEN if spot.access is GuardAccess.NONE else GuardReason.PLACE_READ_ONLY
            raise Refused(reason, f"code that names {spot.place.value}")
    if PRODUCT in folded or PRODUCT.replace("-", "_") in folded:
        raise Refused(GuardReason.COMMAND_RESERVED, f"code that names {PRODUCT}")
    words = set(_WORD.findall(_OUTPUTS.sub("", code)))
    for kind, known in GUARDED_CODE_VALUES.items():
        told = words & set(known.names)
        if told:
            raise Refused(GuardReason.NOT_UNDERSTOOD, f"code that {kind.replace('_', ' ')} ({min(told)})")
    if _MODES.search(code) or (backticks_run and "`" in code):
        raise Refused(GuardReason.NOT_UNDERSTOOD, "code that writes files or starts programs")


def _names(spot: Spot) -> Iterator[str]:
    """List how code would write a place: its path, and the end of it that nothing else is named like."""
    path = spot.path.casefold()
    if is_open(path):
        yield "/proc/"
        return
    yield path
    parent, name = os.path.split(path)
    yield f"{os.path.basename(parent)}/{name}"
    if os.path.basename(spot.path) not in GUARDED_PLACE_INFO[spot.place].paths:
        return
    # It lies in the workspace itself, where its bare name is enough.
    for quote in "'\"":
        yield f"{quote}{name}{quote}"
        yield f"{quote}{name}/"
    yield f"./{name}"
    yield f"/{name}/"
