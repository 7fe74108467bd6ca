"""Source level: names that the code of clients and of the server is written with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contractgen.breaking.change import Change
from contractgen.breaking.deprecation import MARK, MEMBERS_MARK, Policy
from contractgen.breaking.places import Places
from contractgen.model import Finding

Json = Any
Taken = Mapping[str, Json]


def compare(old: Taken, new: Taken, policy: Policy, places: Places) -> Iterator[Change]:
    """Name the classes, fields, modules, constants and handlers that code can no longer refer to."""
    if "definitions" not in old:
        return
    for name, before in old["definitions"].items():
        after = new["definitions"].get(name)
        if policy.may_go(before["schema"].get(MARK)):
            continue
        if after is None:
            yield _change(f"The class {name} is gone or has another name.", name, places)
            continue
        if after["module"] != before["module"]:
            moved = f"{name} moved from the module {before['module']} to {after['module']}."
            yield _change(moved, name, places, f"module {before['module']} {after['module']}")
        yield from _fields(name, before["schema"], after["schema"], policy, places)
    yield from _constants(old, new, policy, places)


def _fields(name: str, before: Json, after: Json, policy: Policy, places: Places) -> Iterator[Change]:
    for field, below in before.get("properties", {}).items():
        gone = isinstance(below, Mapping) and policy.may_go(below.get(MARK))
        if field not in after.get("properties", {}) and not gone:
            yield _change(f"{name} has no field {field} any more.", name, places, f"field {field}")


def _constants(old: Taken, new: Taken, policy: Policy, places: Places) -> Iterator[Change]:
    for name, members in old["enumerations"].items():
        marks = old["definitions"].get(name, {}).get("schema", {}).get(MEMBERS_MARK, {})
        for member in (member for member in members if not policy.may_go(marks.get(member))):
            if name in new["enumerations"] and member not in new["enumerations"][name]:
                yield _change(f"{name} has no member {member} any more.", name, places, f"member {member}")
    for name in old["commands"]:
        if name not in new["commands"] and not policy_allows(old["commands"][name]):
            yield _change(f"There is no command {name} any more, so its handler has no place.", name, places)


def policy_allows(command: Taken) -> bool:
    """Say whether a command was announced as deprecated at all; how long, its shapes are asked."""
    return command.get("deprecated") is not None


def _change(message: str, subject: str, places: Places, detail: str = "gone") -> Change:
    remedy = "Bring the name back, or accept the change with a reason."
    return Change(Finding("breaking-source", places.named(subject), message, remedy), f"{subject} {detail}", detail)
