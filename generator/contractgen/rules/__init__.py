"""The rules a set is held to. A check yields findings and never raises; a module has one or more of three.

`check_definition(contracts, definition)` and `check_command(contracts, command)` look at one thing and what it leads
to, `check(contracts)` at the whole set. In a process that stays, each is asked again when what it read is new.

What is generated relies on the rules in SOUND: their findings are errors, and stop it. Those in ADVICE say what is
worse than it could be; only `lint` asks them, for some of them take their time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from contractgen.memory import remembered
from contractgen.model import ContractSet, Finding

Check = Callable[..., Iterator[Finding]]

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
    "configurations",
)
ADVICE = (
    "descriptions",
    "usage",
    "patterns",
    "titles",
    "calls",
    "redundancy",
    "choices",
    "ignored_keywords",
    "expressible",
)


def sound(contracts: ContractSet) -> list[Finding]:
    """Find every error of a set.

    References come first, for the other rules follow them; the wire profile last, for it takes a sound set.
    """
    return (
        list(_run("references", contracts))
        or [finding for name in SOUND for finding in _run(name, contracts)]
        or list(_run("wire", contracts))
    )


def advice(contracts: ContractSet) -> list[Finding]:
    """Find every warning and note of a sound set."""
    return [finding for name in ADVICE for finding in _run(name, contracts)]


def _run(name: str, contracts: ContractSet) -> Iterator[Finding]:
    module = import_module(f"contractgen.rules.{name}")
    for check, parts in (
        ("check_definition", contracts.definitions.values()),
        ("check_command", contracts.commands),
    ):
        for part in parts if hasattr(module, check) else ():
            yield from _found(contracts, getattr(module, check), part)
    if hasattr(module, "check"):
        yield from _found(contracts, module.check)


@remembered
def _found(contracts: ContractSet, check: Check, *part: object) -> tuple[Finding, ...]:
    return tuple(check(contracts, *part))
