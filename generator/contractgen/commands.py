"""What each verb of the command line does and prints."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from contractgen import freshness, lockfile, pipeline, report, tree
from contractgen.errors import ContractError
from contractgen.lockfile import Lock
from contractgen.provenance import explain

REMEDY = "Remedy: contractgen generate"
DIFF_LINES = 20


# Verbs with a module of their own, whose `run` takes the parsed words.
MODULES = {
    "lint": "lint_command",
    "explain": "explain_command",
    "compat": "compat.command",
    "breaking": "breaking.command",
    "accept": "breaking.command",
    "size": "sizes",
    "graph": "graph",
    "watch": "watching",
    "init": "new_project",
}


def run(arguments: argparse.Namespace) -> int:
    """Carry a verb out; findings of the contracts end any of them."""
    verbs = {"generate": _generate, "check": _check}
    verb = arguments.command
    try:
        if verb in MODULES:
            status: int = import_module(f"contractgen.{MODULES[verb]}").run(arguments)
            return status
        return verbs[verb](Path(arguments.contracts), Path(getattr(arguments, "out", "")))
    except ContractError as error:
        print(report.render(error.findings, "text", arguments.contracts), end="", file=sys.stderr)
        return 1


def _generate(contracts: Path, out: Path) -> int:
    generation = pipeline.generate(contracts)
    drift = tree.write(generation.tree, out)
    written, deleted = len(drift.missing) + len(drift.stale), len(drift.orphaned)
    print(f"{len(generation.tree)} files in {out}: {written} written, {deleted} deleted.")
    return 0


def _check(contracts: Path, out: Path) -> int:
    generation = pipeline.generate(contracts)
    drift = tree.compare(generation.tree, out)
    if not drift:
        return 0
    before = lockfile.read(out)
    edited = lockfile.changed(before, generation.contracts.sources) if before else []
    if edited:
        print(f"Contracts changed since the last generation: {', '.join(f'contracts/{file}' for file in edited)}")
    for line in _report(drift, generation.tree, out, before, edited):
        print(line)
    print(REMEDY)
    return 1


def _report(
    drift: tree.Drift, texts: Mapping[str, str], out: Path, before: Lock | None, edited: list[str]
) -> Iterator[str]:
    sources = _all_sources(texts, before)
    for kind, paths in (("missing", drift.missing), ("stale", drift.stale), ("orphaned", drift.orphaned)):
        for path in paths:
            yield f"{kind}: {out / path}{_cause(kind, path, out, before, explain(path, sources, edited))}"
            if kind == "stale" and path != freshness.LOCK:
                yield from _diff(path, (out / path).read_bytes(), texts[path])


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


def _diff(path: str, present: bytes, wanted: str) -> Iterator[str]:
    have = present.decode("utf-8", errors="replace")
    lines = list(
        difflib.unified_diff(have.splitlines(), wanted.splitlines(), path, f"{path} (generated)", "", "", 1, "")
    )
    yield from (f"    {line}" for line in lines[:DIFF_LINES])
    if len(lines) > DIFF_LINES:
        yield f"    ... {len(lines) - DIFF_LINES} more lines"
