"""The workspace: which folder a command works on."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from foundry_contracts.vocabulary import EnvironmentVariable

_BAD_USE = 2
_VARIABLE = EnvironmentVariable.FOUNDRY_MCP_WORKSPACE


def add_workspace(parser: argparse.ArgumentParser) -> None:
    """Add the option every command has."""
    parser.add_argument(
        "--workspace",
        type=Path,
        metavar="DIR",
        help=f"the folder with the specs (default: ${_VARIABLE}, else the current folder)",
    )


def workspace_of(args: argparse.Namespace) -> Path:
    """Give the workspace that the words or the environment name; leave with a word if it is no folder."""
    named: Path = args.workspace or Path(os.environ.get(_VARIABLE) or ".")
    folder = named.resolve()
    if not folder.is_dir():
        print(f"foundry-mcp: {named} is no folder; name the workspace with --workspace DIR.", file=sys.stderr)
        raise SystemExit(_BAD_USE)
    return folder
