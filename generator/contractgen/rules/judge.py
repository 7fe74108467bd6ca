"""Validate values against schemas of a set: the judge that several rules call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contractgen.memory import remembered
from contractgen.model import ContractSet, Finding, Json, Origin, Schema
from contractgen.reach import reachable, schema_of


def faults(
    contracts: ContractSet, rule: str, schema: Schema, value: Json, origin: Origin, what: str
) -> Iterator[Finding]:
    """List what a schema of the set refuses of a value that stands at `origin`."""
    for error in _validator(contracts, schema).iter_errors(value):
        message = f"{what} is not what its schema says: {error.message}."
        yield Finding(rule, origin.at(*error.instance_path), message, "Correct the value or the schema.")


@remembered
def _validator(contracts: ContractSet, schema: Schema) -> Any:
    import jsonschema_rs

    below = {name: schema_of(contracts, name) for name in reachable(contracts, schema)}
    return jsonschema_rs.Draft202012Validator({**schema, "$defs": below}, validate_formats=True)
