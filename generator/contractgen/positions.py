"""Find the line of a JSON pointer in a text that `json` has already accepted."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass(slots=True)
class _Frame:
    """Hold one open object or array: its pointer, and the key or index being read."""

    pointer: str
    is_object: bool
    index: int = 0
    key: str | None = None
    seen: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Positions:
    """Hold the offset of each value's key (or first character), and of keys given twice."""

    offsets: dict[str, int]
    duplicates: list[tuple[str, int]]


def scan(text: str, until: str | None = None) -> Positions:
    """Read a valid JSON text once and note where each pointer stands; stop at one if it is all that is wanted."""
    found = Positions({"": 0}, [])
    stack: list[_Frame] = []
    for token in _TOKEN.finditer(text):
        _step(token.group(), token.start(), stack, found)
        if until in found.offsets:
            break
    return found


def _step(token: str, offset: int, stack: list[_Frame], found: Positions) -> None:
    top = stack[-1] if stack else None
    if token in "}]":
        stack.pop()
    elif token == ",":
        _next_entry(top)
    elif token == ":":
        return
    elif top is not None and top.is_object and top.key is None:
        _key(json.loads(token), offset, top, found)
    else:
        _value(token, offset, top, stack, found)


def _next_entry(frame: _Frame | None) -> None:
    if frame is not None:
        frame.key = None
        frame.index += 1


def _key(key: str, offset: int, frame: _Frame, found: Positions) -> None:
    pointer = f"{frame.pointer}/{key.replace('~', '~0').replace('/', '~1')}"
    if key in frame.seen:
        found.duplicates.append((pointer, offset))
    frame.seen.add(key)
    frame.key = key
    found.offsets[pointer] = offset


def _value(token: str, offset: int, frame: _Frame | None, stack: list[_Frame], found: Positions) -> None:
    pointer = ""
    if frame is not None and frame.is_object:
        pointer = f"{frame.pointer}/{(frame.key or '').replace('~', '~0').replace('/', '~1')}"
    elif frame is not None:
        pointer = f"{frame.pointer}/{frame.index}"
        found.offsets[pointer] = offset
    if token in "{[":
        stack.append(_Frame(pointer, token == "{"))


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Turn an offset into a line and a column, both from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def locate(text: str, pointer: str) -> tuple[int, int]:
    """Find a pointer's line and column, or those of the nearest place above it that exists."""
    offsets = scan(text, pointer or None).offsets
    while pointer not in offsets:
        pointer = pointer.rpartition("/")[0]
    return line_and_column(text, offsets[pointer])
