"""Numbers worth trying: at each bound, beside it, and the multiples near it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise, product

from contractgen.compat.facets import Facet, values

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
PLAIN = (0, 1, -1, 2, 0.5, -0.5, 1.5, 7, 1.0, 100, -100, 10**12, 0.1, 3, 10)
LARGEST = 10**300


def exact(number: int | float) -> Fraction:
    """Read a number as it is written, 0.1 as one tenth."""
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def pool(facets: Sequence[Facet]) -> list[int | float]:
    """List numbers to try where some facets hold or are asked for."""
    bounds = [facet[key] for facet in facets for key in BOUNDS if key in facet]
    named = [value for value in values(facets) if isinstance(value, (int, float)) and not isinstance(value, bool)]
    steps = _steps({exact(facet["multipleOf"]) for facet in facets if "multipleOf" in facet})
    found: dict[Fraction, int | float] = {}
    for number in [*_around(bounds + named), *_between(bounds), *_multiples(steps, bounds), *PLAIN]:
        if abs(number) < LARGEST:
            found.setdefault(exact(number), number)
    return list(found.values())


def _steps(stated: set[Fraction]) -> list[Fraction]:
    joined = {lcm(one, other) for one, other in product(stated, stated)}
    joined |= {lcm(one, other) for one, other in product(joined, stated)} if len(stated) > 2 else set()
    joined |= {step / part for step in stated for part in (2, 3, 10)}
    return sorted(joined)[:40]


def lcm(one: Fraction, other: Fraction) -> Fraction:
    """Give the least number that is a multiple of both."""
    bottom = math.lcm(one.denominator, other.denominator)
    return Fraction(math.lcm(int(one * bottom), int(other * bottom)), bottom)


def _around(numbers: Iterable[int | float]) -> Iterator[int | float]:
    for number in numbers:
        yield number
        for step in (1, Fraction(1, 2), Fraction(1, 10), Fraction(1, 1000)):
            for sign in (1, -1):
                yield _plain(exact(number) + sign * step)


def _between(numbers: Sequence[int | float]) -> Iterator[int | float]:
    ordered = sorted(set(map(exact, numbers)))
    for low, high in pairwise(ordered):
        yield _plain((low + high) / 2)
        yield int((low + high) / 2)


def _multiples(steps: Iterable[Fraction], bounds: Sequence[int | float]) -> Iterator[int | float]:
    for step in steps:
        for count in range(-4, 13):
            yield _plain(step * count)
        for bound in bounds:
            nearest = exact(bound) // step
            for count in range(-2, 4):
                yield _plain(step * (nearest + count))


def _plain(number: Fraction) -> int | float:
    return int(number) if number.denominator == 1 else float(number)


def fits(number: int | float, facets: Iterable[Facet]) -> bool:
    """Say whether a number is within the bounds and a multiple of what facets state."""
    value = exact(number)
    return all(_fits(value, facet) for facet in facets)


def _fits(value: Fraction, facet: Facet) -> bool:
    return not (
        ("minimum" in facet and value < exact(facet["minimum"]))
        or ("maximum" in facet and value > exact(facet["maximum"]))
        or ("exclusiveMinimum" in facet and value <= exact(facet["exclusiveMinimum"]))
        or ("exclusiveMaximum" in facet and value >= exact(facet["exclusiveMaximum"]))
        or ("multipleOf" in facet and value % exact(facet["multipleOf"]) != 0)
    )
