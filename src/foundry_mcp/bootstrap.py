"""Where everything is joined: the only file that names concrete adapters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foundry_mcp.adapters.evidence_reviewer import EvidenceReviewer
from foundry_mcp.adapters.posture import posture_of, session_settings
from foundry_mcp.adapters.process_runner import ProcessRunner
from foundry_mcp.adapters.settings import load_settings
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.spec_files import WorkspaceSpecFiles
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.adapters.state_folder import state_folder
from foundry_mcp.adapters.system import SystemClock, SystemIds
from foundry_mcp.adapters.tokens import TokenFile, who_calls
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
    signer = FileSigner(folder)
    runner = ProcessRunner(workspace, clock, timeout_s=settings.verification.timeout_s, environ=environ)
    world = World(
        workspace=workspace,
        store=SqliteStore(folder / _STORE_FILE, signer.mac),
        specs=WorkspaceSpecFiles(workspace),
        clock=clock,
        ids=ids,
        means=Means(clock, runner, EvidenceReviewer(workspace), signer),
        settings=session_settings(settings),
        replay_grace_s=settings.session_defaults.replay_grace_s,
        write_back=settings.specs.write_back,
    )
    caller = who_calls(TokenFile(folder, clock), environ, Caller(settings.server.actor, posture_of(settings).loop_role))
    return Joined(Application(world, HANDLERS), caller, ids, folder)


def open_tokens(workspace: Path, environ: Mapping[str, str]) -> TokenFile:
    """Give the tokens of a workspace."""
    return TokenFile(state_folder(workspace, environ), SystemClock())
