"""Where everything is joined: the only file that names concrete adapters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import MISSING

from foundry_contracts.models.config import Config, ServerConfig
from foundry_contracts.models.startup import StartupFinding
from foundry_contracts.tables import SANDBOX_KIND_INFO
from foundry_contracts.vocabulary import (
    EnvironmentVariable,
    LogLevel,
    Reach,
    ReviewerKind,
    Role,
    SandboxGuard,
    SignerIsolation,
    StartupFact,
    UpkeepAction,
    WorkerIsolation,
)
from foundry_mcp.adapters.command_reviewer import CommandReviewer
from foundry_mcp.adapters.event_chain import Seals
from foundry_mcp.adapters.evidence_reviewer import EvidenceReviewer
from foundry_mcp.adapters.passing_store import PassingStore
from foundry_mcp.adapters.process_runner import ProcessRunner
from foundry_mcp.adapters.protected_files import WorkspaceProtectedFiles
from foundry_mcp.adapters.review_settings import hold_review, review_command
from foundry_mcp.adapters.run_leases import FolderRunLeases
from foundry_mcp.adapters.settings import lies_inside, read_layers
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.spec_files import WorkspaceSpecFiles
from foundry_mcp.adapters.sqlite_archive import SqliteArchive
from foundry_mcp.adapters.sqlite_backup import Copied, back_up, restore
from foundry_mcp.adapters.sqlite_pruning import Pruned, SqlitePruning
from foundry_mcp.adapters.sqlite_store import SqliteStore
from foundry_mcp.adapters.state_folder import place_of_state, place_outside, state_folder
from foundry_mcp.adapters.system import SystemClock, SystemIds
from foundry_mcp.adapters.tokens import TokenFile, who_calls
from foundry_mcp.adapters.verification_keys import (
    KnownKey,
    VerificationKeys,
    keys_of_files,
    keys_of_folder,
    known_keys,
    secret_mac,
)
from foundry_mcp.application.application import Application
from foundry_mcp.application.handlers import HANDLERS
from foundry_mcp.application.runs import Means
from foundry_mcp.application.world import World
from foundry_mcp.machine.moments import later
from foundry_mcp.machine.policy import Policy, policy_of
from foundry_mcp.machine.settings import Resolved, config_of, resolve
from foundry_mcp.machine.situation import Caller
from foundry_mcp.machine.startup import refusals, startup_findings
from foundry_mcp.places import product_folder
from foundry_mcp.ports import PortError, Reviewer, StoreUnavailable, Upkeep


@dataclass(frozen=True, slots=True)
class Joined:
    """Hold an application with what its surface needs beside it.

    `caller` is who calls a server with one client; `posture` is who calls one with many without a token.
    """

    application: Application
    caller: Caller
    ids: SystemIds
    state_folder: Path
    posture: Caller
    tokens: TokenFile
    server: ServerConfig
    policy: Policy
    log_level: LogLevel


@dataclass(frozen=True, slots=True)
class Examined:
    """Hold the settings as they are in force, and what the start-up rules say of them."""

    resolved: Resolved
    findings: tuple[StartupFinding, ...]

    @property
    def refusals(self) -> list[StartupFinding]:
        """Give what keeps a server from starting."""
        return refusals(self.resolved, self.findings)


class StartRefused(PortError):
    """Report that the start-up rules let no server start."""

    def __init__(self, findings: Sequence[StartupFinding]) -> None:
        told = [f"{finding.code.value}: {finding.message}\n    {finding.remedy}" for finding in findings]
        super().__init__(
            "\n  ".join(["", *told]).strip(),
            "'foundry-mcp doctor', with the same options, tells this and more without a start.",
        )


_STORE_FILE = "store.sqlite3"
_NOBODY = Caller("", Role.OBSERVER)
_RUNS_FOLDER = "under-way"


def join(workspace: Path, environ: Mapping[str, str], *, reach: Reach | None = None) -> Joined:
    """Build the application of a workspace, set up by the settings; StartRefused where the start-up rules say so.

    `reach` tells of a server over HTTP who reaches its address.
    """
    examined = examine(workspace, environ, reach=reach)
    if examined.refusals:
        raise StartRefused(examined.refusals)
    settings, policy = config_of(examined.resolved), policy_of(examined.resolved, examined.findings)
    folder = state_folder(workspace, environ)
    clock, ids = SystemClock(), SystemIds()
    signer = FileSigner(folder)
    runner = _runner(workspace, environ, settings)
    if settings.verification.sandbox is not MISSING:
        # What was asked for by name is tried now, as a server without it is not to start.
        runner.sandbox()
    world = World(
        workspace=workspace,
        store=SqliteStore(folder / _STORE_FILE, signer.mac) if settings.store.lasting else PassingStore(signer.mac),
        specs=WorkspaceSpecFiles(workspace),
        clock=clock,
        ids=ids,
        means=Means(
            clock=clock,
            runner=runner,
            reviewer=_reviewer(workspace, settings, environ),
            signer=signer,
            leases=FolderRunLeases(folder / _RUNS_FOLDER),
            protected=WorkspaceProtectedFiles(workspace),
        ),
        policy=policy,
        replay_grace_s=settings.session_defaults.replay_grace_s,
        write_back=settings.specs.write_back,
    )
    role = Role(str(examined.resolved.held["security.loop_role"].value))
    tokens, posture = TokenFile(folder, clock), Caller(settings.server.actor, role)
    return Joined(
        application=Application(world, HANDLERS),
        # Over HTTP each call brings its own token, and that of the server's environment is nobody's.
        caller=who_calls(tokens, environ, posture) if reach is None else posture,
        ids=ids,
        state_folder=folder,
        posture=posture,
        tokens=tokens,
        server=settings.server,
        policy=policy,
        log_level=settings.observability.log_level,
    )


def examine(
    workspace: Path, environ: Mapping[str, str], *, reach: Reach | None = None, try_sandbox: bool = False
) -> Examined:
    """Read the settings and hold them to the start-up rules; nothing is made and nothing started.

    SettingsInvalid where they cannot be read or cannot be meant, another PortError where the state folder would lie in
    the workspace, or the environment's token is nobody's. `reach` tells of a server over HTTP who reaches its
    address. `try_sandbox` also looks whether commands can be kept from the keys.
    """
    layers = read_layers(workspace, environ)
    tokens = TokenFile(place_outside(workspace, environ), SystemClock())
    known: dict[StartupFact, bool | str] = {
        StartupFact.POLICY_IN_WORKSPACE: lies_inside(layers, workspace),
        StartupFact.TOKENS: bool(tokens.list()),
    }
    if reach is None:
        who_calls(tokens, environ, _NOBODY)
    else:
        known[StartupFact.HTTP] = reach
    if try_sandbox:
        known[StartupFact.KEYS_HIDDEN] = _hides_keys(workspace, environ, config_of(resolve(layers)))
    examined = Examined(*startup_findings(layers, known))
    if not examined.refusals:
        hold_review(config_of(examined.resolved))
    return examined


def _reviewer(workspace: Path, settings: Config, environ: Mapping[str, str]) -> Reviewer:
    """Give the reviewer that the settings ask for; a person is shown what the evidence says."""
    if settings.review.reviewer is not ReviewerKind.COMMAND:
        return EvidenceReviewer(workspace)
    command = review_command(settings)
    return CommandReviewer(workspace, command, settings.review, settings.verification, environ)


def _runner(workspace: Path, environ: Mapping[str, str], settings: Config) -> ProcessRunner:
    hidden = [product_folder(environ)]
    verification, workers = settings.verification, _workers_isolation(settings, environ)
    return ProcessRunner(workspace, SystemClock(), verification, environ=environ, hidden=hidden, workers=workers)


def _workers_isolation(settings: Config, environ: Mapping[str, str]) -> SignerIsolation:
    """Give what keeps workers from the keys, as whoever started this server says; nothing where that says nothing."""
    variable = EnvironmentVariable.FOUNDRY_MCP_SIGNER_ISOLATION
    said = environ.get(variable, SignerIsolation.NONE)
    if said not in set(SignerIsolation):
        raise PortError(f"{variable} is {said!r}.", f"Take it away, or set it to one of: {', '.join(SignerIsolation)}.")
    off = settings.security.worker_isolation is WorkerIsolation.OFF
    return SignerIsolation.NONE if off else SignerIsolation(said)


def _hides_keys(workspace: Path, environ: Mapping[str, str], settings: Config) -> bool:
    return SandboxGuard.STATE_HIDDEN in SANDBOX_KIND_INFO[_runner(workspace, environ, settings).sandbox()].enforces


def place_of(workspace: Path, environ: Mapping[str, str]) -> Path:
    """Give where a workspace's state folder is; nothing is made."""
    return place_of_state(workspace, environ)


