"""Findings as SARIF 2.1.0, the format that code scanners exchange."""

from __future__ import annotations

import hashlib
import json
import posixpath
from typing import Any
from urllib.parse import quote

from contractgen import rulebook
from contractgen.report.entry import Entry

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def write(entries: list[Entry], tool: str) -> str:
    """Write one run with the rules that were broken, whole with their pages, and one result a finding."""
    rules = sorted({entry.rule for entry in entries})
    driver = {"name": tool, "rules": [_rule(rulebook.pages()[rule]) for rule in rules]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(entry, rules.index(entry.rule)) for entry in entries],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule(page: rulebook.Page) -> dict[str, Any]:
    return {
        "id": page.id,
        "shortDescription": {"text": page.title},
        "help": {"text": page.text, "markdown": page.text},
        "defaultConfiguration": {"level": page.severity},
    }


def _result(entry: Entry, rule_index: int) -> dict[str, Any]:
    proof = f" Proof: {entry.proof}" if entry.proof else ""
    region = {"startLine": entry.line, "startColumn": entry.column}
    return {
        "ruleId": entry.rule,
        "ruleIndex": rule_index,
        "level": entry.severity,
        "message": {"text": f"{entry.message} {entry.remedy}{proof}"},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": _uri(entry.file)}, "region": region},
                "logicalLocations": [{"fullyQualifiedName": entry.pointer or "/", "kind": "element"}],
            }
        ],
        "partialFingerprints": {"contractgenFinding/v1": _fingerprint(entry)},
        "suppressions": _suppressions(entry),
    }


def _suppressions(entry: Entry) -> list[dict[str, str]]:
    """Say who answers for a finding; the format wants an empty list where nobody does, if any result says so."""
    if entry.answered is None:
        return []
    kind = "inSource" if entry.answered.beside else "external"
    return [{"kind": kind, "status": "accepted", "justification": entry.answered.reason}]


def _uri(file: str) -> str:
    path = quote(posixpath.normpath(file))
    return f"file://{path}" if path.startswith("/") else path


def _fingerprint(entry: Entry) -> str:
    """Tell findings of the same fault from others across edits: lines move, so they are left out."""
    parts = (entry.rule, entry.file, entry.pointer, entry.message)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
