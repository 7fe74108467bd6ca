"""A server in this process, called by MCP clients, with a world that does what a test says."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foundry_contracts.models.config import SettingShown
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.models.formats_plan import CommandLine
from foundry_contracts.vocabulary import (
    Attestation,
    FeatureFlag,
    GatePolicy,
    PostureProfile,
    ReviewerKind,
    Role,
    SandboxKind,
    SettingSource,
    SignerIsolation,
    Verdict,
)
from foundry_mcp.adapters.protected_files import WorkspaceProtectedFiles
from foundry_mcp.adapters.signing import FileSigner
from foundry_mcp.adapters.spec_files import WorkspaceSpecFiles
from foundry_mcp.application.application import Application
from foundry_mcp.application.call import Call, Envelope
from foundry_mcp.application.handlers import HANDLERS
from foundry_mcp.application.runs import Means
from foundry_mcp.application.world import World
from foundry_mcp.machine.policy import Policy, features_of
from foundry_mcp.machine.settings import Held
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import Clock, Review, Reviewer, ReviewRequest, RunResult, Signer, Store
from tests.adapters.memory_store import MemoryStore
from tests.driving import Json
from tests.mcp_client import KeptOpen, McpClient

SETTINGS = SessionSettings(
    profile=PostureProfile.STRICT_PROD,
    default_test_command="",
    attestation=Attestation.OPERATOR,
    replace_command="",
    max_attempts=3,
    max_consecutive_errors=3,
    max_feedback_cycles=3,
    max_tasks=100,
    max_context_percent=85,
    heartbeat_stale_s=600,
    step_stale_s=3600,
    enforce_gates=True,
    gate_policy=GatePolicy.STRICT,
    stop_on_phase_completion=True,
    allow_gate_waiver=False,
    allow_lock_bypass=False,
    allow_unattended=True,
    allow_shell=False,
    auto_retry_gate=True,
    reviewer=ReviewerKind.EVIDENCE,
    review_command="",
    protected_paths=[],
)


ALL_ON = {flag: Held(True, SettingSource.DEFAULT) for flag in FeatureFlag}


class SetClock:
    """Tell the time it was set to."""

    def __init__(self) -> None:
        self.time = "2026-01-01T00:00:00.000Z"

    def now(self) -> str:
        return self.time


class CountedIds:
    """Count the ids of each kind up from one."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def fresh(self, prefix: str) -> str:
        self._counts[prefix] += 1
        return f"{prefix}_{self._counts[prefix]:026d}"


class SaidRunner:
    """End every command as was said beforehand; well, where nothing was."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.endings: list[tuple[int, str]] = []
        self.ran: list[CommandLine] = []
        self.ended: dict[str, Any] = {}
        self.meanwhile: Callable[[], None] = lambda: None

    async def run(self, command: CommandLine) -> RunResult:
        self.ran.append(command)
        self.meanwhile()
        code, output = self.endings.pop(0) if self.endings else (0, "")
        now = self._clock.now()
        result = RunResult(
            exit_code=code,
            timed_out=False,
            error="",
            output_tail=output,
            output_digest="0" * 64,
            output_bytes=len(output),
            started_at=now,
            finished_at=now,
            sandbox=SandboxKind.PROCESS_GROUP,
            unenforced=(),
            signer_isolation=SignerIsolation.NONE,
            tree_before="1" * 64,
            tree_after="2" * 64,
        )
        return replace(result, **self.ended)


class MemoryLeases:
    """Hold runs as long as it is there itself."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    def take(self, attempt_id: str) -> None:
        self.held.add(attempt_id)

    def is_held(self, attempt_id: str) -> bool:
        return attempt_id in self.held

    def release(self, attempt_id: str) -> None:
        self.held.discard(attempt_id)


