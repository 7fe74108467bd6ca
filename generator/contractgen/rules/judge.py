"""Validate values against schemas of a set: the judge that several rules call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contractgen import resolve
from contractgen.model import ContractSet, Finding, Json, Origin, Schema


class Judge:
    """Hold the compiled schemas of one set."""

    def __init__(self, contracts: ContractSet) -> None:
        """Keep the set; schemas are compiled when they are first asked for."""
        self._schemas: dict[str, Schema] = {name: item.schema for name, item in contracts.definitions.items()}
        self._compiled: dict[int, tuple[Schema, Any]] = {}

    def faults(self, rule: str, schema: Schema, value: Json, origin: Origin, what: str) -> Iterator[Finding]:
        """List what a schema refuses of a value that stands at `origin`."""
        for error in self._validator(schema).iter_errors(value):
            message = f"{what} is not what its schema says: {error.message}."
            yield Finding(rule, origin.at(*error.instance_path), message, "Correct the value or the schema.")

    def named(self, rule: str, name: str, value: Json, origin: Origin, what: str) -> Iterator[Finding]:
        """List what a definition refuses of a value."""
        if name in self._schemas:
            yield from self.faults(rule, self._schemas[name], value, origin, what)

    def _validator(self, schema: Schema) -> Any:
        known = self._compiled.get(id(schema))
        if known is None:
            known = self._compiled[id(schema)] = (schema, self._compile(schema))
        return known[1]

    def _compile(self, schema: Schema) -> Any:
        import jsonschema_rs

        names = resolve.reachable(self._schemas, resolve.references(schema))
        bundle = {**schema, "$defs": {name: self._schemas[name] for name in names}}
        return jsonschema_rs.Draft202012Validator(bundle, validate_formats=True)
