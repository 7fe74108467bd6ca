"""foundry-mcp keys: the public halves of what signs receipts and heads, and a fresh key."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from foundry_mcp.cli.words import UNUSABLE, in_words
from foundry_mcp.cli.workspace import add_workspace, workspace_of


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("keys", help="show the public keys, or sign with a fresh one from now on")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    showing = verbs.add_parser("show", help="show each key: its id, its fingerprint (SHA-256), its public half")
    showing.add_argument("key", nargs="?", metavar="ID", help="this key only")
    showing.add_argument("--pem", action="store_true", help="write the public half alone, the signing key's by default")
    rotating = verbs.add_parser("rotate", help="make a key that signs from now on; the others still verify")
    for verb, run in ((showing, _show), (rotating, _rotate)):
        add_workspace(verb)
        verb.set_defaults(main=in_words(run))


def _show(args: argparse.Namespace) -> int:
    from foundry_mcp.bootstrap import list_keys, place_of

    folder = place_of(workspace_of(args), os.environ)
    keys = [key for key in list_keys(folder) if args.key in (None, key.key_id)]
    if args.pem and args.key is None:
        keys = [key for key in keys if key.signs]
    if not keys:
        which = f"no key {args.key}" if args.key else "no key yet; the first server to start makes one"
        print(f"foundry-mcp: {folder} has {which}.", file=sys.stderr)
        return UNUSABLE
    for key in keys:
        if not args.pem:
            print(f"{key.key_id}  {'signs' if key.signs else 'verifies'}  sha256:{key.fingerprint}")
        print(key.pem, end="")
    return 0


def _rotate(args: argparse.Namespace) -> int:
    from foundry_mcp.bootstrap import rotate_key

    print(rotate_key(workspace_of(args), os.environ))
    print("Servers that run go on with their key until they start again; the old keys still verify.", file=sys.stderr)
    return 0
