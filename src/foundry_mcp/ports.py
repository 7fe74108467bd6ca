"""What the application needs of the world, as protocols, and the plain records that cross them.

Adapters implement these; nothing here knows how. An expected failure of an adapter is one of the exceptions
below, each with a sentence that says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from foundry_contracts.models.common import Finding, ReviewFinding
from foundry_contracts.models.formats_audit import LogFinding, UpkeepRecord
from foundry_contracts.models.formats_plan import CommandLine, Plan, PlanPhase
from foundry_contracts.models.formats_review import ProtectedChange
from foundry_contracts.vocabulary import (
    EventType,
    LogFault,
    NodeStatus,
    Role,
    SandboxGuard,
    SandboxKind,
    SessionStatus,
    SignerIsolation,
    SpecFolder,
    UnitStanding,
    UpkeepAction,
    Verdict,
)


class PortError(Exception):
    """Report that the environment failed: the sentence says what, `remedy` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class StoreBusy(PortError):
    """Report that another process held the store longer than we wait."""


class StoreUnavailable(PortError):
    """Report that the store cannot be read or written (disk, permissions, version)."""


class SpecUnavailable(PortError):
    """Report that a spec file is gone or cannot be read."""


class VersionConflict(Exception):
    """Report that a session's version is not the expected one: load again and decide again."""


class LiveSessionExists(Exception):
    """Report that the spec has a live session already."""


class LogBroken(Exception):
    """Report that a session's log is not what was written: the finding says where and how."""

    def __init__(self, session_id: str, fault: LogFault, seq: int, message: str) -> None:
        super().__init__(message)
        self.finding = LogFinding(session_id=session_id, fault=fault, seq=seq, message=message)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Hold one recorded event. `seq` counts from 1 in its session; `time` is RFC 3339 UTC; `payload` is JSON text."""

    event_id: str
    session_id: str
    seq: int
    spec_id: str
    time: str
    actor_id: str
    actor_role: Role
    type: EventType
    payload: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Hold what the store lists of a session. `version` is the seq of its last event.

    `status` is None where the store holds a word that is no status.
    """

    session_id: str
    spec_id: str
    status: SessionStatus | None
    version: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Listed:
    """Hold a session's row and its place in the store, above 0, by which a listing goes on after it."""

    place: int
    row: SessionRow


@dataclass(frozen=True, slots=True)
class Head:
    """Hold a place in a session's log: a seq, and the chain's hash there. Seq 0 is before the first event."""

    seq: int = 0
    hash: str = "0" * 64


START: Final = Head()
SERVER: Final = "server"
"""Stands where a session's id would in what is told of the server's own events."""


@dataclass(frozen=True, slots=True)
class Log:
    """Hold a session's row, its events after some place, and where they lead."""

    row: SessionRow
    events: tuple[StoredEvent, ...]
    head: Head


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Hold what somebody did to the store by hand; `details` are JSON values."""

    time: str
    actor: str
    action: UpkeepAction
    session_id: str
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold a kept answer. `body` is the envelope's JSON text, given back byte for byte."""

    key: str
    payload_digest: str
    recorded_at: str
    body: str


@dataclass(frozen=True, slots=True)
class PlanText:
    """Hold a pinned plan: its digest and its JSON text."""

    digest: str
    text: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Hold all that one command writes, in one transaction. `session` is the row after it."""

    session: SessionRow
    expected_version: int
    events: tuple[StoredEvent, ...]
    answers: tuple[Answer, ...] = ()
    plan: PlanText | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """Hold the last sign of life of the run that works on a session. Times are RFC 3339 UTC."""

    run_id: str
    at: str


def newest(store: Store, spec_id: str) -> SessionRow | None:
    """Give a spec's newest session."""
    return next((found.row for found in store.sessions(spec_id, limit=1) or []), None)


