"""Documentation: what is only said in other words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contractgen import resolve
from contractgen.breaking.change import Change
from contractgen.breaking.places import Places
from contractgen.model import Finding

Json = Any
Taken = Mapping[str, Json]
_WORDS = ("title", "description")


def compare(old: Taken, new: Taken, places: Places) -> Iterator[Change]:
    """Name the commands and definitions whose words changed."""
    for name, before in old.get("commands", {}).items():
        after = new["commands"].get(name)
        for key in _WORDS:
            if after is not None and before[key] != after[key]:
                yield _change(f"The {key} of {name} changed.", name, key, before[key], after[key], places)
    for name, before in old.get("definitions", {}).items():
        if name in new["definitions"]:
            yield from _definition(name, before["schema"], new["definitions"][name]["schema"], places)


def _definition(name: str, before: Json, after: Json, places: Places) -> Iterator[Change]:
    then, now = dict(resolve.walk(before)), dict(resolve.walk(after))
    for tokens in then:
        for key in _WORDS:
            was, is_now = then[tokens].get(key), now.get(tokens, {}).get(key)
            if tokens in now and was != is_now:
                place = "".join(f"/{token}" for token in tokens) or "/"
                yield _change(f"The {key} at {place} of {name} changed.", name, f"{place} {key}", was, is_now, places)


def _change(message: str, subject: str, detail: str, was: Json, is_now: Json, places: Places) -> Change:
    finding = Finding("breaking-documentation", places.named(subject), message, "Tell readers, if it matters to them.")
    return Change(finding, f"{subject} {detail}", f"{was}\0{is_now}")
