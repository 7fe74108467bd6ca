"""Comparing roles: the contract lists them in rising order of power."""

from __future__ import annotations

from collections.abc import Iterable

from foundry_contracts.handlers import Refusal
from foundry_contracts.vocabulary import ErrorCode, Role

_RANK = {role: rank for rank, role in enumerate(Role)}


def permits(role: Role, least: Role) -> bool:
    """Tell whether a role has at least the power of another."""
    return _RANK[role] >= _RANK[least]


def strongest(roles: Iterable[Role]) -> Role:
    """Give the role with the most power."""
    return max(roles, key=_RANK.__getitem__)


def unauthorized(role: Role, needed: Role, what: str) -> Refusal:
    """Refuse a caller whose role does not allow something."""
    details = {"role": role.value, "needed": needed.value}
    return Refusal(ErrorCode.UNAUTHORIZED, f"To {what} takes the role {needed.value}; yours is {role.value}.", details)
