"""foundry-mcp demo: a small real project, built by a scripted worker, checked and signed for by a real server."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundry_contracts.vocabulary import LoopSignal

if TYPE_CHECKING:
    from rich.console import Console

    from foundry_mcp.cli.demo_place import DemoPlace
    from foundry_mcp.supervisor.run import RunResult

_TEST_RUNNER = "pytest"
_INTRODUCTION = """
A small Python project lies in a temporary folder, with tests and a plan of
three phases. A scripted worker stands in for a coding agent. It is told one
step at a time; the server runs the tests itself, signs what it saw, and
reviews each phase at its gate. Once the worker says that it is done when it
is not: watch the gate of phase 2.
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("demo", help="watch a small project being built, in under a minute")
    parser.add_argument(
        "--keep",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave the temporary folder with the project and the store (default)",
    )
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Run the demo; exit 0 when its spec is complete."""
    from rich.console import Console

    from foundry_mcp.cli.demo_place import lay_out

    if find_spec(_TEST_RUNNER) is None:
        message = f"the demo's project is tested with {_TEST_RUNNER}; install it beside foundry-mcp: foundry-mcp[demo]"
        print(f"foundry-mcp: {message}.", file=sys.stderr)
        return 1
    console = Console()
    console.print(_INTRODUCTION, highlight=False, markup=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="foundry-demo-"))
    try:
        return _played(console, lay_out(folder), kept=args.keep)
    finally:
        if not args.keep:
            shutil.rmtree(folder)


def _played(console: Console, place: DemoPlace, *, kept: bool) -> int:
    from foundry_mcp.cli.demo_ending import tell
    from foundry_mcp.supervisor.connection import ServerFailed

    try:
        result, events = asyncio.run(_run(console, place))
    except ServerFailed as failure:
        print(f"foundry-mcp: the demo did not end well: {failure}", file=sys.stderr)
        return 1
    if result.last.loop_signal is LoopSignal.SPEC_COMPLETE:
        tell(console, place, events, len(result.phases), kept=kept)
        return 0
    print("foundry-mcp: the demo did not end well; what is above says why.", file=sys.stderr)
    return result.exit_code or 1


async def _run(console: Console, place: DemoPlace) -> tuple[RunResult, list[dict[str, Any]]]:
    from foundry_mcp.supervisor.client import connect
    from foundry_mcp.supervisor.history import events_of
    from foundry_mcp.supervisor.progress_text import TextProgress
    from foundry_mcp.supervisor.run import run_with

    async with connect(place.workspace, place.settings.environ) as client:
        result = await run_with(client, place.spec_id, place.settings, TextProgress(console))
        session = result.last.session
        events = [] if session is None else await events_of(client, session.session_id)
    return result, [event.model_dump(mode="json") for event in events]