class SaidReviewer:
    """Give the reviews that were said beforehand; a pass, where nothing was."""

    def __init__(self) -> None:
        self.reviews: list[Review] = []
        self.asked: list[ReviewRequest] = []

    async def review(self, request: ReviewRequest) -> Review:
        self.asked.append(request)
        return self.reviews.pop(0) if self.reviews else Review(Verdict.PASS)


@dataclass(frozen=True)
class As:
    """Call in a role."""

    owner: InProcess
    role: Role

    async def __call__(self, tool: str, /, **arguments: Any) -> Json:
        return (await self.owner.answer(tool, self.role, **arguments)).document


class InProcess:
    """Hold a server and its world; calling it sends a call as a runner."""

    def __init__(
        self, folder: Path, *specs: Json, store: Store | None = None, signer: Signer | None = None, **settings: Any
    ) -> None:
        self.workspace = folder / "workspace"
        (self.workspace / "specs" / "active").mkdir(parents=True, exist_ok=True)
        for document in specs:
            self.spec_file(document["spec_id"]).write_text(json.dumps(document), encoding="utf-8")
        self.store: Store = store or MemoryStore()
        self.state = folder / "state"
        self.signer: Signer = signer or FileSigner(self.state)
        self.clock, self.ids = SetClock(), CountedIds()
        self.runner, self.reviewer = SaidRunner(self.clock), SaidReviewer()
        self.real_reviewer: Reviewer | None = None
        self.settings = SETTINGS.model_copy(update=settings)
        self.flags = ALL_ON
        self.shown: Sequence[SettingShown] = ()
        self.write_back = False
        self._join()

    def _join(self) -> None:
        self.application = self._joined()
        self.maintainer, self.observer = As(self, Role.MAINTAINER), As(self, Role.OBSERVER)
        self._clients = KeptOpen(
            lambda caller: McpClient(self._handle, self.ids.fresh, caller, flags=self.application_flags())
        )

    async def _handle(self, call: Call) -> Envelope:
        return await self.application.handle(call)

    def _joined(self) -> Application:
        # What an application held is free when it is gone.
        self.leases = MemoryLeases()
        world = World(
            workspace=self.workspace,
            store=self.store,
            specs=WorkspaceSpecFiles(self.workspace),
            clock=self.clock,
            ids=self.ids,
            means=Means(
                self.clock,
                self.runner,
                self.real_reviewer or self.reviewer,
                self.signer,
                self.leases,
                WorkspaceProtectedFiles(self.workspace),
            ),
            policy=Policy(self.settings, features_of(self.flags), self.shown),
            replay_grace_s=3600,
            write_back=self.write_back,
        )
        return Application(world, HANDLERS)

    def application_flags(self) -> frozenset[FeatureFlag]:
        """Give the features that are enabled now."""
        return Policy(self.settings, features_of(self.flags)).flags

    def restart(self) -> None:
        """Go on with a new application that remembers nothing but the store."""
        self.application = self._joined()

    def lose_key(self) -> None:
        """Lose the key that signs, so that a fresh one is made and nothing signed before holds; proofs still do."""
        keys = self.state / "keys"
        for file in [keys / "current", *keys.glob("ed25519-*.pem")]:
            file.unlink()
        self.signer = FileSigner(self.state)
        self.restart()

    def fork(self) -> InProcess:
        """Give a world that begins as this one is now, and whose sessions go their own way."""
        other = copy.copy(self)
        other.store = copy.deepcopy(self.store)
        other._join()
        return other

    def spec_file(self, spec_id: str) -> Path:
        """Give the path of a spec's file."""
        return self.workspace / "specs" / "active" / f"{spec_id}.json"

    async def __call__(self, tool: str, /, **arguments: Any) -> Json:
        return (await self.answer(tool, Role.AUTONOMY_RUNNER, **arguments)).document

    async def answer(self, tool: str, role: Role = Role.AUTONOMY_RUNNER, /, **arguments: Any) -> Envelope:
        """Send a call in a role, and give the answer as a client gets it."""
        client = await self._clients.client(Caller("tester", role))
        return await client.call(tool, arguments)
