"""contracts.toml names things that exist."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.freshness import SETTINGS_FILE
from contractgen.model import ContractSet, Finding, Origin
from contractgen.nearest import hint


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find names in contracts.toml that no contract defines."""
    settings = contracts.settings
    for key, name, kind, known in (
        ("errors", settings.errors, "enumeration", contracts.enumerations),
        ("roles", settings.roles, "enumeration", contracts.enumerations),
        ("flags", settings.flags, "enumeration", contracts.enumerations),
        ("envelope", settings.envelope, "definition", contracts.definitions),
    ):
        if name and name not in known:
            origin = Origin(SETTINGS_FILE, f"/set/{key}")
            yield Finding(
                "settings", origin, f"No {kind} is named {name}.", f"Define it, or correct the name.{hint(name, known)}"
            )
