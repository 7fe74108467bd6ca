"""The rules a set is held to. Each module has `check(contracts)`, which yields findings and never raises.

What is generated relies on the rules in SOUND: their findings are errors, and stop it. Those in ADVICE say what is
worse than it could be; only `lint` asks them, for some of them take their time.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from contractgen.model import ContractSet, Finding
from contractgen.rules import references

SOUND = (
    "settings",
    "vocabulary",
    "modules",
    "objects",
    "requests",
    "parameters",
    "commands",
    "flags",
    "aliases",
    "events",
    "examples",
    "defaults",
    "unions",
    "recursion",
    "satisfiable",
    "tables",
    "machines",
    "values",
    "constant_names",
)
ADVICE = ("descriptions", "usage", "patterns", "titles", "calls", "redundancy", "ignored_keywords", "expressible")


def sound(contracts: ContractSet) -> list[Finding]:
    """Find every error of a set.

    References come first, for the other rules follow them; the wire profile last, for it takes a sound set.
    """
    return (
        list(references.check(contracts))
        or [finding for name in SOUND for finding in _run(name, contracts)]
        or list(_run("wire", contracts))
    )


def advice(contracts: ContractSet) -> list[Finding]:
    """Find every warning and note of a sound set."""
    return [finding for name in ADVICE for finding in _run(name, contracts)]


def _run(name: str, contracts: ContractSet) -> Iterator[Finding]:
    yield from import_module(f"contractgen.rules.{name}").check(contracts)
