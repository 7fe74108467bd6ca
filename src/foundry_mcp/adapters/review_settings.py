"""What the settings say of reviews, held to what no contract can say of a single setting."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pydantic_core import MISSING

from foundry_contracts.models.config import Config
from foundry_contracts.models.formats_plan import CommandLine
from foundry_contracts.vocabulary import ReviewerKind
from foundry_mcp.adapters.posture import posture_of
from foundry_mcp.adapters.settings import FILE_NAME, SettingsInvalid, environment_name
from foundry_mcp.machine.command_line import ShellNeeded, parse_command
from foundry_mcp.machine.gate import is_looser
from foundry_mcp.machine.path_patterns import leads_outside

_LOG = logging.getLogger(__name__)


def hold_review(settings: Config, environ: Mapping[str, str]) -> None:
    """Refuse settings of reviews that cannot be meant, or that loosen what the posture enforces."""
    _hold_policy(settings, environ)
    outside = list(filter(leads_outside, settings.review.protected_paths))
    if outside:
        named = ", ".join(map(repr, outside))
        raise SettingsInvalid(
            f"review.protected_paths: {named} leads out of the workspace",
            "Write patterns relative to the workspace, without '..'.",
        )
    if settings.review.reviewer is ReviewerKind.COMMAND:
        review_command(settings)


def _hold_policy(settings: Config, environ: Mapping[str, str]) -> None:
    posture, asked = posture_of(settings), settings.session_defaults.gate_policy
    if asked is MISSING or not posture.enforce_gates or not is_looser(asked, posture.gate_policy):
        return
    name = environment_name("session_defaults", "gate_policy")
    if name not in environ:
        profile = settings.posture.profile.value
        raise SettingsInvalid(
            f"session_defaults.gate_policy: the posture {profile} enforces gates, and {asked.value} is looser than "
            f"its {posture.gate_policy.value}; the workspace's file cannot loosen it",
            f"Take it out of {FILE_NAME}. Whoever starts the server may set {name}.",
        )
    _LOG.warning("gates are %s: %s lets a phase pass that only warns", name, asked.value)


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
