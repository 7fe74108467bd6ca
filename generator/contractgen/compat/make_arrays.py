"""Make arrays: how long they are, an item for each place, and what they are to contain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contractgen.compat.below import DEEPEST, LONGEST_LIST, bounds, items
from contractgen.compat.facets import Facet, Refused, written

if TYPE_CHECKING:
    from contractgen.compat.maker import Maker

Json = Any


def an_array(maker: Maker, facets: list[Facet], hints: list[Facet], depth: int) -> list[Json]:
    """Make an array; raise Refused where no length is left."""
    least, most = bounds(facets, "minItems", "maxItems")
    length = _length(maker, facets, hints, depth, least, most)
    made: list[Json] = []
    for place in range(length):
        held = [child for facet in facets for child in items(facet, place)]
        asked = [child for facet in hints for child in items(facet, place)]
        if any(child is False for child in held):
            break
        made.append(maker.value(held, [*asked, *held], depth + 1))
    return _arranged(maker, made, facets, hints, depth, most)


def _length(maker: Maker, facets: list[Facet], hints: list[Facet], depth: int, least: int, most: int | None) -> int:
    lengths = {0, 1, 2, 3, least, least + 1}
    for facet in (*facets, *hints):
        for keyword in ("minItems", "maxItems", "minContains", "maxContains"):
            if keyword in facet:
                lengths |= {int(facet[keyword]) + step for step in (-1, 0, 1)}
        lengths |= {len(facet.get("prefixItems", ())) + step for step in (-1, 0, 1)}
    if depth >= DEEPEST - 2:
        lengths = {least}
    fitting = sorted(n for n in lengths if n >= max(least, 0) and (most is None or n <= most) and n <= LONGEST_LIST)
    if not fitting:
        raise Refused
    return maker.rng.choice(fitting)


def _arranged(
    maker: Maker, made: list[Json], facets: list[Facet], hints: list[Facet], depth: int, most: int | None
) -> list[Json]:
    for facet in (*facets, *hints):
        if "contains" not in facet or (facet in hints and facet not in facets and maker.rng.random() < 0.5):
            continue
        wanted = maker.rng.choice([facet.get("minContains", 1), facet.get("maxContains", 2), 1, 2])
        for place in range(min(int(wanted), LONGEST_LIST)):
            if place >= len(made) and most is not None and len(made) >= most:
                break
            held = [child for other in facets for child in items(other, place)]
            try:
                value = maker.value([facet["contains"], *held], [facet["contains"]], depth + 1)
            except Refused:
                continue
            made[place : place + 1] = [value]
    unique = any(facet.get("uniqueItems") for facet in facets)
    if unique:
        made = list({written(value): value for value in made}.values())
    elif len(made) > 1 and maker.rng.random() < 0.3:
        made[maker.rng.randrange(1, len(made))] = made[0]
    return made
