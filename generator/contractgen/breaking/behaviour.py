"""Behaviour: what happens otherwise though every shape is as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from contractgen import resolve
from contractgen.breaking.change import Change
from contractgen.breaking.places import Places
from contractgen.model import Finding

Json = Any
Taken = Mapping[str, Json]
_SINGLE = ("role", "flag", "read_only")
_LISTS = ("errors", "emits", "tags")


def compare(old: Taken, new: Taken, places: Places) -> Iterator[Change]:
    """Name the changes of commands, defaults, tables, machines and constants."""
    if "commands" not in old:
        return
    for name, before in old["commands"].items():
        if name in new["commands"]:
            yield from _command(name, before, new["commands"][name], places)
    yield from _defaults(old, new, places)
    for kind, one in (("tables", "table"), ("machines", "machine"), ("values", "constants"), ("enumerations", "data")):
        for name, before in old[kind].items():
            after = new[kind].get(name)
            if after is not None and after != before:
                yield from _parts(f"{one} {name}", name, before, after, places, kind)


def _command(name: str, before: Taken, after: Taken, places: Places) -> Iterator[Change]:
    for key in _SINGLE:
        if before[key] != after[key]:
            yield _change(
                f"The {key} of {name} was {before[key]} and is {after[key]}.",
                name,
                places,
                key,
                before[key],
                after[key],
            )
    for key in _LISTS:
        gone = [item for item in before[key] if item not in after[key]]
        come = [item for item in after[key] if item not in before[key]]
        if gone or come:
            told = "; ".join(
                f"{word} {', '.join(items)}" for word, items in (("without", gone), ("with", come)) if items
            )
            yield _change(f"The {key} of {name} changed: now {told}.", name, places, key, before[key], after[key])
    for alias, dates in before["aliases"].items():
        if alias in after["aliases"] and after["aliases"][alias] != dates:
            message = f"The dates of the alias {alias} of {name} changed."
            yield _change(message, name, places, f"alias {alias}", dates, after["aliases"][alias])


def _defaults(old: Taken, new: Taken, places: Places) -> Iterator[Change]:
    for name, before in old["definitions"].items():
        if name not in new["definitions"]:
            continue
        then, now = _stated(before["schema"]), _stated(new["definitions"][name]["schema"])
        for place in sorted(then.keys() & now.keys()):
            if then[place] != now[place]:
                message = (
                    f"The default at {place or '/'} of {name} was {_said(then[place])} and is {_said(now[place])}."
                )
                yield _change(message, name, places, f"default {place}", then[place], now[place])


def _stated(schema: Json) -> dict[str, Json]:
    """List where a schema can state a default, with what it states."""
    return {
        "".join(f"/{token}" for token in tokens): found.get("default", ...) for tokens, found in resolve.walk(schema)
    }


def _said(value: Json) -> str:
    return "none" if value is ... else json.dumps(value, ensure_ascii=False)


def _parts(what: str, name: str, before: Json, after: Json, places: Places, kind: str) -> Iterator[Change]:
    """Tell row by row, move by move and name by name what is different."""
    then, now = dict(_keyed(before, kind)), dict(_keyed(after, kind))
    for key in [*then, *(key for key in now if key not in then)]:
        if key not in now:
            word = "is gone"
        elif key not in then:
            # A new member of an enumeration changes sets, which are judged by themselves.
            word = "" if kind == "enumerations" else "is new"
        else:
            word = "says something else" if then[key] != now[key] else ""
        if word and not (kind == "enumerations" and key not in now):
            yield _change(f"In {what}, {key} {word}.", name, places, f"{kind} {key}", then.get(key), now.get(key))


def _keyed(body: Json, kind: str) -> Iterator[tuple[str, Json]]:
    if kind == "tables":
        seen: dict[str, int] = {}
        for row in body["rows"]:
            when = f"the row for {json.dumps(row['when'], ensure_ascii=False)}"
            seen[when] = seen.get(when, 0) + 1
            yield (when if seen[when] == 1 else f"{when} (number {seen[when]})"), row["then"]
        yield "the order of rows", [row["when"] for row in body["rows"]]
    elif kind == "machines":
        yield from (("the first state", body["initial"]), ("the last states", body["terminal"]))
        for move in body["transitions"]:
            yield f"the move {move['trigger']} from {', '.join(move['source'])}", move["target"]
    else:
        yield from body.items()


def _change(message: str, subject: str, places: Places, detail: str, before: Json, after: Json) -> Change:
    remedy = "Undo it, or accept the change with a reason."
    finding = Finding("breaking-behaviour", places.named(subject), message, remedy)
    exact = json.dumps([before, after], sort_keys=True, default=str)
    return Change(finding, f"{subject} {detail}", exact)
