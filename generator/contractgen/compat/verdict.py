"""Judge the change from one schema to another, by what the schema is for.

Requests: the new schema has to take all that the old one took. Responses, events and signals: a tolerant reader of the
old schema has to take all that the new one allows. Stored formats: both, since old and new programs read each other's
files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contractgen.compat import library
from contractgen.compat.judges import Judges
from contractgen.compat.normal import normal, shared
from contractgen.compat.openview import open_view
from contractgen.compat.prove import Prover
from contractgen.compat.witness import FEW, MANY, Pair, search

Json = Any
SAFE, BREAKING, UNPROVEN = "safe", "breaking", "unproven"
REQUEST, RESPONSE, STORED = "request", "response", "stored"
ROLES = (REQUEST, RESPONSE, STORED)
_WORST = (SAFE, UNPROVEN, BREAKING)


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Hold the answer to one question: does `narrow` hold all of `wide`? `witness` has one value when it does not."""

    verdict: str
    witness: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """Hold the verdict on a change, and the answers behind it by direction (`request`, `response`)."""

    role: str
    verdict: str
    directions: Mapping[str, Inclusion]

    @property
    def witness(self) -> tuple[Json, ...]:
        """Give the value that proves a break, if there is one."""
        return next((found.witness for found in self.directions.values() if found.witness), ())


@dataclass(frozen=True, slots=True)
class Side:
    """Hold a closed schema, compiled and in the library's form."""

    judges: Judges
    canonical: Any

    @classmethod
    def of(cls, document: Mapping[str, Json]) -> Side:
        """Prepare a closed document."""
        return cls(Judges(document), library.canonical(library.inlined(document)))


def judge(old: Json, new: Json, role: str, folders: tuple[Path | None, Path | None] = (None, None)) -> Judgement:
    """Compare two schemas; `folders` are where their relative references lie. Raises NotASchema."""
    before, after = shared(normal(old, folders[0], "old"), normal(new, folders[1], "new"))
    if before["$ref"] == after["$ref"]:
        return Judgement(role, SAFE, {direction: Inclusion(SAFE) for direction in (REQUEST, RESPONSE)})
    directions: dict[str, Inclusion] = {}
    if role in (REQUEST, STORED):
        directions[REQUEST] = included(Side.of(before), Side.of(after))
    if role in (RESPONSE, STORED):
        directions[RESPONSE] = included(Side.of(after), Side.of(open_view(before)))
    worst = max((found.verdict for found in directions.values()), key=_WORST.index)
    return Judgement(role, worst, directions)


def included(wide: Side, narrow: Side) -> Inclusion:
    """Say whether all that `wide` takes is taken by `narrow`."""
    pair = Pair(wide.judges, narrow.judges)
    # Trying comes first: it is quick where there is much to find, and a proof is believed only if nothing was found.
    found = search(pair, FEW)
    if not found and (library.covers(narrow.canonical, wide.canonical) or _proved(pair)):
        return Inclusion(SAFE)
    found = found or search(pair, MANY, library.difference(wide.canonical, narrow.canonical))
    return Inclusion(BREAKING, tuple(found)) if found else Inclusion(UNPROVEN)


def _proved(pair: Pair) -> bool:
    wide, narrow = ({"$ref": side.document["$ref"]} for side in (pair.wide, pair.narrow))
    return Prover(pair.definitions()).proves(wide, narrow)
