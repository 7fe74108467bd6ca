"""What a command is decided in: everything the machine may know that its request does not say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from foundry_contracts.models.common import Finding
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.models.formats_receipt import Receipt
from foundry_contracts.vocabulary import Role, SessionStatus
from foundry_mcp.machine.plan_index import PlanIndex
from foundry_mcp.machine.session import Session

Opened = Callable[[Receipt], Mapping[str, object] | None]


@dataclass(frozen=True, slots=True)
class Caller:
    """Hold who calls, and in which role."""

    id: str
    role: Role


@dataclass(frozen=True, slots=True)
class SpecOnDisk:
    """Hold a spec as its file stands now; no plan where findings refuse it."""

    plan: PlanIndex | None
    findings: tuple[Finding, ...]
    claimed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FreshIds:
    """Hold ids that nobody has yet; a decision uses those it needs."""

    session: str
    step: str
    attempt: str


@dataclass(frozen=True)
class Situation:
    """Hold the state a command meets, and time, caller, ids and world as data.

    `mac` is a keyed function of its text: pure, but only this server knows the key. So is `opened`: it
    gives what a receipt states if one of the server's keys signed it, else None. `spec` is None where it was not looked
    at or is not there; `spec_problem` says why its file could not be read. `live` is the spec's live session.
    `recorded_elsewhere`: the step's result was recorded by another command with the same content.
    `run_lost`: the run that the outstanding step's start names is no longer under way. `life_at` is the last kept
    sign of life, `last_sign_of_life` what to show of it, this call included. `earlier` is the spec's last session.
    `protected` are the protected files as they are now, paths to digests, where they were looked at.
    """

    session: Session | None
    caller: Caller
    now: str
    ids: FreshIds
    settings: SessionSettings
    mac: Callable[[str], str]
    opened: Opened
    spec: SpecOnDisk | None = None
    spec_problem: str | None = None
    spec_id: str | None = None
    live: tuple[str, SessionStatus] | None = None
    recorded_elsewhere: bool = False
    run_lost: bool = False
    life_at: str | None = None
    last_sign_of_life: str | None = None
    earlier: Session | None = None
    protected: Mapping[str, str] = field(default_factory=dict)
