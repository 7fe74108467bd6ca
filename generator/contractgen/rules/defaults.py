"""Defaults and examples beside a schema are values that the schema takes."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import ContractSet, Definition, Finding, Json, Origin
from contractgen.reach import within
from contractgen.rules.judge import faults


def check_definition(contracts: ContractSet, definition: Definition) -> Iterator[Finding]:
    """Find defaults and examples that their schema refuses."""
    for tokens, schema in within(contracts, definition.name):
        for where, value, what in _stated(schema, definition.origin.at(*tokens)):
            yield from faults(contracts, "default-valid", schema, value, where, what)


def _stated(schema: Json, origin: Origin) -> Iterator[tuple[Origin, Json, str]]:
    if "default" in schema:
        yield origin.at("default"), schema["default"], "The default"
    for position, example in enumerate(schema.get("examples", ())):
        yield origin.at("examples", position), example, "The example"
