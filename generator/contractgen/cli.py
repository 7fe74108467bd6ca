"""The command line: generate, check, lint and the rest. Exit 0 clean, 1 findings or drift, 2 bad use.

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
# What a shell gives for a program that was interrupted.
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; without words, those the program was started with."""
    try:
        return _main(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the findings has read enough, as `head` does; the interpreter's own last flush must not object.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINDINGS
    except OSError as error:
        print(f"contractgen: {error.strerror}: {error.filename}. Name a place that can be used.", file=sys.stderr)
        return BAD_USE


def _main(argv: Sequence[str]) -> int:
    quick = _quick_check(argv)
    if quick is not None and _is_folder(quick[0]) and freshness.is_fresh(*quick):
        return CLEAN
    arguments = _parse(argv)
    # What a word means can often be told without contracts.
    needed = "contracts" in arguments and arguments.command != "explain"
    if needed and not _is_folder(arguments.contracts):
        print(f"contractgen: {arguments.contracts} is not a folder; name it with --contracts.", file=sys.stderr)
        return BAD_USE
    from contractgen import commands

    status = commands.run(arguments)
    sys.stdout.flush()
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
        ("size", "say what the list of tools costs a client, and which clients take it"),
        ("graph", "draw which contract needs which"),
        ("watch", "generate again after each edit, until interrupted"),
    ):
        command = verbs.add_parser(verb, help=text, description=text)
        command.add_argument("--contracts", default="contracts", help="the folder of contracts")
        if verb in ("generate", "check", "watch"):
            command.add_argument("--out", default="generated", help="the folder of outputs")
        if verb == "graph":
            command.add_argument("--format", choices=("mermaid", "dot", "json"), default="mermaid", help="how to draw")
        if verb == "check":
            command.add_argument(
                "--full", action="store_true", help="generate again even if the lock says all is fresh"
            )
        if verb in ("generate", "check", "lint"):
            _add_format(command)
        if verb == "lint":
            _add_notes(command)
    _add_explain(verbs)
    _add_compat(verbs)
    _add_breaking(verbs)
    text = "make a small, complete project in an empty folder"
    new = verbs.add_parser("init", help=text, description=text)
    new.add_argument("folder", nargs="?", default=".", help="where; made if it is not there")
    return parser.parse_args(list(argv))


def _add_format(command: argparse.ArgumentParser) -> None:
    from contractgen.report import FORMATS

    command.add_argument("--format", choices=FORMATS, default="text", help="how findings are written")


def _add_notes(command: argparse.ArgumentParser) -> None:
    command.add_argument("--notes", action="store_true", help="tell notes, too: what a target language cannot express")


def _add_explain(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "print what is known of a rule, a keyword, or a name that the contracts list, such as an error code"
    command = verbs.add_parser("explain", help=text, description=text)
    command.add_argument("id", help="the id of a rule, as a finding names it, or one of the other names")
    command.add_argument("--contracts", default="contracts", help="the folder of contracts")


def _add_breaking(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "compare the set with an older one and say what breaks whom"
    breaking = verbs.add_parser("breaking", help=text, description=text)
    text = "answer for a change that `breaking` tells"
    accept = verbs.add_parser("accept", help=text, description=text)
    for command in (breaking, accept):
        against = "a git revision, a folder, a lock or a catalog; left out, the nearest tag v*"
        command.add_argument("--against", help=against)
        command.add_argument("--contracts", default="contracts", help="the folder of contracts")
        command.add_argument("--out", default="generated", help="the folder of outputs")
    _add_format(breaking)
    _add_notes(breaking)
    accept.add_argument("fingerprint", help="the twelve digits that `breaking` gives")
    accept.add_argument("--reason", required=True, help="why it is right")
    accept.add_argument("--until", required=True, help="the last day it holds, as 2026-01-31")


def _add_compat(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "judge the change between two schema files"
    command = verbs.add_parser("compat", help=text, description=text)
    command.add_argument("old", help="the schema as it was")
    command.add_argument("new", help="the schema as it is to be")
    command.add_argument("--role", choices=("request", "response", "stored"), required=True, help="what it is for")
    command.add_argument("--format", choices=("json", "text"), default="text", help="how to say it")
