"""What each start-up rule comes to, how it is tripped, and how its remedy is carried out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from foundry_contracts.settings import SETTINGS
from foundry_contracts.vocabulary import PostureProfile, Reach, Role, SandboxKind, StartupLevel
from foundry_contracts.vocabulary import StartupRule as Rule
from foundry_mcp.bootstrap import Examined, examine, open_tokens
from tests.outside import outside, user_config

STRICT, STAGING, DEBUG = PostureProfile.STRICT_PROD, PostureProfile.STAGING, PostureProfile.DEBUG
R, W, NO = StartupLevel.REFUSE, StartupLevel.WARN, None
Given = bool | int | str | tuple[str, ...]
Said = Mapping[str, Given]

# What each rule comes to under strict-prod, staging and debug.
LEVELS: dict[Rule, tuple[StartupLevel | None, StartupLevel | None, StartupLevel | None]] = {
    Rule.SETTING_LOOSENED: (R, R, R),
    Rule.POLICY_IN_WORKSPACE: (R, R, R),
    Rule.MAINTAINER_LOOP: (R, W, NO),
    Rule.LOCK_BYPASS_ALLOWED: (R, W, NO),
    Rule.GATE_WAIVER_ALLOWED: (R, W, NO),
    Rule.GATES_UNENFORCED: (R, W, NO),
    Rule.SHELL_ALLOWED: (R, NO, NO),
    Rule.AGENT_ATTESTS: (R, NO, NO),
    Rule.COMMANDS_REPLACED: (R, W, W),
    Rule.STORE_NOT_LASTING: (R, W, NO),
    Rule.SESSIONS_OFF: (R, NO, NO),
    Rule.GATES_OFF: (R, W, W),
    Rule.FLAG_WITHOUT_NEED: (NO, W, W),
    Rule.DEBUG_UNATTENDED: (NO, NO, R),
    Rule.OPEN_NETWORK: (R, R, R),
    Rule.NOBODY_ADMITTED: (R, R, R),
    Rule.HOSTS_UNKNOWN: (R, R, R),
    Rule.GATE_POLICY_LOWERED: (W, W, W),
    Rule.LIMITS_RAISED: (W, W, W),
    Rule.SANDBOX_WEAKENED: (W, W, W),
    Rule.WORKERS_EXPOSED: (W, W, W),
    Rule.KEYS_EXPOSED: (W, W, W),
}
PROFILES = (STRICT, STAGING, DEBUG)


@dataclass
class Place:
    """Hold what is set where; `write` puts it there."""

    folder: Path
    user: dict[str, Given] = field(default_factory=dict)
    workspace: dict[str, Given] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    reach: Reach | None = None
    sandbox: bool = False

    @property
    def root(self) -> Path:
        """Give the workspace."""
        return self.folder / "workspace"

    def environ(self) -> dict[str, str]:
        """Write what is set, and give the environment of a server."""
        self.root.mkdir(exist_ok=True)
        (self.root / "foundry-mcp.toml").write_text(_toml(self.workspace), encoding="utf-8")
        user_config(self.folder, _toml(self.user))
        return {"XDG_STATE_HOME": str(self.folder / "state"), **outside(self.folder), **self.variables}

    def examine(self) -> Examined:
        """Look at it as doctor does, and as a server does that is to listen where it says."""
        return examine(self.root, self.environ(), reach=self.reach, try_sandbox=self.sandbox)

    def found(self) -> dict[Rule, StartupLevel]:
        """Give what is found under the profile in force."""
        examined = self.examine()
        return {f.code: f.level for f in examined.findings if f.profile is examined.resolved.profile}

    def take_away(self, settings: list[str]) -> None:
        """Take settings away from wherever the workspace sets them; where it does not, from the user's file."""
        for name in settings:
            inside = name in self.workspace or SETTINGS[name].environment in self.variables
            self.workspace.pop(name, None)
            self.variables.pop(SETTINGS[name].environment, None)
            if not inside:
                self.user.pop(name, None)


