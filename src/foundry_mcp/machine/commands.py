"""The command lines a plan's verifications come to, under a session's settings."""

from __future__ import annotations

from pydantic_core import MISSING

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.models.formats_plan import CommandLine, PlanUnit
from foundry_contracts.vocabulary import ErrorCode, VerificationKind
from foundry_mcp.machine.command_line import HERE, ShellNeeded, parse_command
from foundry_mcp.machine.optional import given
from foundry_mcp.machine.plan_index import PlanIndex

_SHELL = ("sh", "-c")


def command_text(unit: PlanUnit, settings: SessionSettings) -> str:
    """Give the command of a verification: the test setting that stands in, its own, or the default; else empty."""
    own = given(unit.verification.command) if unit.verification is not MISSING else None
    return settings.replace_command or own or settings.default_test_command


def command_of(unit: PlanUnit, settings: SessionSettings) -> CommandLine:
    """Give the command line of a verification that start let pass."""
    parsed = parsed_command(command_text(unit, settings), settings)
    if isinstance(parsed, ShellNeeded):
        raise ValueError(f"start let {unit.id} pass, whose command needs a shell")
    return parsed


def parsed_command(text: str, settings: SessionSettings) -> CommandLine | ShellNeeded:
    """Read a command; one that needs a shell is given to one where the session may."""
    parsed = parse_command(text)
    # No argument can hold a NUL.
    if isinstance(parsed, ShellNeeded) and settings.allow_shell and "\0" not in text:
        return CommandLine(argv=[*_SHELL, text], cwd=HERE)
    return parsed


def commands_of_plan(plan: PlanIndex, settings: SessionSettings) -> Refusal | None:
    """Refuse a plan with a verification that cannot be run as it stands."""
    missing: list[str] = []
    shell: list[dict[str, str]] = []
    for unit in _run_by_server(plan):
        text = command_text(unit, settings)
        parsed = parsed_command(text, settings) if text else None
        if parsed is None:
            missing.append(unit.id)
        elif isinstance(parsed, ShellNeeded):
            shell.append({"node": unit.id, "command": text, "reason": parsed.reason})
    if missing:
        message = f"{len(missing)} verifications have no command, and there is no default test command."
        return Refusal(ErrorCode.VERIFICATION_COMMAND_MISSING, message, {"nodes": missing})
    if shell:
        message = f"{len(shell)} verifications have commands that need a shell."
        return Refusal(ErrorCode.VERIFICATION_SHELL_REFUSED, message, {"nodes": shell})
    return None


def _run_by_server(plan: PlanIndex) -> list[PlanUnit]:
    units = (unit for phase in plan.phases for unit in phase.units)
    return [
        unit
        for unit in units
        if unit.verification is not MISSING and unit.verification.kind is VerificationKind.COMMAND
    ]
