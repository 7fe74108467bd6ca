"""foundry-mcp serve: the MCP server on standard input and output."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from foundry_mcp.cli.workspace import add_workspace, workspace_of

if TYPE_CHECKING:
    from pathlib import Path

_LOG = logging.getLogger(__name__)
_UNUSABLE = 3


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("serve", help="serve MCP over standard input and output")
    add_workspace(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Serve until the client closes its end; exit 3 if the server cannot start."""
    from foundry_mcp.ports import PortError

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="foundry-mcp: %(levelname)s: %(message)s")
    try:
        asyncio.run(_serve(workspace_of(args)))
    except PortError as problem:
        print(f"foundry-mcp: cannot start: {problem.message}\n  {problem.remedy}", file=sys.stderr)
        return _UNUSABLE
    except KeyboardInterrupt:
        return 130
    return 0


async def _serve(workspace: Path) -> None:
    from foundry_mcp.bootstrap import join
    from foundry_mcp.cli.doctor import told
    from foundry_mcp.places import PRODUCT
    from foundry_mcp.surface.server import make_server
    from foundry_mcp.surface.stdio import serve

    joined = join(workspace, os.environ)
    handle = joined.application.handle
    server = make_server(PRODUCT, version(PRODUCT), handle, joined.caller, joined.ids.fresh, joined.policy.flags)
    logging.getLogger().setLevel(joined.log_level.upper())
    for finding in joined.policy.findings:
        _LOG.warning("%s", told(finding, joined.policy.settings.profile))
    serving = asyncio.ensure_future(serve(server))
    # A polite end is to be as clean as the client's going away: what runs is cut off and becomes interrupted.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        if not serving.cancelled():
            raise
    finally:
        await joined.application.close()
