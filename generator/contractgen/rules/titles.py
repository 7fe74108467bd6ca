"""A branch of a union that is an object has a name: a reference, or a title."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Finding, Json


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find branches whose class would be named by a number."""
    for definition in contracts.definitions.values():
        for tokens, schema in resolve.walk(definition.schema):
            for keyword in ("oneOf", "anyOf"):
                for position, branch in enumerate(schema.get(keyword, ())):
                    if _nameless(branch):
                        origin = definition.origin.at(*tokens, keyword, position)
                        message = "This object stands in a union without a name, so its class gets a number."
                        remedy = "Give it a title, or move it to $defs and refer to it."
                        yield Finding("branch-titled", origin, message, remedy)


def _nameless(branch: Json) -> bool:
    return isinstance(branch, dict) and branch.get("type") == "object" and "title" not in branch
