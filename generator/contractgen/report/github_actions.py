"""Findings as workflow commands of GitHub Actions, which shows them beside the lines of a change."""

from __future__ import annotations

from contractgen.report.entry import Entry

_LEVELS = {"error": "error", "warning": "warning", "note": "notice"}
_IN_MESSAGES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTIES = {**_IN_MESSAGES, ":": "%3A", ",": "%2C"}


def write(entries: list[Entry], _tool: str) -> str:
    """Write one workflow command a finding."""
    return "".join(f"{_command(entry)}\n" for entry in entries)


def _command(entry: Entry) -> str:
    file, title = (_escaped(text, _IN_PROPERTIES) for text in (entry.file, entry.rule))
    proof = f"\nproof: {entry.proof}" if entry.proof else ""
    text = _escaped(f"{entry.pointer or '/'}: {entry.message} {entry.remedy}{proof}", _IN_MESSAGES)
    place = f"file={file},line={entry.line},col={entry.column},title={title}"
    return f"::{_LEVELS[entry.severity]} {place}::{text}"


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)
