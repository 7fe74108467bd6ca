"""Findings for a person: one line each, the proof below it, and a count at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from contractgen.report.entry import Entry


def write(entries: list[Entry], _tool: str) -> str:
    """Write one line a finding."""
    return "".join(f"{line}\n" for line in _lines(entries))


def _lines(entries: list[Entry]) -> Iterator[str]:
    for entry in entries:
        kind = "" if entry.severity == "error" else f"{entry.severity}: "
        place = f"{entry.file}:{entry.line}:{entry.column}: {entry.pointer or '/'}"
        yield f"{place}: {kind}[{entry.rule}] {entry.message} {entry.remedy}"
        if entry.proof:
            yield f"    proof: {entry.proof}"
    counts = Counter(entry.severity for entry in entries)
    told = ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items())
    yield f"{len(entries)} finding(s){': ' if told else ''}{told}."
