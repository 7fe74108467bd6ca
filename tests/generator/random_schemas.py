"""Random schemas over every keyword, small changes of them, and values tried on both without the code under test."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

Json = Any
NAMES = ("a", "b", "c", "ab")
PATTERNS = ("^a", "b$", "^[a-c]$", "^(a|b)+$", "^ab?$", "[0-9]", "^[a-z]{2,4}$")
FORMATS = ("date", "uuid", "ipv4")
SCALARS: tuple[Json, ...] = (None, True, False, 0, 1, 2, 3, -1, 1.5, 0.5, 4, 10, "", "a", "b", "ab", "abc", "1", "aa",
                             "2024-02-29", "127.0.0.1", "\U0001f600")  # fmt: skip


class Source:
    """Make random schemas, changes and values from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def document(self) -> Json:
        """Make a schema, sometimes with definitions that hold themselves."""
        schema = self.schema(3)
        if not isinstance(schema, dict):
            return schema
        if self.rng.random() < 0.3:
            schema["$defs"] = {
                "n": {"properties": {"a": self.schema(2, refer=True)}, "items": self.schema(1, refer=True)},
                "m": self.schema(1),
            }
            spot = self.rng.choice(["properties", "items", "anyOf"])
            here = {"$ref": "#/$defs/n"}
            schema[spot] = (
                {"a": here} if spot == "properties" else here if spot == "items" else [here, {"type": "null"}]
            )
        return schema

    def schema(self, depth: int, refer: bool = False) -> Json:
        rng = self.rng
        if rng.random() < 0.04:
            return rng.random() < 0.7
        kinds = ["scalar", "scalar", "string", "number", "object", "object", "array", "mixed", "choice"]
        kind = rng.choice(kinds if depth > 0 else kinds[:4])
        made: dict[str, Json] = getattr(self, "_" + kind)(depth, refer)
        return made

    def _below(self, depth: int, refer: bool) -> Json:
        if refer and self.rng.random() < 0.35:
            return {"$ref": "#/$defs/n"}
        return self.schema(depth - 1, refer)

    def _scalar(self, depth: int, refer: bool) -> Json:
        rng = self.rng
        return rng.choice(
            [
                {"type": rng.choice(["string", "integer", "number", "boolean", "null"])},
                {"enum": rng.sample(SCALARS, rng.randint(1, 4))},
                {"const": rng.choice(SCALARS)},
                {"type": rng.sample(["string", "integer", "number", "boolean", "null", "object", "array"], 2)},
            ]
        )

    def _some(self, choices: dict[str, Any], most: int = 3) -> dict[str, Json]:
        picked = self.rng.sample(sorted(choices), self.rng.randint(1, min(most, len(choices))))
        return {key: choices[key]() for key in picked}

    def _typed(self, kind: str, made: dict[str, Json]) -> dict[str, Json]:
        return {"type": kind, **made} if self.rng.random() < 0.8 else made

    def _string(self, depth: int, refer: bool) -> Json:
        rng = self.rng
        parts: dict[str, Any] = {
            "minLength": lambda: rng.randint(0, 3),
            "maxLength": lambda: rng.randint(1, 4),
            "pattern": lambda: rng.choice(PATTERNS),
            "format": lambda: rng.choice(FORMATS),
        }
        return self._typed("string", self._some(parts, 2))

    def _number(self, depth: int, refer: bool) -> Json:
        rng = self.rng
        parts: dict[str, Any] = {
            "minimum": lambda: rng.choice([0, 1, -1, 0.5, 1.0]),
            "maximum": lambda: rng.choice([2, 3, 10, 3.5]),
            "exclusiveMinimum": lambda: rng.choice([0, 0.5, 1]),
            "exclusiveMaximum": lambda: rng.choice([2, 4, 10]),
            "multipleOf": lambda: rng.choice([1, 2, 3, 0.5, 1.5]),
        }
        return self._typed(rng.choice(["integer", "number"]), self._some(parts))

    def _object(self, depth: int, refer: bool) -> Json:
        rng = self.rng

        def below() -> Json:
            return self._below(depth, refer)

        def names() -> Json:
            return rng.sample(NAMES, rng.randint(1, 2))

        parts: dict[str, Any] = {
            "properties": lambda: {name: below() for name in rng.sample(NAMES, rng.randint(1, 3))},
            "required": names,
            "additionalProperties": lambda: rng.choice([False, False, below()]),
            "patternProperties": lambda: {rng.choice(PATTERNS): below()},
            "propertyNames": lambda: rng.choice(
                [{"pattern": rng.choice(PATTERNS)}, {"maxLength": 1}, {"enum": ["a", "b"]}]
            ),
            "minProperties": lambda: rng.randint(0, 2),
            "maxProperties": lambda: rng.randint(1, 3),
            "dependentRequired": lambda: {rng.choice(NAMES): names()},
            "dependentSchemas": lambda: {rng.choice(NAMES): {"required": names()}},
            "unevaluatedProperties": lambda: rng.choice([False, below()]),
        }
        made = self._some(parts, 4)
        if rng.random() < 0.7:
            made.setdefault("properties", parts["properties"]())
        return self._typed("object", made)

    def _array(self, depth: int, refer: bool) -> Json:
        rng = self.rng

        def below() -> Json:
            return self._below(depth, refer)

        parts: dict[str, Any] = {
            "items": below,
            "prefixItems": lambda: [below() for _ in range(rng.randint(1, 2))],
            "minItems": lambda: rng.randint(0, 2),
            "maxItems": lambda: rng.randint(1, 3),
            "uniqueItems": lambda: True,
            "contains": below,
            "unevaluatedItems": lambda: rng.choice([False, below()]),
        }
        made = self._some(parts)
        if "contains" in made:
            made |= rng.choice([{}, {"minContains": rng.randint(0, 2)}, {"maxContains": rng.randint(1, 2)}])
        return self._typed("array", made)

    def _mixed(self, depth: int, refer: bool) -> Json:
        rng = self.rng
        one, two = self._below(depth, refer), self._below(depth, refer)
        made = rng.choice(
            [
                {"allOf": [one, two]},
                {"not": one},
                {"if": one, "then": two},
                {"if": one, "then": two, "else": self._below(depth, refer)},
            ]
        )
        if rng.random() < 0.3 and isinstance(two, dict):
            made = {**two, **made}
        if rng.random() < 0.3:
            made["unevaluatedProperties"] = False
        return made

    def _choice(self, depth: int, refer: bool) -> Json:
        rng = self.rng
        if rng.random() < 0.4:
            tags = rng.sample(["x", "y", "z"], rng.randint(2, 3))
            branches = []
            for tag in tags:
                branch = self._object(depth, refer)
                branch |= {"type": "object", "required": [*branch.get("required", []), "k"]}
                branch["properties"] = {**branch.get("properties", {}), "k": {"const": tag}}
                branches.append(branch)
            return {"oneOf": branches}
        return {rng.choice(["anyOf", "oneOf"]): [self._below(depth, refer) for _ in range(rng.randint(2, 3))]}

    def changed(self, document: Json) -> Json:
        """Copy a document with one to three small changes."""
        copied = copy.deepcopy(document)
        for _ in range(self.rng.choice([1, 1, 1, 2, 3])):
            spots = list(_spots(copied))
            if spots:
                self._change(self.rng.choice(spots))
        return copied

    def _change(self, schema: dict[str, Json]) -> None:
        rng = self.rng
        keys = [key for key in schema if key not in ("$defs", "$ref")]
        if rng.random() < 0.3 and keys:
            del schema[rng.choice(keys)]
            return
        key = rng.choice(keys) if keys and rng.random() < 0.6 else ""
        value: Any = schema.get(key)
        if isinstance(value, bool):
            schema[key] = not value
        elif isinstance(value, (int, float)) and key not in ("const",):
            schema[key] = max(value + rng.choice([1, -1]), 1 if key == "multipleOf" else 0)
        elif key in ("enum", "required", "anyOf", "oneOf") and len(value) > 1 and rng.random() < 0.6:
            value.pop(rng.randrange(len(value)))
        elif key == "enum":
            value.append(rng.choice([one for one in SCALARS if one not in value]))
        elif key in ("anyOf", "oneOf", "allOf"):
            value.append(self.schema(1))
        elif key == "required":
            schema[key] = sorted({*value, rng.choice(NAMES)})
        elif key in ("properties", "patternProperties") and value:
            self._change_named(key, value)
        elif key == "type" and isinstance(value, str):
            schema[key] = rng.choice([[value, "null"], {"integer": "number", "number": "integer"}.get(value, value)])
        else:
            other = self.schema(1)
            schema |= {k: v for k, v in (other if isinstance(other, dict) else {}).items() if k not in schema}

    def _change_named(self, key: str, value: dict[str, Json]) -> None:
        rng = self.rng
        name = rng.choice(sorted(value))
        if rng.random() < 0.3:
            del value[name]
        elif rng.random() < 0.5:
            value[name] = self.schema(1)
        else:
            value[rng.choice(NAMES if key == "properties" else PATTERNS)] = self.schema(1)

    def value(self, depth: int = 3) -> Json:
        """Make a random value of the words that the random schemas use."""
        rng = self.rng
        kind = rng.random()
        if depth == 0 or kind < 0.4:
            return rng.choice(SCALARS)
        if kind < 0.75:
            names = rng.sample([*NAMES, "k", "zz", "1"], rng.randint(0, 4))
            return {n: rng.choice("xyz") if n == "k" else self.value(depth - 1) for n in names}
        return [self.value(depth - 1) for _ in range(rng.randint(0, 4))]


def _spots(schema: Json) -> Iterator[dict[str, Json]]:
    if not isinstance(schema, dict):
        return
    yield schema
    for key, value in schema.items():
        if key in ("properties", "patternProperties", "$defs", "dependentSchemas"):
            for below in value.values():
                yield from _spots(below)
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            for below in value:
                yield from _spots(below)
        elif key not in ("const", "enum"):
            yield from _spots(value)
