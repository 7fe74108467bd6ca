"""foundry-mcp run: a spec, unattended, until it is done or a person is asked for."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundry_mcp.cli.workspace import add_workspace, workspace_of

if TYPE_CHECKING:
    from foundry_mcp.supervisor.progress import Progress

_BAD_USE = 2
_EPILOG = """
The worker is any program. For each step that needs work it is run once, in the workspace, with one JSON object
(WorkerTask) on its standard input; it answers with one JSON object (WorkerResult) on its standard output, at least
{"outcome": "success"}. What it writes to standard error is shown.

exit codes: 0 done; 2 bad use; 10 a person has to look; 11 failed; 12 policy or evidence stands in the way; 130 told to
stop, the session is paused: run the same command again.
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run",
        help="run a spec unattended with a worker program",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("spec_id", metavar="SPEC_ID", help="the spec to run")
    parser.add_argument(
        "--worker", required=True, metavar="CMD", help="the program that does the work, with its arguments"
    )
    add_workspace(parser)
    parser.add_argument("--phases", type=_positive, metavar="N", help="stop after so many phases (default: at the end)")
    parser.add_argument("--json", action="store_true", help="write JSON lines, also to a terminal")
    parser.add_argument(
        "--worker-timeout", type=_seconds, metavar="S", help="how long one step may take (default: 1800)"
    )
    parser.add_argument(
        "--escalation-dir",
        type=Path,
        metavar="DIR",
        help="where packets for a person are written (default: $XDG_STATE_HOME/foundry-mcp/escalations)",
    )
    parser.add_argument(
        "--checkpoint-dir",
        type=Path,
        metavar="DIR",
        help="where signed heads of the log are kept (default: $XDG_STATE_HOME/foundry-mcp/checkpoints)",
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help="use the server at this address, as in http://127.0.0.1:8765/mcp, with the token in $FOUNDRY_MCP_TOKEN "
        "(default: start one)",
    )
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Run a spec; exit as its last signal says."""
    argv = _worker_argv(args.worker)
    if argv is None or not _is_spec_id(args.spec_id):
        return _BAD_USE
    workspace = workspace_of(args)
    if not all(_outside(workspace, folder) for folder in (args.escalation_dir, args.checkpoint_dir) if folder):
        return _BAD_USE

    from foundry_mcp.supervisor.run import run_sync
    from foundry_mcp.supervisor.settings import WORKER_TIMEOUT_S, RunSettings, default_escalation_folder

    settings = RunSettings(
        workspace=workspace,
        worker=argv,
        escalation_folder=args.escalation_dir or default_escalation_folder(os.environ),
        worker_timeout_s=args.worker_timeout or WORKER_TIMEOUT_S,
        checkpoint_folder=args.checkpoint_dir,
        server_url=args.server,
    )
    return run_sync(args.spec_id, settings, _progress(args.json), phases=args.phases).exit_code


def _is_spec_id(text: str) -> bool:
    from pydantic import TypeAdapter, ValidationError

    from foundry_contracts.models.common import SpecId

    try:
        TypeAdapter[str](SpecId).validate_python(text)
    except ValidationError:
        print(f"foundry-mcp: {text!r} is no spec id; give its name, without folder and ending.", file=sys.stderr)
        return False
    return True


def _outside(workspace: Path, folder: Path) -> bool:
    if not Path(os.path.realpath(folder)).is_relative_to(workspace):
        return True
    print(f"foundry-mcp: {folder} lies in the workspace, where a worker could change it.", file=sys.stderr)
    return False


def _worker_argv(command: str) -> tuple[str, ...] | None:
    try:
        words = shlex.split(command)
    except ValueError as error:
        print(f"foundry-mcp: --worker cannot be read: {error}.", file=sys.stderr)
        return None
    program, *arguments = words or [""]
    # The worker runs in the workspace, but its path was typed here.
    found = shutil.which(program)
    if found is None:
        print(f"foundry-mcp: the worker {program!r} is no program that can be run.", file=sys.stderr)
        return None
    return (os.path.abspath(found), *arguments)


def _progress(as_json: bool) -> Progress:
    if as_json or not sys.stdout.isatty():
        from foundry_mcp.supervisor.progress_json import JsonLines

        return JsonLines(sys.stdout)
    from rich.console import Console

    from foundry_mcp.supervisor.progress_text import TextProgress

    return TextProgress(Console())


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return seconds
