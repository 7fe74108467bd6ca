"""What the settings come to: the posture's values under those that are set."""

from __future__ import annotations

from pydantic_core import MISSING

from foundry_contracts.models.config import Config
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.tables import POSTURE_VALUES, PostureValues
from foundry_contracts.vocabulary import ReviewerKind


def posture_of(settings: Config) -> PostureValues:
    """Give the values of the chosen profile."""
    return POSTURE_VALUES[settings.posture.profile.value]


def session_settings(settings: Config) -> SessionSettings:
    """Give what a session started now would pin."""
    posture, limits, checks = posture_of(settings), settings.session_defaults, settings.verification
    return SessionSettings(
        default_test_command=checks.default_test_command,
        replace_command=checks.replace_command,
        attestation=posture.attestation if checks.attestation is MISSING else checks.attestation,
        max_attempts=limits.max_attempts,
        max_consecutive_errors=_or(limits.max_consecutive_errors, posture.max_consecutive_errors),
        max_feedback_cycles=_or(limits.max_feedback_cycles, posture.max_feedback_cycles),
        max_tasks=_or(limits.max_tasks, posture.max_tasks),
        max_context_percent=limits.max_context_percent,
        heartbeat_stale_s=limits.heartbeat_stale_s,
        step_stale_s=limits.step_stale_s,
        enforce_gates=posture.enforce_gates,
        gate_policy=posture.gate_policy if limits.gate_policy is MISSING else limits.gate_policy,
        stop_on_phase_completion=posture.stop_on_phase_completion,
        allow_gate_waiver=posture.allow_gate_waiver,
        allow_lock_bypass=posture.allow_lock_bypass,
        allow_unattended=posture.unattended,
        reviewer=settings.review.reviewer,
        review_command=settings.review.command if settings.review.reviewer is ReviewerKind.COMMAND else "",
        protected_paths=settings.review.protected_paths,
    )


def _or(value: int | MISSING, otherwise: int) -> int:
    return otherwise if value is MISSING else value
