"""The rules a set is held to. Each module has `check(contracts)`, which yields findings and never raises."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from contractgen.model import ContractSet, Finding
from contractgen.rules import references

RULES = (
    "settings",
    "vocabulary",
    "modules",
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
    "configurations",
)


def check(contracts: ContractSet) -> list[Finding]:
    """Hold a set to every rule, in order.

    References come first, for the other rules follow them; the wire profile last, for it takes a sound set.
    """
    return (
        list(references.check(contracts))
        or [finding for name in RULES for finding in _run(name, contracts)]
        or list(_run("wire", contracts))
    )


def _run(name: str, contracts: ContractSet) -> Iterator[Finding]:
    yield from import_module(f"contractgen.rules.{name}").check(contracts)
