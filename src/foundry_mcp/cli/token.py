"""foundry-mcp token: say who else may call, and in which role."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from foundry_contracts.vocabulary import EnvironmentVariable, Role
from foundry_mcp.cli.workspace import add_workspace, workspace_of

_FAILED = 1
_VARIABLE = EnvironmentVariable.FOUNDRY_MCP_TOKEN


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("token", help="add, list and revoke the tokens of callers with a role of their own")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    adding = verbs.add_parser("add", help="make a token and print it, this once")
    adding.add_argument("actor", help="the name that is recorded for whoever uses it")
    adding.add_argument("--role", required=True, choices=[role.value for role in Role], help="what it may do")
    listing = verbs.add_parser("list", help="list the tokens, without the tokens themselves")
    revoking = verbs.add_parser("revoke", help="take an actor's token away")
    revoking.add_argument("actor", help="whose token")
    for verb, run in ((adding, _add), (listing, _list), (revoking, _revoke)):
        add_workspace(verb)
        verb.set_defaults(main=main, run=run)


def main(args: argparse.Namespace) -> int:
    """Run the verb; exit 1 with a word where it cannot be done."""
    from foundry_mcp.bootstrap import open_tokens
    from foundry_mcp.ports import PortError

    try:
        status: int = args.run(open_tokens(workspace_of(args), os.environ), args)
    except PortError as problem:
        print(f"foundry-mcp: {problem.message}\n  {problem.remedy}", file=sys.stderr)
        return _FAILED
    return status


def _add(tokens: Any, args: argparse.Namespace) -> int:
    print(tokens.add(args.actor, Role(args.role)))
    print(
        f"Keep it: only its hash is stored. Use it as {_VARIABLE}; workers never see it.",
        file=sys.stderr,
    )
    return 0


def _list(tokens: Any, args: argparse.Namespace) -> int:
    for token in tokens.list():
        print(f"{token.actor}\t{token.role}\t{token.made_at}")
    return 0


def _revoke(tokens: Any, args: argparse.Namespace) -> int:
    if tokens.revoke(args.actor):
        print(f"The token of {args.actor} is revoked; servers started with it end with their clients.")
        return 0
    print(f"foundry-mcp: {args.actor!r} has no token; 'foundry-mcp token list' shows who has.", file=sys.stderr)
    return _FAILED
