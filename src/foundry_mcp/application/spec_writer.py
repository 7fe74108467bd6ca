"""Writing into spec files: a status somebody sets, and how far a session is at the end of a phase."""

from __future__ import annotations

import logging

from foundry_contracts.events import EventPayload
from foundry_contracts.models.events_session import PhaseCompleted, SessionCompleted, SessionEnded
from foundry_contracts.models.task_update_status import TaskUpdateStatusRequest
from foundry_contracts.vocabulary import NodeStatus
from foundry_mcp.machine.session import Session
from foundry_mcp.ports import SpecFiles, SpecUnavailable

_LOG = logging.getLogger(__name__)


class SpecWriter:
    """Write statuses into spec files. They are no structure: no session notices."""

    def __init__(self, specs: SpecFiles) -> None:
        self._specs = specs

    def update(self, request: TaskUpdateStatusRequest) -> None:
        """Write one status."""
        self._specs.write_statuses(request.spec_id, {request.node_id: request.status})

    def write_back(self, state: Session, events: tuple[EventPayload, ...]) -> None:
        """Write a session's progress if a phase or the session ended. The log has it in any case."""
        if not any(isinstance(event, PhaseCompleted | SessionCompleted | SessionEnded) for event in events):
            return
        statuses = dict.fromkeys(state.standing, NodeStatus.COMPLETED)
        statuses |= dict.fromkeys(state.blocked, NodeStatus.BLOCKED)
        try:
            self._specs.write_statuses(state.spec_id, statuses)
        except SpecUnavailable as problem:
            _LOG.warning("progress of %s was not written into its file: %s", state.spec_id, problem.message)
