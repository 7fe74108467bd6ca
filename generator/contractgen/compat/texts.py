"""Texts worth trying: at each bound of length, of and beside each pattern and format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from contractgen.compat.facets import Facet, values
from contractgen.compat.specimens import LOOKS, SPECIMENS, TEXTS, is_of
from contractgen.compat.words import Wanted, shortest, some

LONGEST = 70_000


def pool(held: Sequence[Facet], asked: Sequence[Facet]) -> list[str]:
    """List texts that `held` takes, of many kinds with respect to what is `asked`."""
    found = dict.fromkeys(value for value in values([*held, *asked]) if isinstance(value, str))
    for kind in {facet["format"] for facet in [*held, *asked] if "format" in facet}:
        found |= dict.fromkeys(SPECIMENS[kind])
    lengths = {facet[key] for facet in [*held, *asked] for key in ("minLength", "maxLength") if key in facet}
    for length in {int(near) for bound in lengths for near in (bound - 1, bound, bound + 1)}:
        if 0 <= length <= LONGEST:
            found |= dict.fromkeys(("a" * length, "\U0001f600" * length))
    found |= dict.fromkeys([*_patterned(_frozen(held), _frozen(asked)), *TEXTS])
    return [text for text in found if fits(text, held)]


Said = tuple[frozenset[str], int, int | None]


def _frozen(facets: Iterable[Facet]) -> Said:
    patterns, least, most = set(), 0, None
    for facet in facets:
        if "pattern" in facet:
            patterns.add(facet["pattern"])
        if facet.get("format") in LOOKS:
            patterns.add(LOOKS[facet["format"]])
        least = max(least, int(facet.get("minLength", 0)))
        if "maxLength" in facet:
            most = min(int(facet["maxLength"]), most if most is not None else LONGEST)
    return frozenset(patterns), least, most


@cache
def _patterned(held: Said, asked: Said) -> tuple[str, ...]:
    has, least, most = held
    others, other_least, other_most = asked
    found = [*some(Wanted(has, frozenset(), least, most), 6)]
    wanted = [Wanted(has, frozenset({other}), least, most) for other in others - has]
    wanted += [Wanted(has | {other}, frozenset(), least, most) for other in others - has]
    wanted += [Wanted(has, others - has, least, most), Wanted(has | others, frozenset(), least, most)]
    if has or others:
        wanted.append(Wanted(has, frozenset(), least, other_least - 1))
        wanted += [
            Wanted(has, frozenset(), max(least, length), most) for length in (other_least, (other_most or 0) + 1)
        ]
    for one in wanted:
        word = shortest(one) if one.least <= 300 else None
        if isinstance(word, str):
            found.append(word)
    for other in others:
        found += some(Wanted(frozenset({other})), 3)
    return tuple(dict.fromkeys(found))


def fits(text: str, facets: Iterable[Facet]) -> bool:
    """Say whether a text has the lengths and the formats that facets state; patterns are left to the validators."""
    return all(
        facet.get("minLength", 0) <= len(text) <= facet.get("maxLength", LONGEST)
        and ("format" not in facet or is_of(text, facet["format"]))
        and ("pattern" not in facet or matches(text, facet["pattern"]))
        for facet in facets
    )


@cache
def matches(text: str, pattern: str) -> bool:
    """Say whether jsonschema-rs finds a pattern in a text."""
    import jsonschema_rs

    return bool(jsonschema_rs.is_valid({"pattern": pattern}, text))
