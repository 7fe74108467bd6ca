"""Workers apart from what they must not reach: where the settings ask for it, and bubblewrap works here."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import foundry_contracts
import foundry_mcp
from foundry_contracts.models.server_config import ServerConfigResponse
from foundry_contracts.tables import GUARDED_PLACE_INFO
from foundry_contracts.vocabulary import CommandName, EnvironmentVariable, GuardAccess, SignerIsolation, WorkerIsolation
from foundry_mcp.bubblewrap import Grounds, worker_problem
from foundry_mcp.guard.protected import Spot, spots_of
from foundry_mcp.guard.shell_words import is_open
from foundry_mcp.supervisor.client import Refused, ServerClient
from foundry_mcp.supervisor.connection import ServerFailed
from foundry_mcp.supervisor.settings import RunSettings

_SETTING = "security.worker_isolation"
_CLAIM = EnvironmentVariable.FOUNDRY_MCP_SIGNER_ISOLATION


@dataclass(frozen=True, slots=True)
class Isolation:
    """Hold what is asked of isolation, and why it cannot be had here, if it cannot."""

    asked: WorkerIsolation
    problem: str | None

    @property
    def holds(self) -> bool:
        """Tell whether workers are isolated."""
        return self.asked is not WorkerIsolation.OFF and self.problem is None

    @property
    def warning(self) -> str:
        """Say what a person should know; empty where workers are isolated."""
        if self.holds:
            return ""
        why = f"{_SETTING} is {self.asked.value}" if self.problem is None else f"bubblewrap: {self.problem}"
        return f"Workers are not isolated ({why}): they can read the keys and change specs and settings."


def server_environ(settings: RunSettings) -> Mapping[str, str]:
    """Give the environment of a server that is started for a run: it is told how workers are kept from its keys."""
    others = {name: value for name, value in settings.environ.items() if name != _CLAIM}
    return others if worker_problem() else {**others, _CLAIM: SignerIsolation.BUBBLEWRAP.value}


async def isolation_of(client: ServerClient) -> Isolation | Refused:
    """Ask the server what its settings say of isolation, and see what can be had."""
    answer = await client.call(CommandName.SERVER_CONFIG, {}, ServerConfigResponse)
    if isinstance(answer, Refused):
        return answer
    said = next((setting.value for setting in answer.settings if setting.name == _SETTING), None)
    if said is None:
        raise ServerFailed(f"The server knows no setting {_SETTING}: it is older than this run.")
    asked = WorkerIsolation(str(said))
    return Isolation(asked, None if asked is WorkerIsolation.OFF else worker_problem())


def grounds_of(settings: RunSettings) -> Grounds:
    """Give the grounds of an isolated worker: what the guard keeps it from, and the code that runs with the keys."""
    spots = _closed(settings)
    kept = (settings.checkpoints, settings.escalation_folder, *_own_code())
    return Grounds(
        workspace=settings.workspace,
        read_only=(*(Path(spot.path) for spot in spots if spot.access is GuardAccess.READ), *kept),
        hidden=tuple(Path(spot.path) for spot in spots if spot.access is GuardAccess.NONE),
    )


def watched_places(settings: RunSettings) -> dict[Path, bool]:
    """List the guarded paths, and of each whether it may come to be: none may come to lead elsewhere.

    Over a path that is not there nothing can be mounted, and a link on the way to one can be replaced.
    """
    return {Path(spot.path): GUARDED_PLACE_INFO[spot.place].may_appear for spot in _closed(settings)}


def _closed(settings: RunSettings) -> list[Spot]:
    # Other processes are out of sight in any case.
    return [spot for spot in spots_of(settings.workspace, settings.environ) if not is_open(spot.path)]


def _own_code() -> list[Path]:
    """List where the code of servers lies: whoever changes that has the keys with the next start."""
    packages = [str(Path(package.__file__).parent) for package in (foundry_mcp, foundry_contracts) if package.__file__]
    # An environment of its own takes its library and its interpreter from the Python that it was made with.
    python = [sys.prefix, *map(sysconfig.get_path, ("stdlib", "platstdlib")), os.path.realpath(sys.executable)]
    shared = [str(sysconfig.get_config_var(name) or "") for name in ("LIBDIR", "INSTSONAME")]
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [Path(path) for path in (*packages, *python, os.path.join(*shared), *user)]
