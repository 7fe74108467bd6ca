"""Prove that one schema takes all that another takes, by the structure of both.

Each rule is sound on its own, and together they are not complete: no proof says nothing. What is known of a value is a
list of schemas that all hold (`known`); what is asked is parted into single keywords, and each is proved from what is
known or after telling cases apart. Recursion is taken as given one level further in: values are finite, so that is an
induction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from contractgen.compat import evaluated, library, prove_arrays, prove_objects, prove_scalars
from contractgen.compat.facets import TYPES, type_of, types_of
from contractgen.compat.judges import Judges
from contractgen.compat.negation import negated
from contractgen.compat.normal import PREFIX
from contractgen.compat.numbers import exact

Json = Any
Known = list[Mapping[str, Json]]
MOST_GOALS = 2500
MOST_VALUES = 300
MOST_SPLITS = 5
MOST_FACETS = 120
_SIDE = ("then", "else", "minContains", "maxContains", "x-open")
_TEXT = frozenset({"minLength", "maxLength", "pattern", "format"})
_NUMBER = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_OBJECT = ("properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties",
           "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties")  # fmt: skip
_ARRAY = ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "unevaluatedItems")
_KIND = {
    **dict.fromkeys(_TEXT, frozenset({"string"})),
    **dict.fromkeys(_NUMBER, frozenset({"integer", "number"})),
    **dict.fromkeys(_OBJECT, frozenset({"object"})),
    **dict.fromkeys(_ARRAY, frozenset({"array"})),
}
_GROUPS = (("properties", "patternProperties", "additionalProperties"), ("prefixItems", "items"),
           ("contains", "minContains", "maxContains"), ("if", "then", "else"))  # fmt: skip


class OutOfReach(Exception):
    """Report that a proof grew too long."""


class Prover:
    """Hold the definitions of both schemas and what has been proved of them."""

    def __init__(self, definitions: Mapping[str, Json]) -> None:
        """Begin with nothing proved."""
        self._definitions = definitions
        self._open: dict[tuple[str, str], int] = {}
        self._done: dict[tuple[str, str], tuple[bool, int]] = {}
        self._library: dict[tuple[str, str], bool] = {}
        self._judges: dict[str, Judges] = {}
        self._leant = 0
        self._left = MOST_GOALS

    def proves(self, known: Json, asked: Json) -> bool:
        """Say whether it is proved that whatever `known` takes, `asked` takes."""
        try:
            return self.implies([known], asked, 0)
        except (OutOfReach, RecursionError):
            return False

    def empty(self, known: Sequence[Json], level: int, splits: int = MOST_SPLITS) -> bool:
        """Say whether it is proved that nothing can be so."""
        return any(one is False for one in known) or (bool(known) and self.implies(known, False, level, splits))

    def implies(self, known: Sequence[Json], asked: Json, level: int, splits: int = MOST_SPLITS) -> bool:
        """Say whether it is proved that what all of `known` take, `asked` takes."""
        if asked is True or asked == {}:
            return True
        facets = self._flat(known)
        if facets is None:
            return True
        key = (_text(sorted(map(_text, facets))), _text(asked))
        if key in self._done and (self._done[key][0] or self._done[key][1] >= splits):
            return self._done[key][0]
        if key in self._open:
            self._leant += self._open[key] < level
            return self._open[key] < level
        return self._attempt(key, facets, asked, level, splits)

    def _attempt(self, key: tuple[str, str], facets: Known, asked: Json, level: int, splits: int) -> bool:
        self._left -= 1
        if self._left < 0:
            raise OutOfReach
        leant, self._open[key] = self._leant, level
        try:
            proved = (
                self._shortcut(facets, asked, key)
                or all(self._part(facets, part, level, splits) for part in _parted(asked))
                or (asked is not False and self._contradictory(facets, self.types(facets), level))
            )
        finally:
            del self._open[key]
        if self._leant == leant or not self._open:
            self._done[key] = proved, splits
        return proved

    def _shortcut(self, facets: Known, asked: Json, key: tuple[str, str]) -> bool:
        if any(_text(facet) == key[1] for facet in facets) or not self.types(facets):
            return True
        listed = self._values(facets)
        if listed is not None:
            return all(self._takes(asked, value) for value in listed if all(self._takes(f, value) for f in facets))
        if key not in self._library:
            self._library[key] = self._by_library(facets, asked)
        return self._library[key]

    def _by_library(self, facets: Known, asked: Json) -> bool:
        whole = _text([facets, asked])
        if '"$ref"' in whole or len(whole) > library.LARGEST:
            return False
        plain = [{k: v for k, v in facet.items() if k != "x-open"} for facet in facets]
        held = library.canonical({"allOf": plain})
        return library.covers(library.canonical(asked), held)

    def _takes(self, schema: Json, value: Json) -> bool:
        key = _text(schema)
        if key not in self._judges:
            wrapped = {"allOf": [schema], "$defs": dict(self._definitions)}
            self._judges[key] = Judges(wrapped)
        return self._judges[key].takes(value)

    def _values(self, facets: Known) -> list[Json] | None:
        """List all values that can be so, and more perhaps; None: they are not few."""
        for facet in facets:
            if "const" in facet:
                return [facet["const"]]
            if "enum" in facet:
                return list(facet["enum"])
        kinds = self.types(facets)
        if kinds <= {"null", "boolean"}:
            return [*([None] if "null" in kinds else []), *([False, True] if "boolean" in kinds else [])]
        if kinds == {"integer"}:
            low, _, high, _ = prove_scalars.interval(facets, True)
            if low is not None and high is not None and high - low < MOST_VALUES:
                return list(range(int(low), int(high) + 1))
        return None

    def _flat(self, known: Iterable[Json]) -> Known | None:
        """Spell out references, `allOf`, triggered dependencies and simple negations; None: nothing can be so."""
        found: dict[str, Mapping[str, Json]] = {}
        waiting = list(known)
        while waiting:
            schema = waiting.pop(0)
            if schema is False or (isinstance(schema, Mapping) and schema.get("not") == {}):
                return None
            if schema is True or not schema or _text(schema) in found:
                continue
            if len(found) > MOST_FACETS:
                raise OutOfReach
            found[_text(schema)] = schema
            waiting += self._further(schema)
            needed = prove_objects.required(list(found.values()))
            for facet in list(found.values()):
                waiting += [below for name, below in facet.get("dependentSchemas", {}).items() if name in needed]
        return list(found.values())

    def _further(self, schema: Mapping[str, Json]) -> Iterator[Json]:
        if "$ref" in schema:
            yield self._definitions[schema["$ref"].removeprefix(PREFIX)]
        yield from schema.get("allOf", ())
        if "not" in schema:
            other = negated(schema["not"], self._definitions)
            if other is not None:
                yield other
        if "unevaluatedProperties" in schema:
            seen = evaluated.gather(schema, self._definitions, lambda _: True)
            yield seen.properties_rule(schema["unevaluatedProperties"])
        if "unevaluatedItems" in schema:
            seen = evaluated.gather(schema, self._definitions, lambda _: True)
            if not seen.contains:
                yield seen.items_rule(schema["unevaluatedItems"])

    def types(self, facets: Known) -> set[str]:
        """Say which types a value can have."""
        kinds = types_of(facets)
        for facet in facets:
            rule = facet.get("not")
            if isinstance(rule, Mapping) and set(rule) == {"type"}:
                stated = {rule["type"]} if isinstance(rule["type"], str) else set(rule["type"])
                kinds -= stated | ({"integer"} if "number" in stated else set())
            if "multipleOf" in facet and exact(facet["multipleOf"]).denominator == 1:
                kinds -= {"number"}
            if "const" in facet or "enum" in facet:
                kinds &= {type_of(value) for value in facet.get("enum", [facet.get("const")])}
        return kinds

    def _part(self, facets: Known, part: Json, level: int, splits: int) -> bool:
        if self._direct(facets, part, level, splits):
            return True
        if splits <= 0:
            return False
        return any(all(self.implies(case, part, level, splits - 1) for case in cases) for cases in self._splits(facets))

    def _splits(self, facets: Known) -> Iterator[list[list[Json]]]:
        """Give ways to tell cases apart, each a list of what is known in each case."""
        for place, facet in enumerate(facets):
            others: list[Json] = facets[:place] + facets[place + 1 :]
            for keyword in ("anyOf", "oneOf"):
                if keyword in facet:
                    rest = _without(facet, keyword)
                    yield [[*others, rest, branch] for branch in facet[keyword]]
            if "if" in facet:
                rest = _without(facet, "if", "then", "else")
                yield [
                    [*others, rest, facet["if"], facet.get("then", True)],
                    [*others, rest, {"not": facet["if"]}, facet.get("else", True)],
                ]
        kinds = self.types(facets)
        if len(kinds) > 1:
            yield [
                [*facets, {"type": kind, **({"not": {"type": "integer"}} if kind == "number" else {})}]
                for kind in TYPES
                if kind in kinds
            ]
        if kinds == {"object"}:
            for cases in prove_objects.splits(facets):
                yield [[*facets, *case] for case in cases]

    def _direct(self, facets: Known, part: Json, level: int, splits: int) -> bool:
        kinds = self.types(facets)
        if not isinstance(part, Mapping) or not part:
            return part is not False or self._contradictory(facets, kinds, level)
        keyword = next(iter(part))
        if keyword in _KIND and not kinds & _KIND[keyword]:
            return True
        if len(part) == 1 and any(
            _text({keyword: facet.get(keyword, _text)}) == _text(part) for facet in facets if keyword in facet
        ):
            return keyword not in ("properties", "patternProperties", "additionalProperties", "items", "prefixItems",
                                   "contains", "if", "unevaluatedProperties", "unevaluatedItems") or self._rule(
                facets, part, keyword, level, splits)  # fmt: skip
        if keyword in ("enum", "const") and kinds == {"string"}:
            return prove_scalars.prove_listed(facets, part.get("enum", [part.get("const")]))
        return self._rule(facets, part, keyword, level, splits)

    def _rule(self, facets: Known, part: Mapping[str, Json], keyword: str, level: int, splits: int) -> bool:
        value = part[keyword]
        if keyword in _TEXT:
            return prove_scalars.prove_text(facets, keyword, value)
        if keyword in _NUMBER:
            return prove_scalars.prove_number(facets, keyword, value, "number" not in self.types(facets))
        rule = _RULES.get(keyword)
        return rule is not None and rule(self, facets, part, level, splits)

    def _contradictory(self, facets: Known, kinds: set[str], level: int) -> bool:
        """Prove that no value can be so, whatever its type."""
        return all(self._none_of(kind, facets, level) for kind in kinds)

    def _none_of(self, kind: str, facets: Known, level: int) -> bool:
        if kind == "string":
            return prove_scalars.no_text(facets)
        if kind in ("integer", "number"):
            return prove_scalars.no_number(facets, kind == "integer")
        if kind == "object":
            return prove_objects.contradictory(self, facets, level)
        return kind == "array" and prove_arrays.contradictory(self, facets, level)

    # Rules for single keywords

    def _type(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        return self.types(facets) <= types_of([part])

    def _reference(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        return self.implies(facets, self._definitions[part["$ref"].removeprefix(PREFIX)], level, splits)

    def _any(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        branches = part["anyOf"]
        if any(self.implies(facets, branch, level, min(splits, 2)) for branch in branches):
            return True
        if len(branches) > 1 and splits > 1:
            for place, branch in enumerate(branches):
                others = [{"not": other} for other in branches[:place] + branches[place + 1 :]]
                if self.implies([*facets, *others], branch, level, min(splits - 1, 1)):
                    return True
        return False

    def _one(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        branches = part["oneOf"]
        for place, branch in enumerate(branches):
            if self.implies(facets, branch, level, min(splits, 2)):
                others = branches[:place] + branches[place + 1 :]
                return all(self.apart(facets, other, level, splits) for other in others)
        return False

    def apart(self, facets: Known, other: Json, level: int, splits: int) -> bool:
        """Say whether it is proved that nothing known to be so is taken by another schema."""
        return self.empty([*facets, other], level, min(splits, 3))

    def _not(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        if self.apart(facets, part["not"], level, splits):
            return True
        refused = [facet["not"] for facet in facets if "not" in facet]
        return any(self.implies([part["not"]], rule, level, min(splits, 2)) for rule in refused)

    def _conditional(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        yes = self.implies([*facets, part["if"]], part.get("then", True), level, splits - 1)
        return yes and self.implies([*facets, {"not": part["if"]}], part.get("else", True), level, splits - 1)

    def _required(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        return set(part["required"]) <= prove_objects.required(facets)

    def _dependent_required(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        return all(
            self.implies([*facets, {"type": "object", "required": [name]}], {"required": others}, level, splits)
            for name, others in part["dependentRequired"].items()
        )

    def _dependent_schemas(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        return all(
            self.implies([*facets, {"type": "object", "required": [name]}], below, level, splits)
            for name, below in part["dependentSchemas"].items()
        )

    def _sized(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        keyword = next(iter(part))
        room: Any = prove_objects if keyword.endswith("Properties") else prove_arrays
        if keyword.startswith("min"):
            return bool(room.fewest(facets) >= part[keyword])
        upper = room.most(self, facets, level)
        return upper is not None and upper <= part[keyword]

    def _unevaluated(self, facets: Known, part: Mapping[str, Json], level: int, splits: int) -> bool:
        seen = evaluated.gather(
            part, self._definitions, lambda branch: self.implies(facets, branch, level, min(splits, 1))
        )
        if "unevaluatedProperties" in part and not prove_objects.properties(
            self, facets, seen.properties_rule(part["unevaluatedProperties"]), level
        ):
            return False
        if "unevaluatedItems" not in part:
            return True
        return prove_arrays.positions(self, facets, seen.items_rule(part["unevaluatedItems"]), level)


Rule = Callable[[Prover, Known, Mapping[str, Json], int, int], bool]
_RULES: dict[str, Rule] = {
    "$ref": Prover._reference,
    "anyOf": Prover._any,
    "dependentRequired": Prover._dependent_required,
    "dependentSchemas": Prover._dependent_schemas,
    "if": Prover._conditional,
    "not": Prover._not,
    "oneOf": Prover._one,
    "required": Prover._required,
    "type": Prover._type,
    "unevaluatedItems": Prover._unevaluated,
    "unevaluatedProperties": Prover._unevaluated,
    "propertyNames": lambda prover, facets, part, level, _: prove_objects.property_names(
        prover, facets, part["propertyNames"], level
    ),
    "uniqueItems": lambda prover, facets, part, level, _: (
        part["uniqueItems"] is not True or prove_arrays.unique(prover, facets, level)
    ),
    "contains": lambda prover, facets, part, level, _: prove_arrays.contains(prover, facets, part, level),
    **dict.fromkeys(("minItems", "maxItems", "minProperties", "maxProperties"), Prover._sized),
    **dict.fromkeys(
        ("properties", "patternProperties", "additionalProperties"),
        lambda prover, facets, part, level, _: prove_objects.properties(prover, facets, part, level),
    ),
    **dict.fromkeys(
        ("items", "prefixItems"),
        lambda prover, facets, part, level, _: prove_arrays.positions(prover, facets, part, level),
    ),
}


def _parted(asked: Json) -> Iterator[Json]:
    """Part what is asked into keywords that can be proved one by one."""
    if not isinstance(asked, Mapping):
        yield asked
        return
    left = dict(asked)
    left.pop("x-open", None)
    for key in ("unevaluatedProperties", "unevaluatedItems"):
        if left.pop(key, True) is not True:
            # What is unevaluated hangs on everything beside it.
            yield {key: asked[key]} | {other: value for other, value in asked.items() if not other.startswith("uneval")}
    for item in left.pop("allOf", ()):
        yield from _parted(item)
    for group in _GROUPS:
        part = {key: left.pop(key) for key in group if key in left}
        if part and next(iter(part)) not in _SIDE:
            yield part
    yield from ({key: value} for key, value in left.items() if key not in _SIDE)


def _without(facet: Mapping[str, Json], *keywords: str) -> dict[str, Json]:
    # What is unevaluated hangs on the branches; spelled out with all of them, it is already known.
    gone = {*keywords, "unevaluatedProperties", "unevaluatedItems"}
    return {key: value for key, value in facet.items() if key not in gone}


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
