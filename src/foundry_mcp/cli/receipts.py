"""foundry-mcp receipts: show what the server signed of its own runs, and check it without the server."""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foundry_mcp.cli.words import in_words
from foundry_mcp.cli.workspace import add_workspace, workspace_of

_REFUSED = 1


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("receipts", help="show receipts, or check them")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    showing = verbs.add_parser("show", help="write a session's receipts, or an attempt's, as JSON")
    showing.add_argument("which", metavar="SESSION|ATTEMPT", help="whose")
    showing.add_argument("--decoded", action="store_true", help="write the statements without their envelopes")
    showing.add_argument("--store", type=Path, metavar="FILE", help="read this copy in place of the workspace's store")
    checking = verbs.add_parser("verify", help="check the receipts in a file; exit 1 where one is not signed so")
    checking.add_argument("file", type=Path, metavar="FILE", help="a receipt, or a list of them, as 'show' writes it")
    checking.add_argument(
        "--public-key", type=Path, action="append", default=[], metavar="PEM", help="the key (default: the workspace's)"
    )
    for verb, run in ((showing, _show), (checking, _verify)):
        add_workspace(verb)
        verb.set_defaults(main=in_words(run))


def _show(args: argparse.Namespace) -> int:
    from foundry_mcp.application.audit import receipts_of
    from foundry_mcp.bootstrap import open_archive, place_of

    archive = open_archive(place_of(workspace_of(args), os.environ), args.store)
    try:
        found = list(receipts_of(archive, args.which))
    finally:
        archive.close()
    if not found:
        print(f"foundry-mcp: {args.which} has no receipts; give a session's id, or an attempt's.", file=sys.stderr)
        return _REFUSED
    shown = [_statement(envelope) if args.decoded else envelope for _, envelope in found]
    single = len(found) == 1 and found[0][0] == args.which
    print(json.dumps(shown[0] if single else shown, indent=2, ensure_ascii=False))
    return 0


def _verify(args: argparse.Namespace) -> int:
    from foundry_mcp.bootstrap import open_keys, place_of

    keys = open_keys(place_of(workspace_of(args), os.environ), args.public_key)
    status = 0
    for envelope in _envelopes(args.file):
        statement = keys.verify(envelope)
        if statement is None:
            print("not signed by a known key")
            status = _REFUSED
        else:
            print(f"good: {_summary(statement)}")
    return status


def _envelopes(path: Path) -> Iterator[dict[str, object]]:
    from foundry_mcp.ports import PortError

    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise PortError(f"{path} cannot be read: {error.strerror or error}.", "Name a receipt's file.") from error
    except (ValueError, RecursionError) as error:
        raise PortError(f"{path} is no JSON.", "'foundry-mcp receipts show' writes receipts as JSON.") from error
    listed = document if isinstance(document, list) else [document]
    if not listed or not all(isinstance(entry, dict) for entry in listed):
        raise PortError(f"{path} holds no receipt.", "'foundry-mcp receipts show' writes receipts as JSON.")
    yield from listed


def _statement(envelope: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(envelope["payload"]))


def _summary(statement: dict[str, Any]) -> str:
    said = statement.get("predicate")
    if not isinstance(said, dict):
        return "a statement of another kind"
    if "findings_digest" in said:
        what = f"review of {said.get('phase_id')}"
        return f"{said.get('attempt_id')} of {said.get('session_id')}: {what}: {said.get('verdict')}"
    command = " ".join(map(str, said.get("command", {}).get("argv", [])))
    ending = f"exit code {said['exit_code']}" if "exit_code" in said else "no exit code"
    return f"{said.get('attempt_id')} of {said.get('session_id')}: {command}: {ending}, at {said.get('finished_at')}"
