"""Read one contract file: JSON, free of repeated keys, and valid against the meta-schema."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contractgen import dialect, positions
from contractgen.model import Finding, Json, Origin
from contractgen.nearest import hint


@dataclass(frozen=True, slots=True)
class Document:
    """Hold one parsed contract file; `file` is its path below the contracts folder, with forward slashes.

    `command` is where a command's x-command stands: generated code names the place, so it is looked up at once.
    """

    file: str
    data: dict[str, Json]
    command: Origin | None = None


def read(file: str, raw: bytes) -> tuple[Document | None, list[Finding]]:
    """Parse one file; findings say why it is no contract."""
    repeated: list[bool] = []
    try:
        text = raw.decode("utf-8")
        data = json.loads(text, object_pairs_hook=functools.partial(_pairs, repeated), parse_constant=_refused)
        # Half a surrogate pair can be escaped and read, but never be written again.
        json.dumps(data, ensure_ascii=False).encode()
    except (RecursionError, ValueError) as error:
        return None, [_unreadable(file, error)]
    if repeated:
        return None, _duplicates(file, text)
    findings = list(_meta_findings(file, data))
    return (None if findings else Document(file, data, _command_place(file, text, data))), findings


def _command_place(file: str, text: str, data: Mapping[str, Json]) -> Origin | None:
    if "x-command" not in data:
        return None
    return Origin(file, "/x-command", *positions.locate(text, "/x-command"))


def _refused(constant: str) -> Json:
    raise ValueError(f"{constant} is no value of JSON")


def _unreadable(file: str, error: Exception) -> Finding:
    origin = Origin(file, "", 1, 1)
    if isinstance(error, json.JSONDecodeError):
        origin = Origin(file, "", error.lineno, error.colno)
        return Finding("json", origin, f"Not JSON: {error.msg}.", "Mend the syntax at this place.")
    if isinstance(error, UnicodeDecodeError):
        return Finding("json", origin, f"Not UTF-8: {error.reason}.", "Save the file as UTF-8.")
    why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    if isinstance(error, UnicodeEncodeError):
        why = f"{error.object[error.start]!a} is half of a surrogate pair"
    return Finding("json", origin, f"Not JSON: {why}.", "Remove it.")


def _pairs(repeated: list[bool], pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        repeated.append(True)
    return result


def _duplicates(file: str, text: str) -> list[Finding]:
    found = []
    for pointer, offset in positions.scan(text).duplicates:
        line, column = positions.line_and_column(text, offset)
        key = pointer.rpartition("/")[2]
        message = f'The key "{key}" is given twice; JSON readers keep only one of them.'
        found.append(Finding("duplicate-key", Origin(file, pointer, line, column), message, "Remove one of the two."))
    return found


@functools.cache
def _validator() -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(dialect.metaschema(), validate_formats=True)


def _meta_findings(file: str, data: Json) -> Iterator[Finding]:
    if _validator().is_valid(data):
        return
    seen: set[tuple[str, str]] = set()
    for error in _validator().iter_errors(data):
        path = list(error.instance_path)
        finding = _meta_finding(Origin(file, "").at(*path), path, str(error.message))
        key = (finding.origin.pointer, finding.message)
        if key not in seen:
            seen.add(key)
            yield finding


def _unknown(origin: Origin, path: list[str | int]) -> Finding:
    last = str(path[-1])
    place = "root" if len(path) == 1 else "definition" if len(path) == 3 and path[0] == "$defs" else "schema"
    own = dialect.keywords().get(last)
    if own is not None:
        remedy = f"It stands {' or '.join(own.places)}; move it there, or remove it."
        return Finding("unknown-keyword", origin, f'"{last}" does not stand here.', remedy)
    kind = "x- keyword" if last.startswith("x-") else "keyword"
    remedy = f"Remove it or correct its spelling.{hint(last, dialect.known_at(place))}"
    return Finding("unknown-keyword", origin, f'Unknown {kind} "{last}" here.', remedy)


def _meta_finding(origin: Origin, path: list[str | int], message: str) -> Finding:
    if message.startswith("False schema"):
        return _unknown(origin, path)
    own = [token for token in path if token in dialect.keywords()]
    where = f"contractgen explain {own[-1]}" if own else "the meta-schema (contractgen/metaschema/contract.json)"
    remedy = f"Correct this place; {where} says what may stand here."
    return Finding("meta-schema", origin, message[:300] + ".", remedy)
