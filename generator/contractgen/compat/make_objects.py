"""Make objects: which properties they have, what their names may be, and a value for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from contractgen.compat import texts
from contractgen.compat.below import DEEPEST, LONGEST_LIST, bounds, children
from contractgen.compat.facets import Facet, Refused, values
from contractgen.compat.words import Wanted, shortest, some

if TYPE_CHECKING:
    from contractgen.compat.maker import Maker

Json = Any
UNKNOWN = ("extra", "zz", "X-1", "0")


def an_object(maker: Maker, facets: list[Facet], hints: list[Facet], depth: int) -> dict[str, Json]:
    """Make an object; raise Refused where it needs a property that can have no value."""
    needed = _needed(facets)
    known = _names(maker, facets, hints)
    optional = [name for name in known if name not in needed]
    maker.rng.shuffle(optional)
    fullness = maker.fullness if depth < DEEPEST - 2 else 0.0
    if maker.rng.random() < maker.stray:
        fullness = maker.rng.random()
    wanted = [*needed, *(name for name in optional if maker.rng.random() < fullness)]
    least, most = bounds(facets, "minProperties", "maxProperties")
    wanted += [name for name in optional if name not in wanted][: max(0, least - len(wanted))]
    if most is not None and len(wanted) > most:
        wanted = wanted[:most]
    made: dict[str, Json] = {}
    for name in _implied(maker, wanted, facets):
        _put(maker, made, name, name in needed, facets, hints, depth)
    for number in range(max(0, min(least, LONGEST_LIST) - len(made))):
        _put(maker, made, f"k{number}", False, facets, hints, depth)
    return made


def _put(
    maker: Maker, made: dict[str, Json], name: str, needed: bool, facets: list[Facet], hints: list[Facet], depth: int
) -> None:
    held = [child for facet in facets for child in children(facet, name)]
    held = held or [facet["unevaluatedProperties"] for facet in facets if "unevaluatedProperties" in facet]
    asked = [child for facet in hints for child in children(facet, name)]
    if any(child is False for child in held):
        if needed:
            raise Refused
        return
    try:
        made[name] = maker.value(held, [*asked, *held], depth + 1)
    except Refused:
        if needed:
            raise


def _needed(facets: list[Facet]) -> list[str]:
    return list(dict.fromkeys(name for facet in facets for name in facet.get("required", ())))


def _implied(maker: Maker, names: list[str], facets: list[Facet]) -> list[str]:
    found = dict.fromkeys(names)
    for _ in range(4):
        for facet in facets:
            for name, others in facet.get("dependentRequired", {}).items():
                if name in found and maker.rng.random() < 0.95:
                    found |= dict.fromkeys(others)
    return list(found)


def _names(maker: Maker, facets: list[Facet], hints: list[Facet]) -> list[str]:
    both = [*facets, *hints]
    found: dict[str, None] = {}
    for facet in both:
        found |= dict.fromkeys([*facet.get("properties", ()), *facet.get("required", ())])
        for name, others in facet.get("dependentRequired", {}).items():
            found |= dict.fromkeys([name, *others])
        found |= dict.fromkeys(facet.get("dependentSchemas", ()))
        found |= dict.fromkeys(
            value
            for value in values(
                [facet.get("propertyNames") or {}] if isinstance(facet.get("propertyNames"), Mapping) else []
            )
            if isinstance(value, str)
        )
    found |= dict.fromkeys(_patterned_names(maker, both))
    found |= dict.fromkeys(UNKNOWN)
    return [name for name in found if _names_taken(name, facets)]


def _patterned_names(maker: Maker, facets: list[Facet]) -> list[str]:
    patterns = sorted({pattern for facet in facets for pattern in facet.get("patternProperties", ())})
    found: list[str] = []
    for pattern in patterns:
        found += some(Wanted(frozenset({pattern})), 2)
        for other in patterns:
            if other != pattern:
                for wanted in (
                    Wanted(frozenset({pattern, other})),
                    Wanted(frozenset({pattern}), frozenset({other})),
                ):
                    word = shortest(wanted)
                    found += [word] if isinstance(word, str) else []
    named = [facet["propertyNames"] for facet in facets if isinstance(facet.get("propertyNames"), Mapping)]
    said = maker.every(named) if named else []
    if said:
        pool = maker.pool("string", [], said)
        found += maker.rng.sample(pool, min(len(pool), 6))
    return found


def _names_taken(name: str, facets: list[Facet]) -> bool:
    rules = [facet["propertyNames"] for facet in facets if "propertyNames" in facet]
    return all(rule is not False and (rule is True or texts.fits(name, [rule])) for rule in rules)
