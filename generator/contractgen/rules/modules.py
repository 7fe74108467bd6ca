"""Every contract file has a Python module of its own."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import ContractSet, Finding


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find files whose paths come to the same module name, in which their models would be mixed."""
    owners: dict[str, str] = {}
    told: set[str] = set()
    for definition in contracts.definitions.values():
        file = definition.origin.file
        owner = owners.setdefault(definition.module, file)
        if owner != file and file not in told:
            told.add(file)
            message = f"This file and {owner} both come to the module {definition.module}."
            yield Finding("module-unique", definition.origin, message, "Rename one of the files.")
