"""What the settings say of reviews, held to what no contract can say of a single setting."""

from __future__ import annotations

from foundry_contracts.models.config import Config
from foundry_contracts.models.formats_plan import CommandLine
from foundry_contracts.vocabulary import ReviewerKind
from foundry_mcp.adapters.settings import SettingsInvalid
from foundry_mcp.machine.command_line import ShellNeeded, parse_command
from foundry_mcp.machine.path_patterns import leads_outside


def hold_review(settings: Config) -> None:
    """Refuse settings of reviews that cannot be meant."""
    outside = list(filter(leads_outside, settings.review.protected_paths))
    if outside:
        named = ", ".join(map(repr, outside))
        raise SettingsInvalid(
            f"review.protected_paths: {named} leads out of the workspace",
            "Write patterns relative to the workspace, without '..'.",
        )
    if settings.review.reviewer is ReviewerKind.COMMAND:
        review_command(settings)


def review_command(settings: Config) -> CommandLine:
    """Give the command line of the program that reviews; SettingsInvalid where there is none to run."""
    command = settings.review.command
    parsed = parse_command(command) if command.strip() else None
    if parsed is None:
        raise SettingsInvalid(
            "review.command is empty, and review.reviewer asks for a command",
            f"Name the program, or set the reviewer to one of {', '.join(kind.value for kind in ReviewerKind)}.",
        )
    if isinstance(parsed, ShellNeeded):
        raise SettingsInvalid(
            f"review.command needs a shell: it has {parsed.reason}", "Put the command into a script, and name that."
        )
    return parsed
