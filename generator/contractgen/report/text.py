"""Findings for a person: one line each, the proof below it, and a count at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from contractgen.report.entry import Entry

LONGEST_PROOF = 200


def write(entries: list[Entry], _tool: str) -> str:
    """Write one line a finding."""
    return "".join(f"{line}\n" for line in _lines(entries))


def _lines(entries: list[Entry]) -> Iterator[str]:
    for entry in entries:
        kind = "" if entry.severity == "error" else f"{entry.severity}: "
        place = f"{entry.file}:{entry.line}:{entry.column}: {entry.pointer or '/'}"
        yield f"{place}: {kind}[{entry.rule}] {entry.message} {entry.remedy}"
        if entry.proof:
            yield f"    proof: {_short(entry.proof)}"
    counts = Counter(entry.severity for entry in entries)
    told = ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items())
    yield f"{len(entries)} finding(s){': ' if told else ''}{told}."


def _short(proof: str) -> str:
    """Cut a proof that no one would read to its end; the other formats hold it whole."""
    if len(proof) <= LONGEST_PROOF:
        return proof
    return f"{proof[:LONGEST_PROOF]}... ({len(proof)} characters; --format json tells all)"
