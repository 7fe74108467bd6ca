"""A server's policy: what its sessions pin, which features are on, and what was found when it started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.config import SettingShown
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.models.server_capabilities import Feature
from foundry_contracts.models.startup import StartupFinding
from foundry_contracts.tables import FEATURE_FLAG_INFO
from foundry_contracts.vocabulary import ErrorCode, FeatureFlag
from foundry_mcp.machine.settings import Held, Resolved, session_settings, shown
from foundry_mcp.machine.startup import in_words, origin

_SECTION = "feature_flags"


@dataclass(frozen=True, slots=True)
class Policy:
    """Hold what a server was started with."""

    settings: SessionSettings
    features: Mapping[FeatureFlag, Feature]
    shown: Sequence[SettingShown] = ()
    findings: Sequence[StartupFinding] = ()

    @property
    def flags(self) -> frozenset[FeatureFlag]:
        """Give the features that are enabled now."""
        return frozenset(flag for flag, feature in self.features.items() if feature.enabled_now)

    def closed(self, flag: FeatureFlag | None) -> Refusal | None:
        """Refuse what belongs to a feature that is not enabled now."""
        if flag is None or self.features[flag].enabled_now:
            return None
        feature = self.features[flag]
        details = {"feature": flag.value, "why": feature.why}
        return Refusal(ErrorCode.FEATURE_DISABLED, f"The feature {flag.value} is off: {feature.why}", details)


def policy_of(resolved: Resolved, findings: Sequence[StartupFinding] = ()) -> Policy:
    """Give the policy that settings come to."""
    flags = {flag: resolved.held[f"{_SECTION}.{flag.value}"] for flag in FeatureFlag}
    return Policy(session_settings(resolved), features_of(flags), shown(resolved), findings)


def features_of(flags: Mapping[FeatureFlag, Held]) -> dict[FeatureFlag, Feature]:
    """Say of each feature whether it is enabled, and why: by its own flag and by those it needs."""
    features: dict[FeatureFlag, Feature] = {}
    for flag, held in flags.items():
        missing = [need for need in FEATURE_FLAG_INFO[flag].needs if not flags[need].value]
        why = f"{_SECTION}.{flag.value} is {in_words(held.value)} ({origin(held)})."
        if held.value and missing:
            why = f"It needs {' and '.join(need.value for need in missing)}, which is off."
        enabled = bool(held.value) and not missing
        features[flag] = Feature(name=flag, supported=True, enabled_now=enabled, why=why)
    return features
