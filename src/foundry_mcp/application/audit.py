"""An audit of a store without a server: chains, seals, pinned plans, receipts, and heads signed earlier.

The server's own events are checked with the whole store, not with one session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import MISSING

from foundry_contracts.events import EVENT_MODELS
from foundry_contracts.models.events_session import SessionRebased, SessionStarted, VerificationFinished
from foundry_contracts.models.formats_audit import AuditReport, LogFinding, LogHead
from foundry_contracts.vocabulary import EventType, LogFault
from foundry_mcp.application.plans import PlanBroken, pinned_plan
from foundry_mcp.application.sessions import folded
from foundry_mcp.machine.plan_index import PlanIndex, index_plan
from foundry_mcp.machine.spec_document import structure_digest
from foundry_mcp.ports import Archive, LogBroken, PortError, StoredEvent, Verifier

_PINNING = {EventType.SESSION_STARTED, EventType.SESSION_REBASED}
# What a receipt and the event that brings it both say.
_SAID_TWICE = ("attempt_id", "step_id", "unit_id", "passed", "exit_code", "timed_out", "tree_after")


@dataclass(slots=True)
class _Audit:
    """Hold what an audit has found so far."""

    archive: Archive
    keys: Verifier
    events: int = 0
    receipts: int = 0
    plans: dict[str, PlanIndex | PlanBroken] = field(default_factory=dict)

    def session(self, session_id: str) -> Iterator[LogFinding]:
        log, faults = self.archive.log(session_id)
        events = log.events if log else self.archive.events(session_id)
        self.events += len(events)
        yield from faults
        altered = [*self._plans_of(events)]
        yield from altered
        if log is not None and not altered:
            try:
                folded(log, self._plan)
            except LogBroken as fault:
                yield fault.finding
        for event in events:
            if event.type is EventType.VERIFICATION_FINISHED:
                yield from self._receipt_of(event)

    def _plan(self, digest: str) -> PlanIndex:
        known = self.plans.get(digest)
        if known is None:
            try:
                plan = pinned_plan(self.archive.plan(digest), digest)
                known = index_plan(plan, digest, structure_digest(plan))
            except PlanBroken as problem:
                known = problem
            self.plans[digest] = known
        if isinstance(known, PlanBroken):
            raise known
        return known

    def _plans_of(self, events: Iterable[StoredEvent]) -> Iterator[LogFinding]:
        for event in events:
            if event.type not in _PINNING:
                continue
            payload = _payload(event)
            if isinstance(payload, SessionStarted | SessionRebased):
                try:
                    self._plan(payload.plan_digest)
                except PlanBroken as problem:
                    yield _finding(event, LogFault.PLAN_ALTERED, str(problem))

    def _receipt_of(self, event: StoredEvent) -> Iterator[LogFinding]:
        payload = _payload(event)
        if not isinstance(payload, VerificationFinished):
            return
        self.receipts += 1
        statement = self.keys.verify(payload.receipt.model_dump(mode="json"))
        if statement is None:
            yield _finding(
                event, LogFault.RECEIPT_INVALID, f"The receipt of event {event.seq} bears no known signature."
            )
            return
        differing = _differing(event, payload, statement)
        if differing:
            message = f"The receipt of event {event.seq} is of another: it differs in {', '.join(differing)}."
            yield _finding(event, LogFault.RECEIPT_INVALID, message)

    def checkpoint(self, head: LogHead) -> LogFinding | None:
        """Hold a log against a head that was signed earlier."""
        session_id, last = head.session_id, self.archive.last_seq(head.session_id)
        if last == 0:
            message = f"A checkpoint saw {head.seq} events; nothing is left of the session."
            return LogFinding(session_id=session_id, fault=LogFault.LOST, seq=0, message=message)
        if last < head.seq:
            message = f"A checkpoint saw event {head.seq}; the log ends at event {last}."
            return LogFinding(session_id=session_id, fault=LogFault.CUT, seq=last + 1, message=message)
        if self.archive.hash_at(session_id, head.seq) != head.hash:
            message = f"Event {head.seq} has another hash than a checkpoint saw: it or one before was replaced."
            return LogFinding(session_id=session_id, fault=LogFault.REWRITTEN, seq=head.seq, message=message)
        return None


def audited(
    archive: Archive, keys: Verifier, heads: Sequence[LogHead] = (), session_id: str | None = None
) -> AuditReport:
    """Check every session of a store, or one, and give what was found."""
    audit = _Audit(archive, keys)
    nameless: list[LogFinding] = []
    try:
        known = archive.session_ids()
    except LogBroken as broken:
        known, nameless = [], [broken.finding]
    chosen = known if session_id is None else [name for name in known if name == session_id]
    heads = [head for head in heads if session_id in (None, head.session_id)]
    findings = [finding for name in chosen for finding in audit.session(name)]
    findings += [found for head in heads if (found := audit.checkpoint(head)) is not None]
    of_server: list[StoredEvent] = []
    if session_id is None:
        of_server, harmed = archive.server_events()
        findings += harmed
    upkeep, altered = archive.upkeep()
    return AuditReport(
        sessions=len(chosen),
        events=audit.events,
        server_events=len(of_server),
        receipts=audit.receipts,
        plans=len(audit.plans),
        checkpoints=len(heads),
        seals_checked=archive.seals_checked,
        findings=[*nameless, *findings, *altered],
        upkeep=upkeep,
    )


def receipts_of(archive: Archive, which: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the receipts of a session, or the one of an attempt, each with its attempt's id."""
    sessions = archive.session_ids()
    for session_id in [which] if which in sessions else sessions:
        log, faults = archive.log(session_id)
        if faults and session_id == which:
            raise PortError("The session's log is at fault.", "Have it audited: foundry-mcp audit verify.")
        for event in log.events if log else ():
            payload = _payload(event)
            if isinstance(payload, VerificationFinished) and which in (session_id, payload.attempt_id):
                yield payload.attempt_id, payload.receipt.model_dump(mode="json")


def _payload(event: StoredEvent) -> object:
    """Give an event's payload; None where it cannot be read, which the fold reports."""
    try:
        return EVENT_MODELS[event.type].model_validate_json(event.payload)
    except ValueError:
        return None


def _differing(event: StoredEvent, payload: VerificationFinished, statement: Mapping[str, Any]) -> list[str]:
    said = statement.get("predicate")
    if not isinstance(said, dict):
        return ["predicate"]
    told = {name: getattr(payload, name) for name in _SAID_TWICE} | {
        "session_id": event.session_id,
        "spec_id": event.spec_id,
    }
    return sorted(name for name, value in told.items() if said.get(name, MISSING) != value)


def _finding(event: StoredEvent, fault: LogFault, message: str) -> LogFinding:
    return LogFinding(session_id=event.session_id, fault=fault, seq=event.seq, message=message)
