"""foundry-mcp serve: the MCP server, on standard input and output or over HTTP."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from foundry_mcp.cli.workspace import add_workspace, workspace_of

if TYPE_CHECKING:
    from pathlib import Path

    from foundry_mcp.bootstrap import Joined
    from foundry_mcp.surface.http.address import Address
    from foundry_mcp.surface.http.app import HttpApp

_LOG = logging.getLogger(__name__)
_UNUSABLE = 3
_LAST_PORT = 65535


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("serve", help="serve MCP over standard input and output, or over HTTP")
    add_workspace(parser)
    parser.add_argument(
        "--http",
        type=_place,
        metavar="HOST:PORT",
        help="serve Streamable HTTP there, until SIGTERM; port 0 is any that is free",
    )
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
    from foundry_mcp.bootstrap import join
    from foundry_mcp.places import PRODUCT
    from foundry_mcp.surface.server import make_server
    from foundry_mcp.surface.stdio import serve

    joined = join(workspace, os.environ)
    handle, flags = joined.application.handle, joined.policy.flags
    server = make_server(PRODUCT, version(PRODUCT), handle, joined.caller, joined.ids.fresh, flags)
    _tell(joined)
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
    finally:
        await joined.application.close()


async def _serve_http(workspace: Path, host: str, port: int) -> None:
    from foundry_mcp.bootstrap import join
    from foundry_mcp.surface.http.address import listen
    from foundry_mcp.surface.http.app import PATH
    from foundry_mcp.surface.http.serving import serve

    listening, address = listen(host, port)
    with listening:
        # Nobody is answered before the start-up rules have said that the address may be listened at.
        joined = join(workspace, os.environ, loopback=address.is_loopback)
        try:
            app = _http_app(joined, address)
            _tell(joined)
            gc.freeze()
            await serve(app, listening, joined.server, lambda: print(f"serving http://{address}{PATH}", flush=True))
        finally:
            await joined.application.close()


def _tell(joined: Joined) -> None:
    """Say what the start-up rules found, and from then on as much as the settings ask for."""
    from foundry_mcp.cli.doctor import told

    logging.getLogger().setLevel(joined.log_level.upper())
    for finding in joined.policy.findings:
        _LOG.warning("%s", told(finding, joined.policy.settings.profile))


def _http_app(joined: Joined, address: Address) -> HttpApp:
    from foundry_mcp.places import PRODUCT
    from foundry_mcp.surface.http.admission import admission_to
    from foundry_mcp.surface.http.app import HttpApp, caller_of
    from foundry_mcp.surface.server import make_server

    application, settings, flags = joined.application, joined.server, joined.policy.flags
    admission = admission_to(address, settings, joined.tokens.caller, joined.posture)
    server = make_server(PRODUCT, version(PRODUCT), application.handle, caller_of, joined.ids.fresh, flags)
    return HttpApp(server, admission, application.ready, settings.max_body_kb * 1024)


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT, as in 127.0.0.1:8765")
    return host.removeprefix("[").removesuffix("]"), int(port)
