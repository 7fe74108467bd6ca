"""From a contracts folder to the tree of outputs: lower, check the rules, emit, format once, lock.

After `lower` raw JSON is gone; after the rules the set is known to be sound; after the emitters only texts are left.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path

from contractgen import documents, emit, freshness, lockfile, lower, rules, suppression
from contractgen.memory import Memory
from contractgen.model import ContractSet, Finding

LINE_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Generation:
    """Hold a sound set and everything generated from it."""

    contracts: ContractSet
    tree: dict[str, str]


def lint(contracts_dir: Path) -> tuple[ContractSet | None, list[Finding]]:
    """Read a set and hold it to every rule, less what it suppresses."""
    try:
        contracts = lower.load(contracts_dir)
    except lower.ContractError as error:
        return None, list(error.findings)
    # Advice follows names and references, so it takes a sound set.
    found = rules.sound(contracts) or suppression.apply(rules.advice(contracts), contracts.suppressions, date.today())
    return contracts, documents.locate(found, contracts_dir)


def generate(contracts_dir: Path, memory: Memory | None = None) -> Generation:
    """Generate every output; raise ContractError if the set has errors.

    `memory` is that of a process that generates many times.
    """
    memory = memory or Memory()
    # Before they are read: an edit that comes meanwhile then shows.
    digest = freshness.contracts_digest(str(contracts_dir))
    contracts = lower.load(contracts_dir, memory)
    if findings := rules.sound(contracts):
        raise lower.ContractError(documents.locate(findings, contracts_dir))
    tree = formatted(emit.emit_all(contracts), contracts.settings.package, memory)
    tree[freshness.LOCK] = lockfile.text(contracts, digest, tree)
    memory.forget()
    return Generation(contracts, dict(sorted(tree.items())))


def formatted(tree: Mapping[str, str], package: str, memory: Memory) -> dict[str, str]:
    """Format all Python of a tree in one pass."""
    sources = {path: text for path, text in tree.items() if path.endswith(".py")}
    depends = {path: (text, package) for path, text in sources.items()}
    return {**tree, **memory.batch("format", depends, lambda paths: _format({p: sources[p] for p in paths}, package))}


def _format(sources: Mapping[str, str], package: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, text in sources.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text.encode())
        _ruff(root, package)
        return {path: (root / path).read_bytes().decode() for path in sources}


def _ruff(root: Path, package: str) -> None:
    common = ["--isolated", "--no-cache", "--quiet", "--target-version", "py311", "--line-length", str(LINE_LENGTH)]
    first_party = f"lint.isort.known-first-party=['{package}']"
    checks = ["check", "--select", "I", "--fix", *common[:-2], "--config", f"line-length={LINE_LENGTH}"]
    for arguments in (["format", *common], [*checks, "--config", first_party]):
        # Run where the files are: what else lies in a caller's folder must not decide which imports are whose.
        words = [*_ruff_command(), *arguments, str(root)]
        done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            place = str(root)
            raise RuntimeError(f"ruff refused generated Python:\n{(done.stdout + done.stderr).replace(place, '')}")


def _ruff_command() -> list[str]:
    """Find ruff's own binary; starting it through Python costs more than formatting does."""
    try:
        find = import_module("ruff").find_ruff_bin
    except (ImportError, AttributeError):
        return [sys.executable, "-m", "ruff"]
    return [str(find())]
