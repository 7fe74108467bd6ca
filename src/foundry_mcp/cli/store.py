"""foundry-mcp store: copies of the store, putting one back, and removing what is long over."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from foundry_mcp.cli.words import account, counted, in_words
from foundry_mcp.cli.workspace import add_workspace, workspace_of


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("store", help="back the store up, restore it, or remove old sessions")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    backing = verbs.add_parser("backup", help="copy the store into a new file; servers may go on")
    backing.add_argument("file", type=Path, metavar="FILE", help="the file to make")
    putting = verbs.add_parser("restore", help="put a backup in the store's place; no server may have it open")
    putting.add_argument("file", type=Path, metavar="FILE", help="the backup")
    pruning = verbs.add_parser("prune", help="remove old sessions and old events of no session; servers may go on")
    pruning.add_argument(
        "--older-than", required=True, type=_days, metavar="DAYS", help="how many days ago the last event has to be"
    )
    pruning.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    for verb, run in ((backing, _backup), (putting, _restore), (pruning, _prune)):
        add_workspace(verb)
        verb.set_defaults(main=in_words(run))


def _backup(args: argparse.Namespace) -> int:
    from foundry_mcp.bootstrap import back_up_store, place_of

    folder = place_of(workspace_of(args), os.environ)
    copied = back_up_store(folder, args.file)
    print(f"{args.file}: {counted(copied.sessions, 'sessions')}, {counted(copied.events, 'events')}")
    print(f"The keys are not in it: keep a copy of {folder / 'keys'} where nobody else reads it.", file=sys.stderr)
    return 0


def _restore(args: argparse.Namespace) -> int:
    from foundry_mcp.bootstrap import restore_store

    copied, before = restore_store(workspace_of(args), os.environ, args.file, account())
    print(f"restored: {counted(copied.sessions, 'sessions')}, {counted(copied.events, 'events')}")
    print(f"The store that was there is kept as {before}." if before else "There was no store before.")
    print("What was recorded since the backup is not in it: 'foundry-mcp audit verify' checks it.", file=sys.stderr)
    return 0


def _prune(args: argparse.Namespace) -> int:
    from foundry_mcp.bootstrap import prune_store

    removed = kept = 0
    word = "would be removed" if args.dry_run else "removed"
    for each in prune_store(workspace_of(args), os.environ, args.older_than, account(), try_only=args.dry_run):
        fate = f"kept: {each.kept}" if each.kept else word
        print(f"{each.session_id}  {each.spec_id or 'of no session'}  {counted(each.events, 'events')}  {fate}")
        if not each.spec_id:
            continue
        removed, kept = removed + (not each.kept), kept + bool(each.kept)
    print(f"{counted(removed, 'sessions')} {word}, {kept} kept; sessions that are not over were not looked at.")
    return 0


def _days(text: str) -> int:
    days = int(text)
    if not 0 <= days <= 36500:
        raise argparse.ArgumentTypeError("must be 0 to 36500")
    return days