def open_archive(folder: Path, store: Path | None = None) -> SqliteArchive:
    """Open a state folder's store, or a copy of it, to read it; seals are checked where the folder has the secret."""
    mac = secret_mac(folder)
    return SqliteArchive(store or folder / _STORE_FILE, Seals(mac) if mac else None)


def open_keys(folder: Path, public: Sequence[Path] = ()) -> VerificationKeys:
    """Give the public keys named, else those of a state folder; PortError where there are none."""
    keys = keys_of_files(public) if public else keys_of_folder(folder)
    if not keys:
        raise PortError(f"There are no keys in {folder}.", "Name the public key with --public-key, or the workspace.")
    return keys


def list_keys(folder: Path) -> list[KnownKey]:
    """List the keys of a state folder."""
    return known_keys(folder)


def rotate_key(workspace: Path, environ: Mapping[str, str]) -> str:
    """Have servers that start from now on sign with a fresh key, and give its id."""
    return FileSigner(state_folder(workspace, environ)).rotate()


def back_up_store(folder: Path, target: Path) -> Copied:
    """Copy a state folder's store into a new file."""
    return back_up(folder / _STORE_FILE, target)


def restore_store(workspace: Path, environ: Mapping[str, str], source: Path, actor: str) -> tuple[Copied, Path | None]:
    """Put a copy in the place of a workspace's store, record it there, and give where the old one lies."""
    folder, now = state_folder(workspace, environ), SystemClock().now()
    store = folder / _STORE_FILE
    if secret_mac(folder) is None:
        # Fresh keys would have every log taken for a forged one.
        raise PortError(f"There are no keys in {folder}.", "Put the copy of the store's keys folder there first.")
    copied, before = restore(store, source, now.replace("-", "").replace(":", "").replace(".", ""))
    details = {"sessions": copied.sessions, "events": copied.events, "before": before.name if before else ""}
    opened = SqliteStore(store, FileSigner(folder).mac)
    try:
        opened.note(Upkeep(now, actor, UpkeepAction.STORE_RESTORED, "", details))
    finally:
        opened.close()
    return copied, before


def prune_store(
    workspace: Path, environ: Mapping[str, str], days: int, actor: str, *, try_only: bool
) -> Iterator[Pruned]:
    """Remove what has been over for so many days from a workspace's store: sessions, then the server's own events."""
    folder, now = place_of_state(workspace, environ), SystemClock().now()
    if not (folder / _STORE_FILE).is_file():
        raise StoreUnavailable(f"There is no store in {folder}.", "Name the right workspace.")
    pruning = SqlitePruning(folder / _STORE_FILE, FileSigner(folder).mac)
    try:
        before = later(now, -86400 * days)
        yield from pruning.prune(before, now, actor, try_only=try_only)
        events = pruning.prune_server_events(before, now, actor, try_only=try_only)
        if events is not None:
            yield events
    finally:
        pruning.close()


def open_tokens(workspace: Path, environ: Mapping[str, str]) -> TokenFile:
    """Give the tokens of a workspace."""
    return TokenFile(state_folder(workspace, environ), SystemClock())
