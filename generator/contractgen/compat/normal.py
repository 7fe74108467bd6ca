"""Close a schema over its references: one document in which every `$ref` is `#/$defs/NAME`.

Resources with an `$id`, anchors, pointers and `$dynamicRef` are gone after this. What a `$dynamicRef` means hangs on
the resources entered before it, so a target is copied once for each such list: there are few, and then it is exact.
Annotations are dropped: they refuse nothing. `x-open` stays, for the reader's view.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

Json = Any
DIALECT = "https://json-schema.org/draft/2020-12/schema"
PREFIX = "#/$defs/"

ONE = frozenset({"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then",
                 "unevaluatedItems", "unevaluatedProperties"})  # fmt: skip
MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
NAMED = frozenset({"dependentSchemas", "patternProperties", "properties"})
PLAIN = frozenset({
    "const", "dependentRequired", "enum", "exclusiveMaximum", "exclusiveMinimum", "maxContains", "maxItems",
    "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "pattern", "required", "type", "uniqueItems", "x-open",
})  # fmt: skip
# The formats that both validators know; any other is an annotation.
FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ipv4", "ipv6",
                     "iri", "iri-reference", "json-pointer", "regex", "relative-json-pointer", "time", "uri",
                     "uri-reference", "uri-template", "uuid"})  # fmt: skip


class NotASchema(ValueError):
    """Report what cannot be read as a schema; the message says why and what to do."""


class Normalizer:
    """Hold the resources a schema can refer to, and the definitions found so far."""

    def __init__(self, root: Json, folder: Path | None, mark: str) -> None:
        """Index the root; `folder` is where files named by relative references lie, `mark` begins every name given."""
        self._folder, self._mark = folder, mark
        self._resources: dict[str, Json] = {}
        self._anchors: dict[tuple[str, str], Json] = {}
        self._dynamic: dict[tuple[str, str], Json] = {}
        self._names: dict[tuple[int, tuple[str, ...]], str] = {}
        self._kept: list[Json] = []
        self.definitions: dict[str, Json] = {}
        base = self._index(root, "")
        self._resources.setdefault("", root)
        self.root = self._named(root, base, (base,))

    def _index(self, schema: Json, base: str) -> str:
        """Note every resource and anchor at and below a schema; give the base it has."""
        if not isinstance(schema, Mapping):
            return base
        if isinstance(schema.get("$id"), str):
            base = urljoin(base, schema["$id"]).rstrip("#")
        if base not in self._resources:
            self._resources[base] = schema
        for keyword, found in (("$anchor", self._anchors), ("$dynamicAnchor", self._dynamic)):
            if isinstance(schema.get(keyword), str):
                self._anchors[base, schema[keyword]] = schema
                found[base, schema[keyword]] = schema
        for keyword, value in schema.items():
            for below in _below(keyword, value):
                self._index(below, base)
        return base

    def _named(self, schema: Json, base: str, scope: tuple[str, ...]) -> str:
        key = (id(schema), scope)
        if key not in self._names:
            self._kept.append(schema)
            self._names[key] = name = f"{self._mark}{len(self._names)}"
            self.definitions[name] = self._copy(schema, base, scope)
        return self._names[key]

    def _copy(self, schema: Json, base: str, scope: tuple[str, ...]) -> Json:
        if not isinstance(schema, Mapping):
            return schema
        if isinstance(schema.get("$id"), str):
            base = urljoin(base, schema["$id"]).rstrip("#")
            scope = (*scope, base) if base not in scope else scope
        copy: dict[str, Json] = {}
        for keyword in sorted(schema.keys() & (PLAIN | ONE | MANY | NAMED)):
            copy[keyword] = self._copy_below(keyword, schema[keyword], base, scope)
        if schema.get("format") in FORMATS:
            copy["format"] = schema["format"]
        references = [
            {"$ref": PREFIX + self._target(schema[keyword], base, scope, keyword)}
            for keyword in ("$ref", "$dynamicRef")
            if isinstance(schema.get(keyword), str)
        ]
        if len(references) == 1:
            copy |= references[0]
        elif references:
            copy["allOf"] = [*copy.get("allOf", ()), *references]
        return copy

    def _copy_below(self, keyword: str, value: Json, base: str, scope: tuple[str, ...]) -> Json:
        if keyword in ONE:
            return self._copy(value, base, scope)
        if keyword in MANY:
            return [self._copy(item, base, scope) for item in value]
        if keyword in NAMED:
            return {name: self._copy(item, base, scope) for name, item in value.items()}
        return value

    def _target(self, reference: str, base: str, scope: tuple[str, ...], keyword: str) -> str:
        uri, _, fragment = urljoin(base, reference).partition("#") if base else reference.partition("#")
        fragment = unquote(fragment)
        if uri not in self._resources:
            self._load(uri, reference)
        if keyword == "$dynamicRef" and (uri, fragment) in self._dynamic:
            uri = next((entered for entered in scope if (entered, fragment) in self._dynamic), uri)
            return self._enter(self._dynamic[uri, fragment], uri, scope)
        if not fragment:
            return self._enter(self._resources[uri], uri, scope)
        if not fragment.startswith("/"):
            if (uri, fragment) not in self._anchors:
                raise NotASchema(f'"{reference}" leads nowhere: there is no anchor {fragment}.')
            return self._enter(self._anchors[uri, fragment], uri, scope)
        return self._enter(*self._pointed(reference, uri, fragment), scope)

    def _enter(self, schema: Json, base: str, scope: tuple[str, ...]) -> str:
        return self._named(schema, base, scope if base in scope else (*scope, base))

    def _pointed(self, reference: str, uri: str, fragment: str) -> tuple[Json, str]:
        found, base = self._resources[uri], uri
        for token in fragment[1:].split("/"):
            if isinstance(found, Mapping) and isinstance(found.get("$id"), str):
                base = urljoin(base, found["$id"]).rstrip("#")
            token = token.replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(token)] if isinstance(found, list) else found[token]
            except (KeyError, IndexError, ValueError, TypeError):
                raise NotASchema(f'"{reference}" leads nowhere: nothing stands at {fragment}.') from None
        if not isinstance(found, (bool, Mapping)):
            raise NotASchema(f'"{reference}" leads to something that is no schema.')
        return found, base

    def _load(self, uri: str, reference: str) -> None:
        registry: Any = import_module("jsonschema_specifications").REGISTRY

        path = self._folder / uri if self._folder is not None and "://" not in uri else None
        if uri in registry:
            contents: Json = registry.contents(uri)
        elif path is not None and path.is_file():
            try:
                contents = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise NotASchema(f'"{reference}" names a file that is not JSON: {error}.') from None
        else:
            raise NotASchema(f'"{reference}" leads nowhere: no resource and no file is named {uri or "so"}.')
        self._resources[uri] = contents
        self._index(contents, uri)


def _below(keyword: str, value: Json) -> list[Json]:
    if keyword in ONE:
        return [value]
    if keyword in MANY and isinstance(value, list):
        return value
    if (keyword in NAMED or keyword in ("$defs", "definitions")) and isinstance(value, Mapping):
        return list(value.values())
    return []


def normal(schema: Json, folder: Path | None = None, mark: str = "s") -> dict[str, Json]:
    """Give the closed document of a schema; raise NotASchema where a reference leads nowhere."""
    found = Normalizer(schema, folder, mark)
    return {"$ref": PREFIX + found.root, "$defs": found.definitions}


def shared(one: Mapping[str, Json], other: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """Give two closed documents the same names for definitions that say the same, through all their references."""
    definitions: dict[str, Json] = {**one["$defs"], **other["$defs"]}
    alike = dict.fromkeys(definitions, "")
    groups = 0
    while len(set(alike.values())) > groups:
        groups = len(set(alike.values()))
        said = {name: json.dumps(_renamed(schema, alike), sort_keys=True) for name, schema in definitions.items()}
        numbers = {text: str(number) for number, text in enumerate(dict.fromkeys(said.values()))}
        alike = {name: numbers[text] for name, text in said.items()}
    first: dict[str, str] = {}
    for name, group in alike.items():
        first.setdefault(group, name)
    names = {name: first[group] for name, group in alike.items()}
    return _with_names(one, names), _with_names(other, names)


def _with_names(document: Mapping[str, Json], names: Mapping[str, str]) -> dict[str, Json]:
    kept = {names[name]: _renamed(schema, names) for name, schema in document["$defs"].items()}
    return {"$ref": PREFIX + names[document["$ref"].removeprefix(PREFIX)], "$defs": kept}


def _renamed(schema: Json, names: Mapping[str, str]) -> Json:
    if not isinstance(schema, Mapping):
        return schema
    copy = dict(schema)
    for keyword, value in schema.items():
        if keyword == "$ref":
            copy[keyword] = PREFIX + names[value.removeprefix(PREFIX)]
        elif keyword in ONE:
            copy[keyword] = _renamed(value, names)
        elif keyword in MANY:
            copy[keyword] = [_renamed(item, names) for item in value]
        elif keyword in NAMED:
            copy[keyword] = {name: _renamed(item, names) for name, item in value.items()}
    return copy