class Store(Protocol):
    """Keep sessions' events, the answers given, and pinned plans; append only."""

    def append(self, batch: Batch) -> Head:
        """Write a batch and give where its session's log ends now.

        VersionConflict, LiveSessionExists, StoreBusy or StoreUnavailable when it cannot be written.
        """

    def session(self, session_id: str) -> SessionRow | None:
        """Give a session's row."""

    def live_session(self, spec_id: str) -> SessionRow | None:
        """Give the one live (running, paused or failed) session of a spec."""

    def sessions(self, spec_id: str | None = None, *, after: int | None = None, limit: int) -> list[Listed] | None:
        """List up to `limit` sessions, newest first, next after a place; None where no session is at that place."""

    def log(self, session_id: str, after: Head = START) -> Log | None:
        """Give a session's events after a place in its log; None where there is no such session.

        They are checked against the chain and its seals, from that place on; LogBroken where they do not hold.
        """

    def page(
        self, session_id: str, *, after: int | None, before: int | None, limit: int, types: Sequence[EventType]
    ) -> list[StoredEvent]:
        """List up to `limit` events: ascending above `after`, or descending below `before` (None: from the end).

        Each is checked against the chain and its seal; LogBroken where one does not hold.
        """

    def record(self, event: StoredEvent) -> None:
        """Append an event of the server's own, whatever its seq; there is none between it and the last one.

        They are chained and sealed as a session's are; LogBroken, and nothing recorded, where their end does not hold.
        """

    def server_page(self, *, after: int | None, before: int | None, limit: int) -> list[StoredEvent]:
        """List the server's own events as `page` does a session's."""

    def close_log(self, upkeep: Upkeep, answers: tuple[Answer, ...]) -> None:
        """End a session whose log is at fault, leave its log as it is, and record who did so."""

    def is_closed(self, session_id: str) -> bool:
        """Tell whether a session was ended so."""

    def answer(self, key: str) -> Answer | None:
        """Give the answer kept under a key."""

    def plan(self, digest: str) -> PlanText | None:
        """Give a pinned plan."""

    def touch(self, session_id: str, life: Life) -> None:
        """Keep a sign of life; it is a fact beside the log."""

    def life(self, session_id: str) -> Life | None:
        """Give the last sign of life."""

    def check(self) -> None:
        """Do nothing where the store can be read and is still where it was; else StoreBusy or StoreUnavailable."""

    def close(self) -> None:
        """Let go of the store."""


class Archive(Protocol):
    """Read a store, or a copy of one, without a server: nothing is written, and what is at fault is told and passed."""

    @property
    def seals_checked(self) -> bool:
        """Tell whether the server's secret is at hand, by which seals are checked."""

    def session_ids(self) -> list[str]:
        """List every session that has a row or an event."""

    def log(self, session_id: str) -> tuple[Log | None, list[LogFinding]]:
        """Give a session's whole log, and its faults; no log where there is a fault or no such session."""

    def events(self, session_id: str) -> list[StoredEvent]:
        """List those of a session's events that can be read, whether the log is sound or not."""

    def hash_at(self, session_id: str, seq: int) -> str | None:
        """Give the hash that a session's log holds at a place, whether that is sound or not."""

    def last_seq(self, session_id: str) -> int:
        """Give the number of the last event a session's log holds; 0 where it holds none."""

    def plan(self, digest: str) -> PlanText | None:
        """Give a pinned plan."""

    def server_events(self) -> tuple[list[StoredEvent], list[LogFinding]]:
        """List the server's own events, none where there is a fault, and their faults."""

    def upkeep(self) -> tuple[list[UpkeepRecord], list[LogFinding]]:
        """List what was done to the store by hand, and what is wrong with that record."""

    def close(self) -> None:
        """Let go of the store."""


@dataclass(frozen=True, slots=True)
class SpecEntry:
    """Hold what a listing tells of a spec file. `title` is empty where the file cannot be read."""

    spec_id: str
    folder: SpecFolder
    title: str


@dataclass(frozen=True, slots=True)
class LoadedSpec:
    """Hold a spec as read: the plan unless a finding refuses it, and the raw document."""

    spec_id: str
    folder: SpecFolder
    path: Path
    document: object
    plan: Plan | None
    structure_digest: str
    findings: tuple[Finding, ...]


