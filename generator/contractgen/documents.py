"""Load a contracts folder: its settings and every contract file."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from contractgen import contract_file, positions
from contractgen.contract_file import Document
from contractgen.freshness import SETTINGS_FILE, contract_files
from contractgen.memory import Memory
from contractgen.model import Finding, Json, Origin
from contractgen.nearest import hint

_SECTIONS: dict[str, dict[str, type]] = {
    "set": {"name": str, "version": str, "id_base": str, "errors": str, "roles": str, "envelope": str},
    "python": {"package": str, "distribution": str},
    "mcp": {"server": str},
    "docs": {"tool_reference": str},
    "tests": {"minimum_examples": int},
}
# What a set may leave out: keys of the sections above, and whole sections.
_OPTIONAL: dict[str, dict[str, type]] = {
    "set": {"flags": str},
    "mcp": {"input_budget": int},
    "deprecation": {"months": int, "minor_releases": int},
}


@dataclass(frozen=True, slots=True)
class Folder:
    """Hold what a contracts folder says, file by file, with the SHA-256 of each file."""

    settings: dict[str, dict[str, Json]]
    documents: tuple[Document, ...]
    hashes: dict[str, str]


def load(root: Path, memory: Memory) -> tuple[Folder, list[Finding]]:
    """Read a contracts folder; findings say which files are not contracts and why."""
    findings: list[Finding] = []
    documents: list[Document] = []
    hashes: dict[str, str] = {}
    settings: dict[str, dict[str, Json]] = {}
    for file in contract_files(str(root)):
        raw = (root / file).read_bytes()
        hashes[file] = hashlib.sha256(raw).hexdigest()
        if file == SETTINGS_FILE:
            settings, faults = memory.once("settings file", file, (raw,), partial(_settings, raw))
        else:
            document, faults = memory.once("document", file, (raw,), partial(contract_file.read, file, raw))
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
    known = {
        **_SECTIONS,
        **{section: keys for section, keys in _OPTIONAL.items() if section in data.keys() - _SECTIONS},
    }
    for section in data.keys() - known.keys():
        remedy = f"Remove it or correct its name.{hint(section, known)}"
        yield _setting(f"/{section}", f"Unknown section [{section}].", remedy)
    for section, keys in known.items():
        table = data.get(section)
        if not isinstance(table, dict):
            yield _setting(f"/{section}", f"Section [{section}] is missing.", f"Add [{section}].")
            continue
        optional = {key: kind for key, kind in _OPTIONAL.get(section, {}).items() if key in table}
        yield from _section_findings(section, keys | optional, table)


def _section_findings(section: str, keys: dict[str, type], table: dict[str, Any]) -> Iterator[Finding]:
    for key in sorted(table.keys() - keys.keys()):
        known = keys | _OPTIONAL.get(section, {})
        remedy = f"Use one of {', '.join(known)}.{hint(key, known)}"
        yield _setting(f"/{section}/{key}", f"Unknown key {key} in [{section}].", remedy)
    for key, kind in keys.items():
        if not isinstance(table.get(key), kind) or isinstance(table.get(key), bool):
            what = "a string" if kind is str else "an integer"
            yield _setting(f"/{section}/{key}", f"{section}.{key} is missing or not {what}.", f"Set it to {what}.")


def _setting(pointer: str, message: str, remedy: str) -> Finding:
    return Finding("settings", Origin(SETTINGS_FILE, pointer), message, remedy)
