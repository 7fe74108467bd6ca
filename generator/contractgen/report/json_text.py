"""Findings for a program: one JSON object with a list of them."""

from __future__ import annotations

import json
from dataclasses import asdict

from contractgen.report.entry import Entry

VERSION = 1


def write(entries: list[Entry], tool: str) -> str:
    """Write the format's version, the tool and each finding with all it has; `answered` is null in most."""
    document = {"version": VERSION, "tool": tool, "findings": [asdict(entry) for entry in entries]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
