"""Write and read manifest.lock.json: what the outputs were made of, so that drift can be explained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contractgen import freshness
from contractgen.json_text import pretty
from contractgen.model import ContractSet
from contractgen.provenance import Provenance


@dataclass(frozen=True, slots=True)
class Lock:
    """Hold what a lock says: the hash of each contract and each output, and where each output comes from."""

    contracts: Mapping[str, str]
    outputs: Mapping[str, str]
    sources: Mapping[str, list[str]]


def text(contracts: ContractSet, digest: str, tree: Mapping[str, str]) -> str:
    """Write the lock of a tree that does not hold one yet; `digest` is that of the contracts' folder."""
    provenance = Provenance(contracts)
    everything = sorted(contracts.sources)
    outputs = {}
    for path, content in sorted(tree.items()):
        sources = provenance.of(path)
        outputs[path] = {
            "sha256": contracts.memory.once("sha256", path, (content,), partial(_sha256, content)),
            "sources": "all" if sources == everything else sources,
        }
    body = {"contracts": dict(sorted(contracts.sources.items())), "outputs": outputs}
    head = pretty(body).removesuffix("\n}") + ",\n"
    return freshness.seal(head, digest, tree)


def _sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def read(out: Path) -> Lock | None:
    """Read the lock of the last generation, if there is one that can be read."""
    try:
        body = json.loads((out / freshness.LOCK).read_text(encoding="utf-8"))
        contracts = dict(body["contracts"])
        sources = {path: _sources(entry["sources"], contracts) for path, entry in body["outputs"].items()}
        return Lock(contracts, {path: entry["sha256"] for path, entry in body["outputs"].items()}, sources)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sources(written: object, contracts: Mapping[str, str]) -> list[str]:
    return list(written) if isinstance(written, list) else sorted(contracts)


def changed(before: Lock | None, now: Mapping[str, str]) -> list[str]:
    """List the contracts that were edited, added or removed since the lock was written."""
    known = before.contracts if before else {}
    return sorted(file for file in known.keys() | now.keys() if known.get(file) != now.get(file))
