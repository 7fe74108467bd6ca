"""Every choice can be taken: what stands beside a union or an enum leaves room for each of its branches and values."""

from __future__ import annotations

import json
from collections.abc import Iterator

from contractgen.bundle import plain, plain_of
from contractgen.model import ContractSet, Finding, Json, Origin, Schema
from contractgen.reach import reachable, within
from contractgen.rules.judge import faults


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find branches and values that the rest of their schema refuses."""
    for definition in contracts.definitions.values():
        for tokens, schema in within(contracts, definition.name):
            origin = definition.origin.at(*tokens)
            yield from _branches(contracts, schema, origin)
            yield from _values(contracts, schema, origin)


def _branches(contracts: ContractSet, schema: Schema, origin: Origin) -> Iterator[Finding]:
    for keyword in ("oneOf", "anyOf"):
        rest = {key: value for key, value in schema.items() if key not in (keyword, "discriminator")}
        # Nothing can stand in a branch's way where only words stand beside it.
        if keyword in schema and rest.keys() - {"title", "description", "default", "examples"}:
            for position, branch in enumerate(schema[keyword]):
                if _takes_nothing(contracts, {**rest, "allOf": [*rest.get("allOf", ()), branch]}):
                    message = "The rest of this schema refuses all that this branch takes."
                    yield Finding("choice-dead", origin.at(keyword, position), message, "Remove it, or widen the rest.")


def _takes_nothing(contracts: ContractSet, schema: Schema) -> bool:
    import jsonschema_rs
    from jsonschema_rs import canonical

    below = {name: plain_of(contracts, name) for name in reachable(contracts, schema)}
    document = plain(schema) | {"$defs": below}
    try:
        judged = jsonschema_rs.canonicalize(document, validate_formats=True)
    except canonical.CanonicalizationError:
        return False
    return judged.satisfiability() == canonical.Satisfiability.NO


def _values(contracts: ContractSet, schema: Schema, origin: Origin) -> Iterator[Finding]:
    rest: Json = {key: value for key, value in schema.items() if key != "enum"}
    for position, value in enumerate(schema.get("enum", ())):
        if any(faults(contracts, "choice-dead", rest, value, origin, "")):
            message = f"The rest of this schema refuses the value {json.dumps(value, ensure_ascii=False)}."
            yield Finding("choice-dead", origin.at("enum", position), message, "Remove it, or widen the rest.")
