"""Prove that one schema takes all that another takes, by the structure of both.

Each rule is sound on its own, and together they are not complete: no proof says nothing. What is known of a value is a
list of schemas that all hold (`known`); what is asked is parted into single keywords, and each is proved from what is
known or after telling cases apart. Recursion is taken as given one level further in: values are finite, so that is an
induction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contractgen.compat import library, prove_arrays, prove_objects, prove_scalars
from contractgen.compat.judges import Judges
from contractgen.compat.known import Json, Known, OutOfReach, flat, text, types, values, ways
from contractgen.compat.prove_keywords import RULES, parted

MOST_GOALS = 2500
MOST_SPLITS = 5
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


class Prover:
    """Hold the definitions of both schemas and what has been proved of them."""

    def __init__(self, definitions: Mapping[str, Json]) -> None:
        """Begin with nothing proved."""
        self.definitions = definitions
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
        facets = flat(known, self.definitions)
        if facets is None:
            return True
        key = (text(sorted(map(text, facets))), text(asked))
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
                or all(self._part(facets, part, level, splits) for part in parted(asked))
                or (asked is not False and self._contradictory(facets, types(facets), level))
            )
        finally:
            del self._open[key]
        if self._leant == leant or not self._open:
            self._done[key] = proved, splits
        return proved

    def _shortcut(self, facets: Known, asked: Json, key: tuple[str, str]) -> bool:
        if any(text(facet) == key[1] for facet in facets) or not types(facets):
            return True
        listed = values(facets)
        if listed is not None:
            return all(self._takes(asked, value) for value in listed if all(self._takes(f, value) for f in facets))
        if key not in self._library:
            self._library[key] = self._by_library(facets, asked)
        return self._library[key]

    def _by_library(self, facets: Known, asked: Json) -> bool:
        whole = text([facets, asked])
        if '"$ref"' in whole or len(whole) > library.LARGEST:
            return False
        plain = [{k: v for k, v in facet.items() if k != "x-open"} for facet in facets]
        held = library.canonical({"allOf": plain})
        return library.covers(library.canonical(asked), held)

    def _takes(self, schema: Json, value: Json) -> bool:
        key = text(schema)
        if key not in self._judges:
            wrapped = {"allOf": [schema], "$defs": dict(self.definitions)}
            self._judges[key] = Judges(wrapped)
        return self._judges[key].takes(value)

    def _part(self, facets: Known, part: Json, level: int, splits: int) -> bool:
        if self._direct(facets, part, level, splits):
            return True
        if splits <= 0:
            return False
        return any(all(self.implies(case, part, level, splits - 1) for case in cases) for cases in ways(facets))

    def _direct(self, facets: Known, part: Json, level: int, splits: int) -> bool:
        kinds = types(facets)
        if not isinstance(part, Mapping) or not part:
            return part is not False or self._contradictory(facets, kinds, level)
        keyword = next(iter(part))
        if keyword in _KIND and not kinds & _KIND[keyword]:
            return True
        if len(part) == 1 and any(
            text({keyword: facet.get(keyword, text)}) == text(part) for facet in facets if keyword in facet
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
            return prove_scalars.prove_number(facets, keyword, value, "number" not in types(facets))
        rule = RULES.get(keyword)
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

    def apart(self, facets: Known, other: Json, level: int, splits: int) -> bool:
        """Say whether it is proved that nothing known to be so is taken by another schema."""
        return self.empty([*facets, other], level, min(splits, 3))
