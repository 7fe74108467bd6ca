"""Prove what a schema asks of a text or a number, from what is known to hold of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from contractgen.compat.numbers import exact
from contractgen.compat.specimens import LOOKS
from contractgen.compat.words import Wanted, none

Json = Any
Known = Sequence[Mapping[str, Json]]

# Every text of the first format is one of the others.
WITHIN = {
    "email": ("idn-email",),
    "uri": ("uri-reference", "iri", "iri-reference"),
    "uri-reference": ("iri-reference",),
    "iri": ("iri-reference",),
}
# A pattern that only texts of a format match
ENOUGH = {"uuid": LOOKS["uuid"]}


def text(known: Known) -> Wanted:
    """Join what is known of a text."""
    has = {facet["pattern"] for facet in known if "pattern" in facet}
    has |= {LOOKS[facet["format"]] for facet in known if facet.get("format") in LOOKS}
    refused = [facet["not"] for facet in known if isinstance(facet.get("not"), Mapping)]
    lacks = {rule["pattern"] for rule in refused if set(rule) <= {"pattern", "type"} and "pattern" in rule
             and rule.get("type", "string") == "string"}  # fmt: skip
    least = max((int(facet["minLength"]) for facet in known if "minLength" in facet), default=0)
    most = min((int(facet["maxLength"]) for facet in known if "maxLength" in facet), default=None)
    return Wanted(frozenset(has), frozenset(lacks), least, most)


def prove_text(known: Known, keyword: str, value: Json) -> bool:
    """Prove one keyword that asks something of a text."""
    held = text(known)
    if keyword == "minLength":
        return held.least >= value or none(Wanted(held.has, held.lacks, held.least, math.ceil(value) - 1))
    if keyword == "maxLength":
        if held.most is not None and held.most <= value:
            return True
        return bool(held.has) and none(Wanted(held.has, held.lacks, int(value) + 1, held.most))
    if keyword == "pattern":
        return value in held.has or none(Wanted(held.has, held.lacks | {value}, held.least, held.most))
    formats = {facet["format"] for facet in known if "format" in facet}
    if value in formats or any(value in WITHIN.get(kind, ()) for kind in formats):
        return True
    return value in ENOUGH and none(Wanted(held.has, held.lacks | {ENOUGH[value]}, held.least, held.most))


def prove_listed(known: Known, listed: Sequence[Json]) -> bool:
    """Prove that a text is one of a list."""
    held = text(known)
    literals = "|".join(re.sub(r"([^A-Za-z0-9_ ])", _escaped, one) for one in listed if isinstance(one, str))
    return bool(held.has) and none(Wanted(held.has, held.lacks | {f"^(?:{literals})$"}, held.least, held.most))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[1])
    return f"\\u{code:04x}" if code < 0x10000 else found[1]


def no_text(known: Known) -> bool:
    """Say whether no text can be so."""
    held = text(known)
    return (held.most is not None and held.most < held.least) or (bool(held.has) and none(held))


def prove_number(known: Known, keyword: str, value: Json, whole: bool) -> bool:
    """Prove one keyword that asks something of a number; `whole` says that it is an integer."""
    wanted = exact(value)
    if keyword == "multipleOf":
        steps = [exact(facet["multipleOf"]) for facet in known if "multipleOf" in facet] + (
            [Fraction(1)] if whole else []
        )
        return any(step % wanted == 0 for step in steps)
    low, low_open, high, high_open = interval(known, whole)
    if keyword == "minimum":
        return low is not None and low >= wanted
    if keyword == "exclusiveMinimum":
        return low is not None and (low > wanted or (low == wanted and low_open))
    if keyword == "maximum":
        return high is not None and high <= wanted
    return high is not None and (high < wanted or (high == wanted and high_open))


def interval(known: Known, whole: bool) -> tuple[Fraction | None, bool, Fraction | None, bool]:
    """Join the bounds: lowest, whether it is itself out, highest, whether it is itself out."""
    lows = [
        (exact(facet[key]), key != "minimum")
        for facet in known
        for key in ("minimum", "exclusiveMinimum")
        if key in facet
    ]
    highs = [
        (exact(facet[key]), key == "maximum")
        for facet in known
        for key in ("maximum", "exclusiveMaximum")
        if key in facet
    ]
    low, low_open = max(lows, default=(None, False))
    high, closed = min(highs, default=(None, True))
    if whole and low is not None:
        low, low_open = Fraction(math.floor(low) + 1 if low_open else math.ceil(low)), False
    if whole and high is not None:
        high, closed = Fraction(math.floor(high) if closed else math.ceil(high) - 1), True
    return low, low_open, high, not closed


def no_number(known: Known, whole: bool) -> bool:
    """Say whether no number can be so."""
    low, low_open, high, high_open = interval(known, whole)
    if low is None or high is None:
        return False
    if low > high or (low == high and (low_open or high_open)):
        return True
    # Between the bounds there may be no multiple of what is stated.
    for facet in known:
        if "multipleOf" in facet:
            step = exact(facet["multipleOf"])
            first = math.ceil(low / step) * step
            first += step if first == low and low_open else 0
            if first > high or (first == high and high_open):
                return True
    return False
