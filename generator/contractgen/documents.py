"""Load a contracts folder: every file parsed, free of repeated keys, and valid against the meta-schema."""

from __future__ import annotations

import functools
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contractgen import dialect, positions
from contractgen.freshness import SETTINGS_FILE, contract_files
from contractgen.model import Finding, Json, Origin
from contractgen.nearest import hint

_SECTIONS: dict[str, dict[str, type]] = {
    "set": {"name": str, "version": str, "id_base": str, "errors": str, "roles": str, "envelope": str, "flags": str},
    "python": {"package": str, "distribution": str},
    "mcp": {"server": str},
    "docs": {"tool_reference": str},
    "tests": {"minimum_examples": int},
    "deprecation": {"months": int, "minor_releases": int},
}
_OPTIONAL_SECTIONS = frozenset({"deprecation"})
_OPTIONAL = frozenset({("set", "flags")})


@dataclass(frozen=True, slots=True)
class Document:
    """Hold one parsed contract file; `file` is its path below the contracts folder, with forward slashes."""

    file: str
    data: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Folder:
    """Hold what a contracts folder says, file by file, with the SHA-256 of each file."""

    settings: dict[str, dict[str, Json]]
    documents: tuple[Document, ...]
    hashes: dict[str, str]


def load(root: Path) -> tuple[Folder, list[Finding]]:
    """Read a contracts folder; findings say which files are not contracts and why."""
    findings: list[Finding] = []
    documents: list[Document] = []
    hashes: dict[str, str] = {}
    settings: dict[str, dict[str, Json]] = {}
    for file in contract_files(str(root)):
        raw = (root / file).read_bytes()
        hashes[file] = hashlib.sha256(raw).hexdigest()
        if file == SETTINGS_FILE:
            settings, faults = _settings(raw)
        else:
            document, faults = _document(file, raw)
            documents += [document] if document is not None else []
        findings += faults
    if SETTINGS_FILE not in hashes:
        findings.append(_missing_settings())
    return Folder(settings, tuple(documents), hashes), findings


def locate(findings: Iterable[Finding], root: Path) -> list[Finding]:
    """Look up the line and column of each finding that has none yet."""
    texts: dict[str, str] = {}
    return [finding if finding.origin.line else _located(finding, root, texts) for finding in findings]


def _located(finding: Finding, root: Path, texts: dict[str, str]) -> Finding:
    origin = finding.origin
    path = root / origin.file
    if not path.is_file():
        return finding
    text = texts.setdefault(origin.file, path.read_text(encoding="utf-8"))
    place = _toml_place if origin.file == SETTINGS_FILE else positions.locate
    line, column = place(text, origin.pointer)
    return replace(finding, origin=replace(origin, line=line, column=column))


def _toml_place(text: str, pointer: str) -> tuple[int, int]:
    section, _, key = pointer.strip("/").partition("/")
    line, inside = 1, False
    for number, content in enumerate(text.splitlines(), 1):
        if content.strip().startswith("["):
            inside = content.strip().strip("[]").strip() == section
            line = number if inside else line
        elif inside and key and content.split("=")[0].strip() == key:
            return number, 1
    return line, 1


def _missing_settings() -> Finding:
    return Finding(
        "settings",
        Origin(SETTINGS_FILE, "", 1, 1),
        "The contracts folder has no contracts.toml.",
        "Write one with the sections set, python, mcp, docs and tests.",
    )


def _settings(raw: bytes) -> tuple[dict[str, dict[str, Json]], list[Finding]]:
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        origin = Origin(SETTINGS_FILE, "", 1, 1)
        return {}, [Finding("settings", origin, f"Not TOML: {error}.", "Mend the syntax.")]
    return data, list(_settings_findings(data))


def _settings_findings(data: dict[str, Any]) -> Iterator[Finding]:
    for section in data.keys() - _SECTIONS.keys():
        remedy = f"Remove it or correct its name.{hint(section, _SECTIONS)}"
        yield _setting(f"/{section}", f"Unknown section [{section}].", remedy)
    for section, keys in _SECTIONS.items():
        table = data.get(section)
        if table is None and section in _OPTIONAL_SECTIONS:
            continue
        if not isinstance(table, dict):
            yield _setting(f"/{section}", f"Section [{section}] is missing.", f"Add [{section}].")
            continue
        yield from _section_findings(section, keys, table)


def _section_findings(section: str, keys: dict[str, type], table: dict[str, Any]) -> Iterator[Finding]:
    for key in sorted(table.keys() - keys.keys()):
        known = ", ".join(keys)
        yield _setting(
            f"/{section}/{key}", f"Unknown key {key} in [{section}].", f"Use one of {known}.{hint(key, keys)}"
        )
    for key, kind in keys.items():
        if key not in table and (section, key) in _OPTIONAL:
            continue
        if not isinstance(table.get(key), kind) or isinstance(table.get(key), bool):
            what = "a string" if kind is str else "an integer"
            yield _setting(f"/{section}/{key}", f"{section}.{key} is missing or not {what}.", f"Set it to {what}.")


def _setting(pointer: str, message: str, remedy: str) -> Finding:
    return Finding("settings", Origin(SETTINGS_FILE, pointer), message, remedy)


def _document(file: str, raw: bytes) -> tuple[Document | None, list[Finding]]:
    try:
        text = raw.decode("utf-8")
        repeated: list[bool] = []
        data = json.loads(text, object_pairs_hook=functools.partial(_pairs, repeated))
    except json.JSONDecodeError as error:
        origin = Origin(file, "", error.lineno, error.colno)
        return None, [Finding("json", origin, f"Not JSON: {error.msg}.", "Mend the syntax at this place.")]
    except UnicodeDecodeError as error:
        origin = Origin(file, "", 1, 1)
        return None, [Finding("json", origin, f"Not UTF-8: {error.reason}.", "Save the file as UTF-8.")]
    if repeated:
        return None, _duplicates(file, text)
    findings = list(_meta_findings(file, data))
    return (None if findings else Document(file, data)), findings


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
