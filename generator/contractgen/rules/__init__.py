"""The rules a set is held to. Each module has `check(contracts)`, which yields findings and never raises."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from contractgen.model import ContractSet, Finding
from contractgen.rules import references

RULES = (
    "settings",
    "vocabulary",
    "objects",
    "requests",
    "parameters",
    "commands",
    "aliases",
    "events",
    "examples",
    "tables",
    "machines",
    "values",
)


def check(contracts: ContractSet) -> list[Finding]:
    """Hold a set to every rule, in order; references first, for the other rules follow them."""
    dangling = list(references.check(contracts))
    return dangling or [finding for name in RULES for finding in _run(name, contracts)]


def _run(name: str, contracts: ContractSet) -> Iterator[Finding]:
    yield from import_module(f"contractgen.rules.{name}").check(contracts)
