"""Load a contracts folder: its settings and every contract file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from contractgen import contract_file, positions, settings_file
from contractgen.contract_file import Document
from contractgen.freshness import SETTINGS_FILE, contract_files
from contractgen.memory import Memory
from contractgen.model import Finding, Json


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
            settings, faults = memory.once("settings file", file, (raw,), partial(settings_file.read, raw))
        else:
            document, faults = memory.once("document", file, (raw,), partial(contract_file.read, file, raw))
            documents += [document] if document is not None else []
        findings += faults
    if SETTINGS_FILE not in hashes:
        findings.append(settings_file.missing())
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
    place = settings_file.place if origin.file == SETTINGS_FILE else positions.locate
    line, column = place(text, origin.pointer)
    return replace(finding, origin=replace(origin, line=line, column=column))
