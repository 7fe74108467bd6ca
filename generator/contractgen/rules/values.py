"""Named constants hold to their schema."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import ContractSet, Finding
from contractgen.rules.judge import faults


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find constants that their schema refuses."""
    for values in contracts.values.values():
        for name, value in values.values.items():
            origin = values.origin.at("x-values", name)
            yield from faults(contracts, "values-valid", values.schema, value, origin, f'"{name}"')
