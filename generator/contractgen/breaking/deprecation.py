"""When something deprecated may go: the later of a number of months and a number of minor releases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

Json = Any
MARK = "x-deprecated"
# No keyword of contracts: what an enumeration's lowered schema says of its members, by value.
MEMBERS_MARK = "x-deprecated-members"


@dataclass(frozen=True, slots=True)
class Policy:
    """Hold the policy, and the day and the version at which it is applied."""

    months: int
    minor_releases: int
    today: date
    version: str

    def may_go(self, mark: Json) -> bool:
        """Say whether what was marked `{"in": version, "on": day}` has been deprecated long enough."""
        if not isinstance(mark, Mapping) or not {"in", "on"} <= mark.keys():
            return False
        try:
            since = date.fromisoformat(mark["on"])
        except ValueError:
            return False
        return _after(since, self.months) <= self.today and self._releases(mark["in"]) >= self.minor_releases

    def _releases(self, since: str) -> int:
        major, minor = _version(since)
        now_major, now_minor = _version(self.version)
        # A major release is more than any number of minor ones.
        return self.minor_releases if now_major > major else now_minor - minor

    def says(self) -> str:
        """Write the policy as a part of a sentence."""
        return f"{self.months} months and {self.minor_releases} minor releases, whichever is later"


def _version(text: str) -> tuple[int, int]:
    numbers = [int(part) for part in re.findall(r"[0-9]+", text)[:2]]
    return (*numbers, 0, 0)[0], (*numbers, 0, 0)[1]


def _after(day: date, months: int) -> date:
    total = day.month - 1 + months
    year, month = day.year + total // 12, total % 12 + 1
    first_of_next = date(year + month // 12, month % 12 + 1, 1)
    last = date.fromordinal(first_of_next.toordinal() - 1).day
    return date(year, month, min(day.day, last))


def without_gone(schema: Json, policy: Policy) -> Json:
    """Copy an old schema without what was deprecated long enough, properties and members: nobody may count on it."""
    if isinstance(schema, list):
        return [without_gone(item, policy) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    copy = {key: without_gone(value, policy) for key, value in schema.items()}
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        gone = {n for n, below in properties.items() if isinstance(below, Mapping) and policy.may_go(below.get(MARK))}
        copy["properties"] = {name: below for name, below in copy["properties"].items() if name not in gone}
        if "required" in copy:
            copy["required"] = [name for name in schema["required"] if name not in gone]
    if MEMBERS_MARK in schema and isinstance(schema.get("enum"), list):
        copy["enum"] = [value for value in schema["enum"] if not policy.may_go(schema[MEMBERS_MARK].get(value))]
    return copy