def _toml(said: Said) -> str:
    sections: dict[str, list[str]] = {}
    for name, value in said.items():
        section, _, key = name.partition(".")
        written = json.dumps(value)
        sections.setdefault(section, []).append(f"{key} = {written}")
    return "\n".join(line for section, lines in sections.items() for line in [f"[{section}]", *lines]) + "\n"


def _inside(place: Place) -> None:
    # A home in the workspace brings the user's file in with it.
    place.variables["XDG_CONFIG_HOME"] = str(place.root / "config")
    shutil.copytree(place.folder / "config", place.root / "config", dirs_exist_ok=True)


def _user(**said: Given) -> Callable[[Place], None]:
    return lambda place: place.user.update({name.replace("__", "."): value for name, value in said.items()})


def _workspace(place: Place) -> None:
    place.workspace["session_defaults.max_tasks"] = 1000


def _policy_inside(place: Place) -> None:
    place.environ()
    _inside(place)


def _open(place: Place) -> None:
    place.user["server.require_token"] = False
    place.user["server.hosts"] = ("mcp.example.org",)
    place.reach = Reach.ANY_ADDRESS


def _shut(place: Place) -> None:
    place.reach = Reach.THIS_MACHINE


def _nameless(place: Place) -> None:
    place.reach = Reach.ANY_ADDRESS
    _add_token(place)


def _add_token(place: Place) -> None:
    open_tokens(place.root, place.environ()).add("somebody", Role.OBSERVER)


def _sandbox(place: Place) -> None:
    place.sandbox = True


# How each rule is tripped, in what is otherwise a profile and nothing else.
TRIPS: dict[Rule, Callable[[Place], None]] = {
    Rule.SETTING_LOOSENED: _workspace,
    Rule.POLICY_IN_WORKSPACE: _policy_inside,
    Rule.MAINTAINER_LOOP: _user(security__loop_role=Role.MAINTAINER.value),
    Rule.LOCK_BYPASS_ALLOWED: _user(security__allow_lock_bypass=True),
    Rule.GATE_WAIVER_ALLOWED: _user(security__allow_gate_waiver=True),
    Rule.GATES_UNENFORCED: _user(security__enforce_gates=False),
    Rule.SHELL_ALLOWED: _user(verification__allow_shell=True),
    Rule.AGENT_ATTESTS: _user(verification__attestation="agent"),
    Rule.COMMANDS_REPLACED: _user(verification__replace_command="true"),
    Rule.STORE_NOT_LASTING: _user(store__lasting=False),
    Rule.SESSIONS_OFF: _user(feature_flags__autonomy_sessions=False),
    Rule.GATES_OFF: _user(feature_flags__autonomy_fidelity_gates=False),
    Rule.FLAG_WITHOUT_NEED: _user(feature_flags__autonomy_sessions=False),
    Rule.DEBUG_UNATTENDED: _user(security__allow_unattended=True),
    Rule.OPEN_NETWORK: _open,
    Rule.NOBODY_ADMITTED: _shut,
    Rule.HOSTS_UNKNOWN: _nameless,
    Rule.LIMITS_RAISED: _user(session_defaults__max_tasks=1000),
    Rule.SANDBOX_WEAKENED: _user(verification__sandbox=SandboxKind.PROCESS_GROUP.value),
    Rule.WORKERS_EXPOSED: _user(security__worker_isolation="off"),
    Rule.KEYS_EXPOSED: _sandbox,
    Rule.GATE_POLICY_LOWERED: _user(session_defaults__gate_policy="lenient"),
}
# The remedies that are no setting to take away.
MENDED: dict[Rule, Callable[[Place], object]] = {
    Rule.POLICY_IN_WORKSPACE: lambda place: place.variables.pop("XDG_CONFIG_HOME"),
    Rule.OPEN_NETWORK: lambda place: setattr(place, "reach", Reach.THIS_MACHINE),
    Rule.NOBODY_ADMITTED: _add_token,
    Rule.HOSTS_UNKNOWN: _user(server__hosts=("mcp.example.org",)),
}
