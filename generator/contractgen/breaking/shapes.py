"""Sets: whether each shape still takes, or still gives, what it did; and what is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from contractgen.breaking.change import Change
from contractgen.breaking.deprecation import Policy, without_gone
from contractgen.breaking.places import Places
from contractgen.breaking.snapshot import bundle, stem
from contractgen.compat.verdict import BREAKING, REQUEST, RESPONSE, STORED, UNPROVEN, judge
from contractgen.model import Finding

Json = Any
Taken = Mapping[str, Json]
_ROLES = {"request": REQUEST, "response": RESPONSE, "event": RESPONSE, "signal": RESPONSE, "format": STORED}
_SAID = {
    REQUEST: "is refused now and was taken before",
    RESPONSE: "may be given now, which readers of the old schema do not take",
}


def compare(old: Taken, new: Taken, policy: Policy, places: Places) -> Iterator[Change]:
    """Judge every shape that both sets have, and name those that are gone."""
    for path, shape in old["shapes"].items():
        if path not in new["shapes"]:
            yield from _gone(old, path, shape, policy, places)
            continue
        before, after = without_gone(bundle(old, path), policy), bundle(new, path)
        if before != after:
            yield from _judged(path, shape["kind"], before, after, places)
    for name, command in old.get("commands", {}).items():
        yield from _aliases(name, command, new, places, policy)


def _judged(path: str, kind: str, before: Json, after: Json, places: Places) -> Iterator[Change]:
    found = judge(before, after, _ROLES[kind])
    detail = json.dumps([before, after], sort_keys=True)
    for direction, inclusion in found.directions.items():
        subject = f"{path} {direction}"
        if inclusion.verdict == BREAKING:
            proof = json.dumps(inclusion.witness[0], ensure_ascii=False)
            message = f"{path} changed: a value {_SAID[direction]}."
            remedy = "Widen the shape again, publish it beside the old one, or accept the change with a reason."
            yield Change(Finding("breaking-set", places.shape(path), message, remedy, proof), subject, detail)
        elif inclusion.verdict == UNPROVEN:
            message = f"{path} changed, and it is not proved that what was valid still is."
            remedy = "Make the change plainer or smaller, or accept it with a reason."
            yield Change(Finding("breaking-unproven", places.shape(path), message, remedy), subject, detail)


def _gone(old: Taken, path: str, shape: Taken, policy: Policy, places: Places) -> Iterator[Change]:
    owner = next((c for c in old.get("commands", {}).values() if c["identifier"] == stem(path)), None)
    marks = [owner.get("deprecated") if owner else None]
    if "definition" in shape:
        marks.append(old["definitions"][shape["definition"]]["schema"].get("x-deprecated"))
    if any(policy.may_go(mark) for mark in marks):
        return
    yield _removed(f"{path} is gone", path, places, policy)


def _aliases(name: str, command: Taken, new: Taken, places: Places, policy: Policy) -> Iterator[Change]:
    after = new["commands"].get(name)
    if after is None:
        return
    for alias, dates in command["aliases"].items():
        mark = {"in": dates["deprecated_in"], "on": dates["deprecated_on"]}
        if alias not in after["aliases"] and not policy.may_go(mark):
            yield _removed(f"The alias {alias} of {name} is gone", f"{name} alias {alias}", places, policy)


def _removed(sentence: str, subject: str, places: Places, policy: Policy) -> Change:
    message = f"{sentence} without having been deprecated for {policy.says()}."
    remedy = "Bring it back and mark it deprecated first, or accept the removal with a reason."
    return Change(Finding("breaking-removed", places.named(subject), message, remedy), subject, "gone")
