"""The command line: read the words, call, print. Each command's own imports wait until it is chosen."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from importlib.metadata import version

# Commands by name: the module of this package that has `add_parser` and `main`. Only the chosen one's main is run.
_COMMANDS = ("serve", "run", "demo", "doctor", "config", "token", "audit", "receipts", "keys", "store", "guard")

# What a shell gives for a program that a closed pipe ended.
_NOBODY_READS = 141


def main(argv: list[str] | None = None) -> int:
    """Run a command; exit 0 when it did its work, 2 for bad use, else as the command says."""
    parser = argparse.ArgumentParser(
        prog="foundry-mcp", description="Run a plan to its end with coding agents, one proven step at a time."
    )
    parser.add_argument("--version", action="version", version=f"foundry-mcp {version('foundry-mcp')}")
    subparsers = parser.add_subparsers(dest="chosen", metavar="COMMAND", required=True)
    for name in _COMMANDS:
        import_module(f"foundry_mcp.cli.{name}").add_parser(subparsers)
    args = parser.parse_args(argv)
    try:
        status: int = args.main(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has read enough, as `head` does; the interpreter's own last flush must not object.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOBODY_READS
    return status


if __name__ == "__main__":
    sys.exit(main())
