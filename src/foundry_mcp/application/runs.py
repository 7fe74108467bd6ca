"""What the server runs itself, in the background: a verification's command, a phase's review.

A run belongs to the log, not to the call that began it: its result is recorded whether anybody waits or not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from foundry_contracts.events import EventPayload
from foundry_contracts.models.events_session import (
    GateFinished,
    GateStarted,
    VerificationFinished,
    VerificationStarted,
)
from foundry_contracts.models.formats_receipt import Receipt, ReviewPredicate, VerificationPredicate
from foundry_contracts.models.formats_review import ProtectedChange
from foundry_contracts.vocabulary import SignerIsolation
from foundry_mcp.application.gate_review import GateReview, review_gate
from foundry_mcp.application.protected_look import changes_now
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.machine.proof import proof_digest, proof_of
from foundry_mcp.machine.receipts import findings_digest, statement_of
from foundry_mcp.machine.session import Outstanding, Session
from foundry_mcp.ports import Clock, ProtectedFiles, Reviewer, RunLeases, Runner, RunResult, Signer

_LOG = logging.getLogger(__name__)

# How often another server's run is looked at, in seconds.
_LOOK_EVERY_S = 0.1
_NOT_RUN = "A protected file is not as the session holds it: the command was not run."

Record = Callable[[EventPayload], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Means:
    """Hold what runs need of the world."""

    clock: Clock
    runner: Runner
    reviewer: Reviewer
    signer: Signer
    leases: RunLeases
    protected: ProtectedFiles


class Runs:
    """Keep the runs under way in this server, by attempt, and know of those in others.

    A run is held from before its start is recorded until after its end is. So a run that was begun, has no end and is
    held by nobody is a lost one, and a server begins only what it holds.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._held: set[str] = set()

    @contextmanager
    def holding(self, events: Sequence[EventPayload]) -> Iterator[None]:
        """Hold the runs whose starts are among events, while these are recorded and after, unless that fails."""
        begun = [event.attempt_id for event in events if isinstance(event, VerificationStarted | GateStarted)]
        try:
            for attempt_id in begun:
                self._means.leases.take(attempt_id)
                self._held.add(attempt_id)
            yield
        except BaseException:
            for attempt_id in begun:
                self._let_go(attempt_id)
            raise

    def _let_go(self, attempt_id: str) -> None:
        self._held.discard(attempt_id)
        self._means.leases.release(attempt_id)

    def is_lost(self, step: Outstanding | None) -> bool:
        """Tell whether a step's run was begun and is under way in no living server."""
        if step is None or step.started is None or step.finished is not None:
            return False
        return not self._means.leases.is_held(step.started.attempt_id)

    def ensure(self, state: Session, step: Outstanding, record: Record) -> None:
        """Begin the run that the step's start event names, unless it is under way here or another server's."""
        started = step.started
        if started is None or step.finished is not None:
            return
        if started.attempt_id in self._tasks or started.attempt_id not in self._held:
            return
        task = asyncio.create_task(self._run(state, step, record), name=started.attempt_id)
        self._tasks[started.attempt_id] = task
        task.add_done_callback(lambda ended: self._ended(started.attempt_id, ended))

    def _ended(self, attempt_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(attempt_id, None)
        self._let_go(attempt_id)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("run %s failed; it may be run again", attempt_id, exc_info=task.exception())

    async def wait(self, attempt_id: str, seconds: float) -> None:
        """Wait until a run has ended, here or in another server, or for so long; raise what failed one of ours."""
        task = self._tasks.get(attempt_id)
        if task is not None:
            ended, _ = await asyncio.wait({task}, timeout=seconds)
            # Whoever waits is told: to begin it again at once would run its command over and over.
            if ended and not task.cancelled() and (problem := task.exception()) is not None:
                raise problem
            return
        while seconds > 0 and self._means.leases.is_held(attempt_id):
            await asyncio.sleep(min(seconds, _LOOK_EVERY_S))
            seconds -= _LOOK_EVERY_S

    def give_up(self, step: Outstanding | None) -> None:
        """Cut off the run of a step that is out no longer: its work would go on in the workspace for nobody."""
        task = self._tasks.get(step.started.attempt_id) if step and step.started else None
        if task is not None:
            task.cancel()

    async def stop(self) -> None:
        """Cut every run off; each becomes an interrupted one."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, state: Session, step: Outstanding, record: Record) -> None:
        if isinstance(step.started, VerificationStarted):
            result, changes = await self._checked(state, step.started)
            await record(self._verified(state, step, step.started, result, changes))
        elif isinstance(step.started, GateStarted):
            review = await review_gate(state, self._means.reviewer, self._means.protected)
            await record(self._reviewed(state, step, step.started, review))

    async def _checked(
        self, state: Session, started: VerificationStarted
    ) -> tuple[RunResult, tuple[ProtectedChange, ...]]:
        """Run the command between two looks at the protected files; where one differs before, it is not run.

        What fails here is a verification that did not pass, and says why.
        """
        protected = self._means.protected
        try:
            changes = await changes_now(state, protected)
            if changes:
                return failed_run(self._means.clock.now(), _NOT_RUN), changes
            result = await self._means.runner.run(started.command)
            return result, await changes_now(state, protected)
        except Exception as problem:
            _LOG.exception("the command of %s could not be run", started.attempt_id)
            return failed_run(self._means.clock.now(), f"The command could not be run: {problem}"), ()

    def _verified(
        self,
        state: Session,
        step: Outstanding,
        started: VerificationStarted,
        result: RunResult,
        changes: tuple[ProtectedChange, ...],
    ) -> VerificationFinished:
        passed = result.exit_code == 0 and not result.timed_out and not changes
        predicate = VerificationPredicate(
            session_id=state.session_id,
            spec_id=state.spec_id,
            step_id=step.step_id,
            unit_id=started.unit_id,
            attempt_id=started.attempt_id,
            proof_digest=proof_digest(proof_of(state.session_id, step, self._means.signer.mac)),
            command=started.command,
            command_replaced=started.command_replaced,
            exit_code=or_absent(result.exit_code),
            timed_out=result.timed_out,
            passed=passed,
            error=or_absent(result.error or None),
            output_digest=result.output_digest,
            output_bytes=result.output_bytes,
            tree_before=result.tree_before,
            tree_after=result.tree_after,
            started_at=result.started_at,
            finished_at=result.finished_at,
            sandbox=or_absent(result.sandbox),
            unenforced=list(result.unenforced),
            protected_changes=or_absent(list(changes) or None),
            signer_isolation=result.signer_isolation,
        )
        return VerificationFinished(
            attempt_id=started.attempt_id,
            step_id=step.step_id,
            unit_id=started.unit_id,
            passed=passed,
            exit_code=or_absent(result.exit_code),
            timed_out=result.timed_out,
            error=or_absent(result.error or None),
            output_tail=result.output_tail,
            tree_after=result.tree_after,
            sandbox=or_absent(result.sandbox),
            unenforced=list(result.unenforced),
            protected_changes=or_absent(list(changes) or None),
            receipt=self._signed(predicate),
        )

    def _reviewed(self, state: Session, step: Outstanding, started: GateStarted, review: GateReview) -> GateFinished:
        """Bind a review by signature to the step it was for, and to the version of the session that it saw."""
        predicate = ReviewPredicate(
            session_id=state.session_id,
            spec_id=state.spec_id,
            phase_id=step.phase_id,
            step_id=step.step_id,
            attempt_id=started.attempt_id,
            seen_version=state.version,
            verdict=review.verdict,
            findings_digest=findings_digest(review.findings),
            protected_changes=list(review.protected_changes),
        )
        return GateFinished(
            attempt_id=started.attempt_id,
            step_id=step.step_id,
            phase_id=step.phase_id,
            verdict=review.verdict,
            findings=list(review.findings),
            protected_changes=list(review.protected_changes),
            evidence=self._signed(predicate),
        )

    def _signed(self, predicate: VerificationPredicate | ReviewPredicate) -> Receipt:
        return Receipt.model_validate(self._means.signer.sign(statement_of(predicate)))


def failed_run(now: str, error: str) -> RunResult:
    """Give the result of a command that was never begun."""
    return RunResult(
        exit_code=None,
        timed_out=False,
        error=error,
        output_tail="",
        output_digest=sha256(b"").hexdigest(),
        output_bytes=0,
        started_at=now,
        finished_at=now,
        sandbox=None,
        unenforced=(),
        signer_isolation=SignerIsolation.NONE,
        tree_before="",
        tree_after="",
    )
