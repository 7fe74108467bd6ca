"""foundry-mcp doctor: what the start-up rules find, and what to change, without a start."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any

from foundry_mcp.cli.http_address import add_http
from foundry_mcp.cli.words import counted, in_words
from foundry_mcp.cli.workspace import add_workspace, workspace_of

if TYPE_CHECKING:
    from foundry_contracts.models.startup import StartupFinding
    from foundry_mcp.surface.http.address import Address

_REFUSED = 1


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("doctor", help="say whether a server would start here, and what to change")
    add_workspace(parser)
    add_http(parser, "say it of a server that is to listen there, as serve's option has it; the port is not tried")
    parser.add_argument("--json", action="store_true", help="write the findings as JSON")
    parser.set_defaults(main=in_words(main))


def main(args: argparse.Namespace) -> int:
    """Tell every finding; exit 0 if a server would start, 1 if a rule refuses, 3 where it could not otherwise."""
    from foundry_mcp.bootstrap import examine

    address = _address(*args.http) if args.http else None
    examined = examine(workspace_of(args), os.environ, reach=address.reach if address else None, try_sandbox=True)
    profile = examined.resolved.profile
    if args.json:
        print(json.dumps([f.model_dump(mode="json", exclude_unset=True) for f in examined.findings], indent=2))
        return _REFUSED if examined.refusals else 0
    for finding in examined.findings:
        print(told(finding, profile))
    place = f" at {address}" if address else ""
    verdict = f"does not start: {counted(len(examined.refusals), 'refusals')}" if examined.refusals else "starts"
    print(f"A server{place} {verdict}, under the profile {profile.value}.")
    return _REFUSED if examined.refusals else 0


def _address(host: str, port: int) -> Address:
    # Most examinations are of servers over pipes, which need nothing of HTTP.
    from foundry_mcp.surface.http.address import address_of

    return address_of(host, port)


def told(finding: StartupFinding, profile: str) -> str:
    """Write a finding for people."""
    level = (
        finding.level.value if finding.profile == profile else f"{finding.profile.value} would {finding.level.value}"
    )
    return f"{level}: {finding.code.value}: {finding.message}\n    {finding.remedy}"
