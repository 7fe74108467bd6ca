"""Which function carries which command out: the one table a new command's function is named in."""

from __future__ import annotations

from typing import TypeAlias

from foundry_contracts.handlers import Handlers
from foundry_mcp.application import query_plan, query_server, query_sessions, query_specs, query_tasks
from foundry_mcp.application.reader import Reader
from foundry_mcp.machine import decide_plan, decide_run, decide_session, decide_spec, decide_step
from foundry_mcp.machine.situation import Situation

FoundryHandlers: TypeAlias = Handlers[Situation, Reader]

HANDLERS: FoundryHandlers = Handlers(
    task_session_start=decide_session.start,
    task_session_status=query_sessions.status,
    task_session_pause=decide_session.pause,
    task_session_resume=decide_session.resume,
    task_session_end=decide_session.end,
    task_session_rebase=decide_plan.rebase,
    task_session_reset=decide_session.reset,
    task_session_accept_policy=decide_session.accept_policy,
    task_gate_waiver=decide_plan.waive_gate,
    task_block=decide_plan.block,
    task_unblock=decide_plan.unblock,
    task_info=query_tasks.info,
    task_list=query_tasks.list_tasks,
    task_progress=query_tasks.progress,
    task_update_status=decide_spec.update_status,
    task_session_list=query_sessions.list_sessions,
    task_session_checkpoint=query_sessions.checkpoint,
    task_session_step_next=decide_step.next_step,
    task_session_step_report=decide_step.report,
    task_session_step_replay=decide_step.replay,
    task_session_step_heartbeat=decide_step.heartbeat,
    task_session_events=query_sessions.events,
    spec_find=query_specs.find,
    spec_list=query_specs.list_specs,
    spec_get=query_specs.get,
    spec_plan=query_plan.plan,
    spec_validate=query_specs.validate,
    verification_execute=decide_run.execute_verification,
    review_fidelity_gate=decide_run.run_gate,
    server_capabilities=query_server.capabilities,
    server_config=query_server.config,
    server_events=query_server.events,
)
