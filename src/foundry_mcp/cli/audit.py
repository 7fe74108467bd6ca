"""foundry-mcp audit: whether the logs are what the server wrote."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundry_mcp.cli.words import counted, in_words
from foundry_mcp.cli.workspace import add_workspace, workspace_of

if TYPE_CHECKING:
    from foundry_contracts.models.formats_audit import AuditReport, LogHead
    from foundry_mcp.ports import Verifier

_AT_FAULT = 1
_EPILOG = """
No server is needed. What is checked: that each event follows the one before and bears the server's seal, that each log
and the events of no session end where the server sealed them, that pinned plans have their digests, that each receipt
verifies and belongs to its event, and, with --checkpoint, that the log still holds what was signed earlier. Without the
workspace's keys (a copy on another machine) seals are not checked, and --public-key is needed.

exit codes: 0 nothing found; 1 faults found, each named; 2 bad use; 3 could not be audited.
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("audit", help="find tampering in the logs of sessions")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    verify = verbs.add_parser(
        "verify",
        help="check every session, or one",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_workspace(verify)
    verify.add_argument("--session", metavar="ID", help="check this session only")
    verify.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="hold the log against a signed head, or against the one in an escalation packet; may be given again",
    )
    verify.add_argument(
        "--public-key",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="trust these keys (PEM) and not the workspace's; may be given again",
    )
    verify.add_argument("--store", type=Path, metavar="FILE", help="audit this copy in place of the workspace's store")
    verify.add_argument("--json", action="store_true", help="write the report as JSON (AuditReport)")
    verify.set_defaults(main=in_words(main))


def main(args: argparse.Namespace) -> int:
    """Audit a store; exit 1 where anything is at fault."""
    from foundry_mcp.application.audit import audited
    from foundry_mcp.bootstrap import open_archive, open_keys, place_of
    from foundry_mcp.ports import PortError

    folder = place_of(workspace_of(args), os.environ)
    archive = open_archive(folder, args.store)
    try:
        keys = open_keys(folder, args.public_key)
        heads = [_head(path, keys) for path in args.checkpoint]
        known = {*archive.session_ids(), *(head.session_id for head in heads)}
        if args.session is not None and args.session not in known:
            raise PortError(f"The store has no session {args.session}.", "Leave --session out to see them all.")
        report = audited(archive, keys, heads, args.session)
    finally:
        archive.close()
    if args.json:
        print(report.model_dump_json(indent=2))
    else:
        _tell(report)
    return _AT_FAULT if report.findings else 0


def _head(path: Path, keys: Verifier) -> LogHead:
    """Read a signed head from its file or from a packet; PortError where none of the keys signed it."""
    from foundry_contracts.models.formats_audit import LogHead
    from foundry_mcp.ports import LOG_HEAD_TYPE, PortError

    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise PortError(f"{path} cannot be read: {error.strerror or error}.", "Name a checkpoint's file.") from error
    except ValueError as error:
        raise PortError(f"{path} is no JSON.", "Name a checkpoint's file, or an escalation packet.") from error
    envelope = document.get("checkpoint", document) if isinstance(document, dict) else {}
    head = keys.verify(envelope, LOG_HEAD_TYPE) if isinstance(envelope, dict) else None
    if head is None:
        raise PortError(
            f"{path} is no checkpoint that one of the known keys signed.",
            "Name the file that a run kept, and the public key of the time with --public-key.",
        )
    return LogHead.model_validate(head)


def _tell(report: AuditReport) -> None:
    for finding in report.findings:
        where = f"event {finding.seq}" if finding.seq else "the whole"
        print(f"{finding.session_id or 'the store'}  {where}  {finding.fault.value}: {finding.message}")
    for record in report.upkeep:
        about = f" {record.session_id}" if record.session_id else ""
        print(f"upkeep: {record.time}  {record.actor}  {record.action.value}{about}")
    print(
        f"checked: {counted(report.sessions, 'sessions')}, {counted(report.events, 'events')},"
        f" {counted(report.server_events, 'events')} of no session,"
        f" {counted(report.plans, 'plans')}, {counted(report.receipts, 'receipts')},"
        f" {counted(report.checkpoints, 'checkpoints')}"
    )
    if not report.seals_checked:
        print("Seals were not checked: the server's secret is not at hand.", file=sys.stderr)
    print(f"{counted(len(report.findings), 'faults')} found." if report.findings else "Nothing is at fault.")
