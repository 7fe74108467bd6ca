"""Where everything is joined: the only file that names concrete adapters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foundry_contracts.models.config import Config
from foundry_contracts.models.events_session import SessionSettings
from foundry_mcp.adapters.evidence_reviewer import EvidenceReviewer
from foundry_mcp.adapters.process_runner import ProcessRunner
from foundry_mcp.adapters.settings import load_settings
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.spec_files import WorkspaceSpecFiles
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.adapters.state_folder import state_folder
from foundry_mcp.adapters.system import SystemClock, SystemIds
from foundry_mcp.application.application import Application, World
from foundry_mcp.application.handlers import HANDLERS
from foundry_mcp.application.runs import Means
from foundry_mcp.machine.situation import Caller


@dataclass(frozen=True, slots=True)
class Joined:
    """Hold an application with what its surface needs beside it."""

    application: Application
    caller: Caller
    ids: SystemIds
    state_folder: Path


_STORE_FILE = "store.sqlite3"


def join(workspace: Path, environ: Mapping[str, str]) -> Joined:
    """Build the application of a workspace, set up by its settings file and the environment."""
    settings = load_settings(workspace, environ)
    folder = state_folder(workspace, environ)
    clock, ids = SystemClock(), SystemIds()
    runner = ProcessRunner(workspace, clock, timeout_s=settings.verification.timeout_s, environ=environ)
    world = World(
        workspace=workspace,
        store=SqliteStore(folder / _STORE_FILE),
        specs=WorkspaceSpecFiles(workspace),
        clock=clock,
        ids=ids,
        means=Means(runner, EvidenceReviewer(workspace, check_files=True), FileSigner(folder)),
        settings=_session_settings(settings),
        replay_grace_s=settings.session_defaults.replay_grace_s,
    )
    caller = Caller(settings.server.actor, settings.server.role)
    return Joined(Application(world, HANDLERS), caller, ids, folder)


def _session_settings(settings: Config) -> SessionSettings:
    return SessionSettings(
        default_test_command=settings.verification.default_test_command,
        attestation=settings.verification.attestation,
        replace_command=settings.verification.replace_command,
        max_attempts=settings.session_defaults.max_attempts,
        max_consecutive_errors=settings.session_defaults.max_consecutive_errors,
        max_feedback_cycles=settings.session_defaults.max_feedback_cycles,
    )
