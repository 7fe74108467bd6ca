"""foundry-mcp guard: hooks for coding agents, which hold them to what a loop may touch."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from foundry_contracts.vocabulary import GuardedAgent
from foundry_mcp.cli.words import UNUSABLE
from foundry_mcp.cli.workspace import add_workspace, workspace_of

if TYPE_CHECKING:
    from foundry_mcp.guard.verdict import Refused

_BAD_USE = 2
_FOUND = 1
# Less than any agent waits for a hook.
_PATIENCE_S: float = 20
_AGAIN_S: float = 1
_EPILOG = """
A hook is a hint to an agent that means well: it reads command lines and paths, and not what a script does. What holds
in any case is the sandbox that 'foundry-mcp run' starts workers in; 'check' tells whether it works here.

exit codes of check: 0 all is as it should be; 1 something is not; 3 a settings file cannot be read.
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "guard",
        help="keep a coding agent off specs, settings, keys and store",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    installing = verbs.add_parser("install", help="put the hooks into the agents' settings files of the workspace")
    checking = verbs.add_parser("check", help="say whether the hooks are in place, and whether workers can be isolated")
    checking.add_argument("--json", action="store_true", help="write the findings as JSON")
    hooking = verbs.add_parser("hook", help="judge one tool call on standard input; the agent runs this itself")
    for verb, run, needed in ((installing, _install, False), (checking, _check, False), (hooking, _hook, True)):
        verb.add_argument(
            "--agent",
            required=needed,
            choices=[agent.value for agent in GuardedAgent],
            help="which agent" if needed else "which agent (default: those with a settings folder in the workspace)",
        )
        if not needed:
            add_workspace(verb)
        verb.set_defaults(main=run)


def _hook(args: argparse.Namespace) -> int:
    from foundry_mcp.guard.tool_call import answered, refusal

    agent, text = GuardedAgent(args.agent), sys.stdin.buffer.read().decode("utf-8", "replace")
    with _in_time() as late:
        answer = answered(agent, text, os.environ)
    # What a signal raises can be lost, in a finalizer that happens to run: that it came is what counts.
    answer = refusal(agent, late[0]) if late else answer
    sys.stdout.write(answer.output)
    sys.stderr.write(answer.errors)
    return answer.exit_code


@contextmanager
def _in_time() -> Iterator[list[Refused]]:
    """End what is not judged in time, and give why: an agent that gives up waiting goes on as if nothing was said."""
    from foundry_mcp.guard.shell_pieces import unreadable

    late: list[Refused] = []

    def end(*_: object) -> None:
        late.append(unreadable("it takes too long to read"))
        raise late[0]

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S, _AGAIN_S)
    try:
        yield late
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _install(args: argparse.Namespace) -> int:
    from foundry_contracts.tables import GUARDED_AGENT_INFO
    from foundry_mcp.guard.installing import Unreadable, agents_of, install

    workspace = workspace_of(args)
    agents = [GuardedAgent(args.agent)] if args.agent else agents_of(workspace)
    if not agents:
        known = ", ".join(agent.value for agent in GuardedAgent)
        print(f"foundry-mcp: no agent has settings in {workspace}; name one with --agent: {known}.", file=sys.stderr)
        return _BAD_USE
    status = 0
    for agent in agents:
        try:
            changed = install(agent, workspace)
        except Unreadable as problem:
            print(
                f"foundry-mcp: {agent.value}: {problem}\n  Mend the file by hand; nothing was changed in it.",
                file=sys.stderr,
            )
            status = UNUSABLE
            continue
        print(f"{agent.value}: {'written to' if changed else 'already in'} {GUARDED_AGENT_INFO[agent].file}")
    return status


def _check(args: argparse.Namespace) -> int:
    from foundry_contracts.models.guard import GuardReport
    from foundry_contracts.tables import GUARD_STATE_INFO
    from foundry_mcp.bubblewrap import worker_problem
    from foundry_mcp.guard.installing import agents_of, check

    workspace = workspace_of(args)
    agents = [GuardedAgent(args.agent)] if args.agent else agents_of(workspace) or list(GuardedAgent)
    findings = [check(agent, workspace, os.environ) for agent in agents]
    problem = worker_problem() or ""
    if args.json:
        report = GuardReport(guards=findings, workers_isolated=not problem, problem=problem)
        print(json.dumps(report.model_dump(mode="json", exclude_unset=True), indent=2))
    else:
        for finding in findings:
            told = f"\n    {finding.remedy}" if finding.remedy else ""
            print(f"{finding.agent.value}: {finding.state.value}: {finding.file}: {finding.message}{told}")
        remedy = "\n    Install bubblewrap, and let this user make namespaces."
        print(f"workers: {f'not isolated: {problem}{remedy}' if problem else 'isolated: bubblewrap works here.'}")
    codes = [GUARD_STATE_INFO[finding.state].exit_code for finding in findings]
    return max(*codes, _FOUND if problem else 0)
