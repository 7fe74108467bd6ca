"""Follow the references of a set: what a definition needs, directly or at any remove, and what schemas it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from contractgen import resolve
from contractgen.memory import remembered
from contractgen.model import ContractSet, Json, Schema
from contractgen.resolve import NAMED, PREFIX

# Below these stands data, which may look like anything.
DATA_KEYWORDS = frozenset({"const", "enum", "default", "examples", "required", "dependentRequired", "discriminator"})


def schema_of(contracts: ContractSet, name: str) -> Schema:
    """Look up the schema a name stands for: a definition, a table's output or the shape of constants."""
    if name in contracts.definitions:
        return contracts.definitions[name].schema
    if name in contracts.tables:
        return contracts.tables[name].output
    if name in contracts.values:
        return contracts.values[name].schema
    raise LookupError(f"no definition named {name}")


def references(schema: Json) -> Iterator[str]:
    """Give the name of each definition a schema refers to, in order, repetitions too."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.removeprefix(PREFIX)
            elif key in NAMED and isinstance(value, Mapping):
                for below in value.values():
                    yield from references(below)
            elif key not in DATA_KEYWORDS:
                yield from references(value)
    elif isinstance(schema, (list, tuple)):
        for item in schema:
            yield from references(item)


def reachable(contracts: ContractSet, schema: Schema) -> tuple[str, ...]:
    """List the definitions a schema needs, directly or not, in alphabetical order."""
    return closure(contracts, references(schema))


def closure(contracts: ContractSet, names: Iterable[str]) -> tuple[str, ...]:
    """List some definitions and all that they need, in alphabetical order."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(needs(contracts, name))
    return tuple(sorted(found))


@remembered
def needs(contracts: ContractSet, name: str) -> tuple[str, ...]:
    """List the definitions that one refers to."""
    return tuple(dict.fromkeys(references(schema_of(contracts, name))))


@remembered
def reach(contracts: ContractSet, name: str) -> tuple[str, ...]:
    """List a definition and all that it needs, in alphabetical order."""
    return closure(contracts, [name])


@remembered
def holds_itself(contracts: ContractSet, name: str) -> bool:
    """Say whether a definition needs itself, at any remove."""
    return name in closure(contracts, needs(contracts, name))


@remembered
def within(contracts: ContractSet, name: str) -> tuple[tuple[tuple[str | int, ...], Schema], ...]:
    """List a definition's schema and every schema below it, each with its tokens; booleans are left out."""
    return tuple(resolve.walk(schema_of(contracts, name)))
