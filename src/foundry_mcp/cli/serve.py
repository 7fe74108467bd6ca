"""foundry-mcp serve: the MCP server, on standard input and output or over HTTP."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from foundry_mcp.cli.http_address import add_http
from foundry_mcp.cli.workspace import add_workspace, workspace_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from foundry_contracts.vocabulary import Reach
    from foundry_mcp.bootstrap import Joined

_LOG = logging.getLogger(__name__)
_UNUSABLE = 3


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("serve", help="serve MCP over standard input and output, or over HTTP")
    add_workspace(parser)
    add_http(parser, "serve Streamable HTTP there, until SIGTERM; port 0 is any that is free")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Serve until the client closes its end, or over HTTP until told to stop; exit 3 if the server cannot start."""
    from foundry_mcp.ports import PortError

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="foundry-mcp: %(levelname)s: %(message)s")
    try:
        asyncio.run(_serve_http(workspace_of(args), *args.http) if args.http else _serve(workspace_of(args)))
    except PortError as problem:
        print(f"foundry-mcp: cannot start: {problem.message}\n  {problem.remedy}", file=sys.stderr)
        return _UNUSABLE
    except KeyboardInterrupt:
        return 130
    return 0


async def _serve(workspace: Path) -> None:
    from foundry_mcp.surface.server import server_of
    from foundry_mcp.surface.stdio import serve

    async with _joined(workspace) as joined:
        server = server_of(joined, joined.caller)
        # What was loaded stays until the end; the collector need not go through it again and again.
        gc.freeze()
        serving = asyncio.ensure_future(serve(server))
        # A polite end is to be as clean as the client's going away: what runs is cut off and becomes interrupted.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
        try:
            await serving
        except asyncio.CancelledError:
            if not serving.cancelled():
                raise


async def _serve_http(workspace: Path, host: str, port: int) -> None:
    from foundry_mcp.surface.http.address import listen
    from foundry_mcp.surface.http.admission import admission_to
    from foundry_mcp.surface.http.app import PATH, HttpApp, caller_of
    from foundry_mcp.surface.http.serving import serve
    from foundry_mcp.surface.server import server_of

    listening, address = listen(host, port)
    # Nobody is answered before the start-up rules have said that the address may be listened at.
    with listening:
        async with _joined(workspace, address.reach) as joined:
            settings = joined.server
            admission = admission_to(address, settings, joined.tokens.caller, joined.posture)
            app = HttpApp(
                server_of(joined, caller_of), admission, joined.application.ready, settings.max_body_kb * 1024
            )
            gc.freeze()
            await serve(app, listening, settings, lambda: print(f"serving http://{address}{PATH}", flush=True))


@asynccontextmanager
async def _joined(workspace: Path, reach: Reach | None = None) -> AsyncIterator[Joined]:
    """Join the application, tell what the start-up rules found, and close it in the end."""
    from foundry_mcp.bootstrap import join

    joined = join(workspace, os.environ, reach=reach)
    _tell(joined)
    try:
        yield joined
    finally:
        await joined.application.close()


def _tell(joined: Joined) -> None:
    """Say what the start-up rules found, and from then on as much as the settings ask for."""
    from foundry_mcp.cli.doctor import told

    logging.getLogger().setLevel(joined.log_level.upper())
    for finding in joined.policy.findings:
        _LOG.warning("%s", told(finding, joined.policy.settings.profile))
