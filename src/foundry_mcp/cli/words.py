"""What commands for people say alike: counts, who works here, and a sentence where the environment fails them."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from typing import Any

UNUSABLE = 3
"""The exit code of a command that could not do its work at all: the message says why."""


def in_words(command: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], Any]:
    """Wrap a command so that it ends with a sentence and exit code 3 where the environment fails it."""

    def main(args: argparse.Namespace) -> int:
        from foundry_mcp.ports import LogBroken, PortError

        try:
            return command(args)
        except PortError as problem:
            print(f"foundry-mcp: {problem.message}\n  {problem.remedy}", file=sys.stderr)
        except LogBroken as broken:
            print(f"foundry-mcp: {broken}", file=sys.stderr)
        return UNUSABLE

    return main


def counted(number: int, names: str) -> str:
    """Say how many there are of something, named in the plural."""
    return f"{number} {names.removesuffix('s') if number == 1 else names}"


def account() -> str:
    """Name who works at this machine, as the store records it."""
    return getpass.getuser()
