"""Defaults and examples beside a schema are values that the schema takes."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Finding, Json, Origin
from contractgen.rules.judge import Judge


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find defaults and examples that their schema refuses."""
    judge = Judge(contracts)
    for definition in contracts.definitions.values():
        for tokens, schema in resolve.walk(definition.schema):
            for where, value, what in _stated(schema, definition.origin.at(*tokens)):
                yield from judge.faults("default-valid", schema, value, where, what)


def _stated(schema: Json, origin: Origin) -> Iterator[tuple[Origin, Json, str]]:
    if "default" in schema:
        yield origin.at("default"), schema["default"], "The default"
    for position, example in enumerate(schema.get("examples", ())):
        yield origin.at("examples", position), example, "The example"
