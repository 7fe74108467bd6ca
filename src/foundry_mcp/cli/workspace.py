"""The workspace: which folder a command works on."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

_BAD_USE = 2


def add_workspace(parser: argparse.ArgumentParser) -> None:
    """Add the option every command has."""
    parser.add_argument(
        "--workspace",
        type=Path,
        metavar="DIR",
        help="the folder with the specs (default: $FOUNDRY_MCP_WORKSPACE, else the current folder)",
    )


def workspace_of(args: argparse.Namespace) -> Path:
    """Give the workspace that the words or the environment name; leave with a word if it is no folder."""
    named: Path = args.workspace or Path(os.environ.get("FOUNDRY_MCP_WORKSPACE") or ".")
    folder = named.resolve()
    if not folder.is_dir():
        print(f"foundry-mcp: {named} is no folder; name the workspace with --workspace DIR.", file=sys.stderr)
        raise SystemExit(_BAD_USE)
    return folder
