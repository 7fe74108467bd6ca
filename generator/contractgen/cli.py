"""The command line: generate, check, lint. Exit 0 clean, 1 findings or drift, 2 bad use.

`check` asks `freshness` first; everything heavy is imported only when that does not settle it.
"""

from __future__ import annotations

import os
import sys

from contractgen import freshness

# Type checkers take this name for true; importing it from typing would cost a third of the quick answer.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

CLEAN, FINDINGS, BAD_USE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; without words, those the program was started with."""
    argv = sys.argv[1:] if argv is None else argv
    quick = _quick_check(argv)
    if quick is not None and _is_folder(quick[0]) and freshness.is_fresh(*quick):
        return CLEAN
    arguments = _parse(argv)
    if arguments.command == "compat":
        from contractgen.compat.command import run

        return run(arguments.old, arguments.new, arguments.role, arguments.format)
    if not _is_folder(arguments.contracts):
        print(f"contractgen: {arguments.contracts} is not a folder; name it with --contracts.", file=sys.stderr)
        return BAD_USE
    from contractgen import commands

    try:
        status = commands.run(arguments.command, arguments.contracts, getattr(arguments, "out", ""))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the findings has read enough, as `head` does; the interpreter's own last flush must not object.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINDINGS
    return status


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)


def _quick_check(argv: Sequence[str]) -> tuple[str, str] | None:
    """Read the plain forms of `check` without argparse, whose import would double the time of the quick answer."""
    if not argv or argv[0] != "check" or len(argv) % 2 == 0:
        return None
    chosen = {"--contracts": "contracts", "--out": "generated"}
    for name, value in zip(argv[1::2], argv[2::2], strict=True):
        if name not in chosen or value.startswith("-"):
            return None
        chosen[name] = value
    return chosen["--contracts"], chosen["--out"]


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    import argparse

    parser = argparse.ArgumentParser(prog="contractgen", description="Generate everything from the contracts.")
    verbs = parser.add_subparsers(dest="command", required=True)
    for verb, text in (
        ("generate", "write every output that differs and delete orphans"),
        ("check", "say what is missing, stale or orphaned; write nothing"),
        ("lint", "hold the contracts to every rule"),
    ):
        command = verbs.add_parser(verb, help=text, description=text)
        command.add_argument("--contracts", default="contracts", help="the folder of contracts")
        if verb != "lint":
            command.add_argument("--out", default="generated", help="the folder of outputs")
        if verb == "check":
            command.add_argument(
                "--full", action="store_true", help="generate again even if the lock says all is fresh"
            )
    compat = verbs.add_parser("compat", help="judge the change between two schema files")
    compat.add_argument("old", help="the schema as it was")
    compat.add_argument("new", help="the schema as it is to be")
    compat.add_argument("--role", choices=("request", "response", "stored"), required=True, help="what it is for")
    compat.add_argument("--format", choices=("json", "text"), default="text", help="how to say it")
    return parser.parse_args(list(argv))
