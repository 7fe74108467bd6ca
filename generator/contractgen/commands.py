"""What each verb of the command line does and prints."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from contractgen import pipeline, report, tree
from contractgen.errors import ContractError

TOOL = "contractgen generate"
# Verbs with a module of their own, whose `run` takes the parsed words.
MODULES = {
    "check": "check_command",
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
# Verbs whose findings are written in the format that is asked for.
REPORTING = ("generate", "check")


def run(arguments: argparse.Namespace) -> int:
    """Carry a verb out; findings of the contracts end any of them."""
    verb = arguments.command
    try:
        if verb == "generate":
            return _generate(arguments)
        status: int = import_module(f"contractgen.{MODULES[verb]}").run(arguments)
        return status
    except ContractError as error:
        form = arguments.format if verb in REPORTING else "text"
        text = report.render(error.findings, form, arguments.contracts, f"contractgen {verb}")
        print(text, end="", file=sys.stderr if form == "text" else sys.stdout)
        return 1


def _generate(arguments: argparse.Namespace) -> int:
    out = Path(arguments.out)
    generation = pipeline.generate(Path(arguments.contracts))
    drift = tree.write(generation.tree, out)
    written, deleted = len(drift.missing) + len(drift.stale), len(drift.orphaned)
    if arguments.format == "text":
        print(f"{len(generation.tree)} files in {out}: {written} written, {deleted} deleted.")
    else:
        print(report.render([], arguments.format, arguments.contracts, TOOL), end="")
    return 0
