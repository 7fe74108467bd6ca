"""A session's state: the fold of its events, and what a command is decided against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rpds import HashTrieMap

from foundry_contracts.events import EventPayload
from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import (
    GateFinished,
    GateStarted,
    SessionSettings,
    VerificationFinished,
    VerificationStarted,
)
from foundry_contracts.vocabulary import FailureReason, PauseReason, Role, SessionStatus, StepType, UnitStanding
from foundry_mcp.machine.frontier import Heap
from foundry_mcp.machine.plan_index import PhaseIndex, PlanIndex

RunStarted = VerificationStarted | GateStarted
RunFinished = VerificationFinished | GateFinished


@dataclass(frozen=True, slots=True)
class Recorded:
    """Hold an event with what its header adds: its place, time and actor."""

    session_id: str
    spec_id: str
    seq: int
    time: str
    actor_role: Role
    payload: EventPayload


@dataclass(frozen=True)
class Outstanding:
    """Hold a step that is or was out, and how far the server's own run for it is.

    `started_at_version` and `settings` are the session's at the run's start: what its evidence is judged by.
    """

    step_id: str
    type: StepType
    phase_id: str
    unit_id: str | None
    attempt: int
    issued_at: str
    started: RunStarted | None = None
    finished: RunFinished | None = None
    started_at_version: int = 0
    settings: SessionSettings | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """Hold what a unit's standing as proven rests on: the reported step, with its run (None: there is none)."""

    step: Outstanding | None
    proof_digest: str


@dataclass(frozen=True, slots=True)
class Gate:
    """Hold what a satisfied gate rests on: a review's verdict, of the step kept here, or somebody's word."""

    by_review: bool
    step: Outstanding | None = None


SOMEBODYS_WORD = Gate(by_review=False)


@dataclass(frozen=True, slots=True)
class Feedback:
    """Hold what has to be mended before a verification (its unit) or the gate (no unit) is tried again."""

    unit_id: str | None
    findings: tuple[ReviewFinding, ...]


@dataclass(frozen=True)
class Session:
    """Hold a session as its events leave it.

    `unmet` and `frontier` belong to the phase being worked on; `attempts`, `errors`, `gate_cycles`, `tasks_issued`
    and `stuck` count since the last resume. `standing` says how each unit that is done came to be; `gates` which
    phases' gates are satisfied, and by what; `receipts` on what each unit proven in this session rests, and `carried`
    which units an earlier one did. `superseded` says which steps were given up, and whether one was reported after.
    `protected` are the protected files it is held to, paths to digests; `reviewed` is the phase's last review.
    """

    session_id: str
    spec_id: str
    plan: PlanIndex
    settings: SessionSettings
    version: int
    started_at: str
    updated_at: str
    status: SessionStatus
    run_id: str
    run_seen_at: str
    attended: bool = False
    discarded: bool = False
    pause_reason: PauseReason | None = None
    pause_unit: str | None = None
    paused_by: Role | None = None
    pause_findings: tuple[ReviewFinding, ...] = ()
    failure_reason: FailureReason | None = None
    phase_number: int = 0
    phase_completed: bool = False
    unmet: HashTrieMap[int, int] = field(default_factory=HashTrieMap)
    frontier: Heap | None = None
    done_in_phase: int = 0
    standing: HashTrieMap[str, UnitStanding] = field(default_factory=HashTrieMap)
    receipts: HashTrieMap[str, Proven] = field(default_factory=HashTrieMap)
    carried: frozenset[str] = frozenset()
    gates: HashTrieMap[str, Gate] = field(default_factory=HashTrieMap)
    blocked: HashTrieMap[str, str] = field(default_factory=HashTrieMap)
    superseded: HashTrieMap[str, bool] = field(default_factory=HashTrieMap)
    issued: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    attempts: HashTrieMap[str, int] = field(default_factory=HashTrieMap)
    errors: tuple[str, ...] = ()
    gate_cycles: int = 0
    gate_passed: bool = False
    gate_waits_for_person: bool = False
    reviewed: GateFinished | None = None
    protected: HashTrieMap[str, str] = field(default_factory=HashTrieMap)
    tasks_issued: int = 0
    prints: HashTrieMap[str, str] = field(default_factory=HashTrieMap)
    stuck: str | None = None
    feedback: Feedback | None = None
    outstanding: Outstanding | None = None
    last_step_id: str | None = None
    last_step_type: StepType | None = None

    @property
    def phase(self) -> PhaseIndex:
        """Give the phase being worked on, or the one just completed."""
        return self.plan.phases[self.phase_number]

    @property
    def is_last_phase(self) -> bool:
        """Tell whether no phase comes after this one."""
        return self.phase_number + 1 == len(self.plan.phases)


Plans = Callable[[str], PlanIndex]
"""Give a pinned plan by its digest. Plans never change, so looking one up is pure."""