class SpecFiles(Protocol):
    """Read the spec files below a workspace's specs folder."""

    def entries(self) -> list[SpecEntry]:
        """List every spec file, by folder and id."""

    def load(self, spec_id: str) -> LoadedSpec | None:
        """Read a spec by id; None where there is none, SpecUnavailable where it cannot be read."""

    def write_statuses(self, spec_id: str, statuses: Mapping[str, NodeStatus]) -> None:
        """Write nodes' statuses into a spec's file, as one atomic replacement; SpecUnavailable where it cannot be."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """Hold how a command ended. Digests are SHA-256.

    `exit_code` is None where it was stopped or could not start, and 128 and the signal's number after a signal.
    `sandbox` is None where nothing was begun; `unenforced` is what it did not hold the command to;
    `signer_isolation` is what kept the signing key from it and from workers.
    """

    exit_code: int | None
    timed_out: bool
    error: str
    output_tail: str
    output_digest: str
    output_bytes: int
    started_at: str
    finished_at: str
    sandbox: SandboxKind | None
    unenforced: tuple[SandboxGuard, ...]
    signer_isolation: SignerIsolation
    tree_before: str
    tree_after: str


class RunLeases(Protocol):
    """Know which runs are under way in a living server, of all that share the store."""

    def take(self, attempt_id: str) -> None:
        """Hold a run that nobody knows of yet, until it is released or this server dies."""

    def is_held(self, attempt_id: str) -> bool:
        """Tell whether this or another living server holds a run."""

    def release(self, attempt_id: str) -> None:
        """Let go of a run."""


class Runner(Protocol):
    """Run a verification's command in the workspace."""

    async def run(self, command: CommandLine) -> RunResult:
        """Run it to its end or its timeout; it leaves no process behind."""


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """Hold what a reviewer needs of a phase, as it is at one version of its session.

    `standing` says how each unit came to be done, None where it is not; `unproven` says which units have no
    result that is enough. `findings` and `protected_changes` are what the server found itself.
    """

    session_id: str
    spec_id: str
    version: int
    phase: PlanPhase
    standing: tuple[tuple[str, UnitStanding | None], ...] = ()
    unproven: tuple[ReviewFinding, ...] = ()
    findings: tuple[ReviewFinding, ...] = ()
    protected_changes: tuple[ProtectedChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """Hold a reviewer's verdict and findings."""

    verdict: Verdict
    findings: tuple[ReviewFinding, ...] = field(default=())


class ProtectedFiles(Protocol):
    """Look at the protected files of the workspace."""

    def digests(self, patterns: Sequence[str]) -> Mapping[str, str]:
        """Give the path of every file that patterns name, relative to the workspace, with a digest."""


class Reviewer(Protocol):
    """Judge a phase's work."""

    async def review(self, request: ReviewRequest) -> Review:
        """Give a verdict with findings."""


# What a signed payload is. The contracts of receipts and checkpoints allow each its own and no other.
IN_TOTO_TYPE: Final = "application/vnd.in-toto+json"
LOG_HEAD_TYPE: Final = "application/vnd.foundry-mcp.log-head+json"


class Verifier(Protocol):
    """Check what was signed."""

    def verify(self, envelope: dict[str, object], payload_type: str = IN_TOTO_TYPE) -> dict[str, object] | None:
        """Give the statement of an envelope of this type that a known key signed; None for any other."""


class Signer(Protocol):
    """Sign receipts and make what only this server can check."""

    @property
    def key_id(self) -> str:
        """Name the signing key."""

    def sign(self, statement: dict[str, object], payload_type: str = IN_TOTO_TYPE) -> dict[str, object]:
        """Wrap a statement in a signed DSSE envelope whose payload is of this type."""

    def verify(self, envelope: dict[str, object], payload_type: str = IN_TOTO_TYPE) -> dict[str, object] | None:
        """Give the statement of an envelope of this type one of our keys signed; None for any other."""

    def mac(self, text: str) -> str:
        """Give a hexadecimal MAC of a text, 64 digits."""


class Clock(Protocol):
    """Tell the time."""

    def now(self) -> str:
        """Give the present moment, RFC 3339 UTC with milliseconds."""


class Ids(Protocol):
    """Make fresh ids."""

    def fresh(self, prefix: str) -> str:
        """Give `prefix_` and 26 characters that sort by time."""
