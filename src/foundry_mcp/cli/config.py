"""foundry-mcp config: what each setting is, and where that was said."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from foundry_mcp.cli.words import in_words
from foundry_mcp.cli.workspace import add_workspace, workspace_of


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("config", help="show the settings and where each comes from")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    showing = verbs.add_parser("show", help="show every setting with its value and its source")
    showing.add_argument("--json", action="store_true", help="write JSON")
    add_workspace(showing)
    showing.set_defaults(main=in_words(main))


def main(args: argparse.Namespace) -> int:
    """Show the settings; exit 3 if they cannot be read."""
    from foundry_mcp.bootstrap import examine
    from foundry_mcp.machine.settings import shown
    from foundry_mcp.machine.startup import in_words as written
    from foundry_mcp.machine.startup import origin

    resolved = examine(workspace_of(args), os.environ).resolved
    if args.json:
        print(json.dumps([s.model_dump(mode="json", exclude_unset=True) for s in shown(resolved)], indent=2))
        return 0
    for name, held in resolved.held.items():
        print(f"{name} = {written(held.value)}  ({origin(held)})")
    for name, said in resolved.loosened.items():
        print(f"{name} = {written(said.value)} in {said.place} does not hold: it is looser than what holds without it")
    return 0
