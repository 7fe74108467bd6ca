"""An audit of a store without a server: chains, seals, pinned plans, receipts, and heads signed earlier.

The server's own events are checked with the whole store, not with one session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foundry_contracts.events import EVENT_MODELS
from foundry_contracts.models.events_session import (
    GateFinished,
    SessionRebased,
    SessionStarted,
    StepReported,
    VerificationFinished,
)
from foundry_contracts.models.formats_audit import AuditReport, LogFinding, LogHead
from foundry_contracts.vocabulary import EventType, LogFault
from foundry_mcp.application.plans import PlanBroken, pinned_plan
from foundry_mcp.application.sessions import folded
from foundry_mcp.machine.plan_index import PlanIndex, index_plan
from foundry_mcp.machine.receipts import differing, evidence_in, faults, told_by_event
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.spec_document import structure_digest
from foundry_mcp.machine.view import find_unit
from foundry_mcp.ports import Archive, LogBroken, PortError, StoredEvent, Verifier

_PINNING = {EventType.SESSION_STARTED, EventType.SESSION_REBASED}
# By the type of the event that brings it: what evidence is called, and the fault where it does not hold.
_EVIDENCE = {
    EventType.VERIFICATION_FINISHED: ("receipt", LogFault.RECEIPT_INVALID),
    EventType.GATE_FINISHED: ("review's evidence", LogFault.REVIEW_INVALID),
}


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
        after: dict[int, Session] = {}
        if log is not None and not altered:
            try:
                folded(log, self._plan, see=lambda event, state: _keep(after, event, state))
            except LogBroken as fault:
                yield fault.finding
        proofs = dict(_proofs(events))
        for event in events:
            if event.type in _EVIDENCE:
                yield from self._evidence_of(event, after.get(event.seq), proofs)

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

    def _evidence_of(
        self, event: StoredEvent, after: Session | None, proofs: Mapping[str, str]
    ) -> Iterator[LogFinding]:
        """Hold evidence against its event, and against the step it is for where the log can be folded."""
        run = _payload(event)
        if not isinstance(run, VerificationFinished | GateFinished):
            return
        self.receipts += isinstance(run, VerificationFinished)
        what, fault = _EVIDENCE[event.type]
        statement = self.keys.verify(evidence_in(run).model_dump(mode="json"))
        if statement is None:
            yield _finding(event, fault, f"The {what} of event {event.seq} bears no known signature.")
            return
        step = after.outstanding if after else None
        if after is None or step is None:
            wrong = differing(statement, told_by_event(event.session_id, event.spec_id, run))
        else:
            unit = find_unit(after, step.unit_id)
            wrong = faults(statement, event.session_id, event.spec_id, step, unit, proofs.get(step.step_id))
        if wrong:
            message = f"The {what} of event {event.seq} is of another: it differs in {', '.join(wrong)}."
            yield _finding(event, fault, message)

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
    """Give what the server signed of a session's runs, or of one attempt: each with its attempt's id."""
    sessions = archive.session_ids()
    for session_id in [which] if which in sessions else sessions:
        log, faults = archive.log(session_id)
        if faults and session_id == which:
            raise PortError("The session's log is at fault.", "Have it audited: foundry-mcp audit verify.")
        for event in log.events if log else ():
            payload = _payload(event)
            if isinstance(payload, VerificationFinished | GateFinished) and which in (session_id, payload.attempt_id):
                yield payload.attempt_id, evidence_in(payload).model_dump(mode="json")


def _payload(event: StoredEvent) -> object:
    """Give an event's payload; None where it cannot be read, which the fold reports."""
    try:
        return EVENT_MODELS[event.type].model_validate_json(event.payload)
    except ValueError:
        return None


def _keep(after: dict[int, Session], event: StoredEvent, state: Session) -> None:
    if event.type in _EVIDENCE:
        after[event.seq] = state


def _proofs(events: Iterable[StoredEvent]) -> Iterator[tuple[str, str]]:
    """Give the digest of the proof that each reported step was reported with."""
    for event in events:
        payload = _payload(event) if event.type is EventType.STEP_REPORTED else None
        if isinstance(payload, StepReported):
            yield payload.step_id, payload.proof_digest


def _finding(event: StoredEvent, fault: LogFault, message: str) -> LogFinding:
    return LogFinding(session_id=event.session_id, fault=fault, seq=event.seq, message=message)
