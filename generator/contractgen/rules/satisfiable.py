"""Every schema takes something: `find_unsatisfiable` proves which one cannot."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.bundle import plain_of
from contractgen.model import ContractSet, Finding, Json
from contractgen.reach import closure, reach
from contractgen.resolve import PREFIX


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find schemas that take no value at all; a plain `false` says so itself and is meant."""
    needed = {name: reach(contracts, name) for name in contracts.definitions}
    depends = {name: tuple(contracts.definitions[below] for below in all_of) for name, all_of in needed.items()}

    def make(unknown: list[str]) -> dict[str, tuple[Finding, ...]]:
        # Proving is quicker for many at once.
        found: dict[str, list[Finding]] = {name: [] for name in unknown}
        for name, finding in _proven(contracts, unknown):
            found[name].append(finding)
        return {name: tuple(findings) for name, findings in found.items()}

    for findings in contracts.memory.batch("satisfiable", depends, make).values():
        yield from findings


def _proven(contracts: ContractSet, names: list[str]) -> Iterator[tuple[str, Finding]]:
    from jsonschema_rs import canonical

    definitions = {name: plain_of(contracts, name) for name in closure(contracts, names)}
    # Only what the root leads to is judged.
    led_to = {name: {"$ref": f"{PREFIX}{name}"} for name in names}
    proven = canonical.find_unsatisfiable({"$defs": definitions, "properties": led_to}, validate_formats=True)
    meant = canonical.UnsatisfiableReason.Literal
    pointers = sorted(pointer for pointer, reason in proven.items() if not isinstance(reason, meant))
    for pointer in pointers:
        # Where an inner schema takes nothing, it is the one to mend.
        inner = any(other.startswith(f"{pointer}/") for other in pointers)
        name, tokens = _place(pointer)
        if pointer.startswith("/$defs/") and name in names and not inner:
            origin = contracts.definitions[name].origin.at(*tokens)
            message = f"No value can satisfy this schema: {_why(definitions[name], tokens)}."
            yield name, Finding("schema-satisfiable", origin, message, "Remove or widen one of them.")


def _place(pointer: str) -> tuple[str, list[str]]:
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
    return (tokens[1], tokens[2:]) if len(tokens) > 1 else ("", [])


def _why(schema: Json, tokens: list[str]) -> str:
    for token in tokens:
        schema = schema[int(token)] if isinstance(schema, list) else schema[token]
    said = [key for key in schema if key not in ("title", "description", "default", "examples")]
    return f"its {', '.join(said)} contradict each other" if len(said) > 1 else "what it refers to takes nothing"
