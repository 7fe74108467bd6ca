"""What `contractgen check` does: say how the outputs differ from what the contracts give, and which contract is why."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from contractgen import freshness, lockfile, pipeline, report, tree
from contractgen.lockfile import Lock
from contractgen.model import Finding, Origin
from contractgen.provenance import explain

TOOL = "contractgen check"
REMEDY = "contractgen generate"
DIFF_LINES = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """Hold how one output differs, why, and the lines that differ where there are two texts."""

    kind: str
    path: str
    cause: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    """Hold what is said of a kind of difference."""

    id: str
    what: str
    remedy: str


_RULES = {
    "missing": _Rule("output-missing", "This output is not there", f"Run {REMEDY}."),
    "stale": _Rule(
        "output-stale", "This output is not what the contracts give", f"Run {REMEDY}; an edit belongs in the contract."
    ),
    "orphaned": _Rule(
        "output-orphaned", "No contract asks for this file", f"Run {REMEDY}, which deletes it, or keep it elsewhere."
    ),
}


def run(arguments: argparse.Namespace) -> int:
    """Tell each difference in a format; 1 says that there is one."""
    contracts, out = Path(arguments.contracts), Path(arguments.out)
    if not arguments.full and freshness.is_fresh(str(contracts), str(out)):
        found: list[Difference] = []
        edited: list[str] = []
    else:
        found, edited = _compared(contracts, out)
    if arguments.format != "text":
        print(report.render(map(_finding, found), arguments.format, str(out), TOOL), end="")
    elif found:
        print("\n".join(_text(found, edited, out)))
    return int(bool(found))


def _compared(contracts: Path, out: Path) -> tuple[list[Difference], list[str]]:
    generation = pipeline.generate(contracts)
    drift = tree.compare(generation.tree, out)
    before = lockfile.read(out)
    edited = lockfile.changed(before, generation.contracts.sources) if before else []
    return list(_differences(drift, generation.tree, out, before, edited)), edited


def _finding(found: Difference) -> Finding:
    rule = _RULES[found.kind]
    return Finding(rule.id, Origin(found.path, ""), f"{rule.what}{found.cause}.", rule.remedy, "\n".join(found.lines))


def _text(found: Iterable[Difference], edited: list[str], out: Path) -> Iterator[str]:
    if edited:
        yield f"Contracts changed since the last generation: {', '.join(f'contracts/{file}' for file in edited)}"
    for each in found:
        yield f"{each.kind}: {out / each.path}{each.cause}"
        yield from (f"    {line}" for line in each.lines[:DIFF_LINES])
        if len(each.lines) > DIFF_LINES:
            yield f"    ... {len(each.lines) - DIFF_LINES} more lines"
    yield f"Remedy: {REMEDY}"


def _differences(
    drift: tree.Drift, texts: Mapping[str, str], out: Path, before: Lock | None, edited: list[str]
) -> Iterator[Difference]:
    sources = _all_sources(texts, before) if drift else {}
    for kind, paths in (("missing", drift.missing), ("stale", drift.stale), ("orphaned", drift.orphaned)):
        for path in paths:
            cause = _cause(kind, path, out, before, explain(path, sources, edited))
            shown = kind == "stale" and path != freshness.LOCK
            lines = _diff(path, (out / path).read_bytes(), texts[path]) if shown else ()
            yield Difference(kind, path, cause, tuple(lines))


def _all_sources(texts: Mapping[str, str], before: Lock | None) -> dict[str, list[str]]:
    """Join where outputs come from now with where they came from before."""
    import json

    body = json.loads(texts[freshness.LOCK])
    known = sorted(body["contracts"])
    now = {path: known if entry["sources"] == "all" else entry["sources"] for path, entry in body["outputs"].items()}
    then = before.sources if before else {}
    return {path: sorted({*now.get(path, []), *then.get(path, [])}) for path in now.keys() | then.keys()}


def _cause(kind: str, path: str, out: Path, before: Lock | None, contracts: Iterable[str]) -> str:
    named = [f"contracts/{file}" for file in contracts]
    if path == freshness.LOCK:
        return " (the record of the last generation)"
    if before is not None and kind == "stale" and before.outputs.get(path) != _sha(out / path):
        named.append("edited by hand")
    if kind == "orphaned" and not named:
        named.append("no contract asks for it")
    return f" ({'; '.join(named)})" if named else " (the toolchain itself changed)" if kind == "stale" else ""


def _sha(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def _diff(path: str, present: bytes, wanted: str) -> list[str]:
    have = present.decode("utf-8", errors="replace")
    two = have.splitlines(), wanted.splitlines()
    return list(difflib.unified_diff(*two, path, f"{path} (generated)", "", "", 1, ""))
