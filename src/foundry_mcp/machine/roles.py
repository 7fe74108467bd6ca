"""Comparing roles: the contract lists them in rising order of power."""

from __future__ import annotations

from foundry_contracts.vocabulary import Role

_RANK = {role: rank for rank, role in enumerate(Role)}


def permits(role: Role, least: Role) -> bool:
    """Tell whether a role has at least the power of another."""
    return _RANK[role] >= _RANK[least]
