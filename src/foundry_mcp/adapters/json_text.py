"""Parse a JSON text and say of everything in it that would get lost or do harm where it stands."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from foundry_contracts.models.common import Finding
from foundry_contracts.vocabulary import FindingCode
from foundry_mcp.machine.spec_document import HIERARCHY
from foundry_mcp.machine.spec_findings import make_finding, pointer_to

# Far deeper than any plan, far less deep than what those who walk the document could not.
DEPTH_LIMIT = 100
LONE = re.compile("[\ud800-\udfff]")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]|\n', re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonText:
    """Hold a parsed text. `readable` is false where there is no value to go on with."""

    value: object
    findings: tuple[Finding, ...]
    readable: bool = True


def parse_json(data: bytes) -> JsonText:
    """Parse UTF-8 JSON; a key given twice keeps its last value and is a finding."""
    try:
        text = data.decode("utf-8")
        twice: list[None] = []
        value = json.loads(
            text,
            object_pairs_hook=lambda pairs: _object(pairs, twice),
            parse_constant=_refuse,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _unreadable(f"The file is not UTF-8 (line {line}, byte {error.start}): save it as UTF-8.")
    except json.JSONDecodeError as error:
        return _unreadable(
            f"The file is not JSON (line {error.lineno}, column {error.colno}): {error.msg}; correct it."
        )
    except RecursionError:
        return _too_deep()
    except ValueError as error:
        return _unreadable(f"The file holds a number that JSON cannot carry ({error}): write another.")
    if _depth_exceeded(value):
        return _too_deep()
    value, lone = _without_surrogates(value)
    return JsonText(value, (*(duplicate_keys(text) if twice else ()), *lone))


def _unreadable(message: str) -> JsonText:
    return JsonText(None, (make_finding(FindingCode.BAD_JSON, "", message),), readable=False)


def _too_deep() -> JsonText:
    return _unreadable(f"The file nests deeper than {DEPTH_LIMIT} levels: make it flatter.")


def _object(pairs: list[tuple[str, object]], twice: list[None]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice.append(None)
    return value


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _finite(text: str) -> float:
    # One that is too large reads as infinity, which could not be written back as JSON.
    value = float(text)
    if not math.isfinite(value):
        _refuse(text)
    return value


def _depth_exceeded(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(DEPTH_LIMIT):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _without_surrogates(value: object, pointer: str = "") -> tuple[object, list[Finding]]:
    if isinstance(value, str) and LONE.search(value):
        message = "This text holds half of a character pair (a lone surrogate): write the whole character."
        return LONE.sub("\ufffd", value), [make_finding(FindingCode.BAD_JSON, LONE.sub("\ufffd", pointer), message)]
    if isinstance(value, list):
        items = [_without_surrogates(item, pointer_to(pointer, index)) for index, item in enumerate(value)]
        return [item for item, _ in items], [finding for _, found in items for finding in found]
    if isinstance(value, dict):
        return _clean_object(value, pointer)
    return value, []


def _clean_object(value: dict[str, object], pointer: str) -> tuple[object, list[Finding]]:
    cleaned: dict[str, object] = {}
    findings: list[Finding] = []
    for key, item in value.items():
        clean_key, of_key = _without_surrogates(key, pointer_to(pointer, key))
        cleaned[str(clean_key)], of_item = _without_surrogates(item, pointer_to(pointer, key))
        findings += [*of_key, *of_item]
    return cleaned, findings


@dataclass(slots=True)
class _Frame:
    """Hold an open object or list: the keys met so far and the place of what comes next."""

    pointer: str
    is_object: bool
    keys: dict[str, int] = field(default_factory=dict)
    index: int = 0
    key: str | None = None

    def place(self) -> str:
        """Give the pointer of the value that comes next."""
        return pointer_to(self.pointer, self.index if self.key is None else self.key)


def duplicate_keys(text: str) -> Iterator[Finding]:
    """Find every key given twice in a text known to be JSON, with its pointer and both lines."""
    frames: list[_Frame] = []
    line = 1
    for match in TOKEN.finditer(text):
        token = match.group()
        top = frames[-1] if frames else None
        if token == "\n":
            line += 1
        elif token in "{[":
            frames.append(_Frame(top.place() if top else "", token == "{"))
        elif token in "}]":
            frames.pop()
        elif top and token == ",":
            top.index, top.key = top.index + 1, None
        elif top and top.is_object and top.key is None:
            top.key = str(json.loads(token))
            if top.key in top.keys:
                yield _twice(top, line)
            top.keys.setdefault(top.key, line)


def _twice(frame: _Frame, line: int) -> Finding:
    key = LONE.sub("\ufffd", frame.key or "")
    lines = f"lines {frame.keys[frame.key or '']} and {line}"
    message = f"The key {key!r} is given twice ({lines}): rename or remove one of them."
    node = key if frame.pointer == pointer_to("", HIERARCHY) else None
    return make_finding(FindingCode.DUPLICATE_KEY, LONE.sub("\ufffd", frame.place()), message, node)
