"""Specs of a public project, as they are, driven to their end by MCP clients: some over stdio, all in process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from foundry_contracts.vocabulary import (
    Attestation,
    ErrorCode,
    EventType,
    FindingCode,
    FindingLevel,
    LoopSignal,
    Outcome,
    StepType,
)
from tests.driving import Driven, Json, accepted, drive, events, make_files, refused
from tests.in_process import InProcess
from tests.outside import user_config
from tests.real_specs import REAL, REAL_SPECS, REFUSED_SPEC
from tests.stdio_server import command_line, environment

pytestmark = pytest.mark.anyio

SPECS = (
    "hello-world-2026-02-19-001",
    "autonomy-orchestrator-improvements-2026-02-19-001",
    "mcp-best-practices-remediation-2025-11-26-001",
)
# The specs' own commands are of another project: another command stands in, and an agent attests what is manual.
# The file is compared at the end: it is to be run as it is.
SETTINGS = """
[posture]
profile = "staging"
[verification]
replace_command = "true"
attestation = "agent"
[specs]
write_back = false
"""


@pytest.mark.parametrize("spec_id", SPECS)
async def test_a_real_spec_is_driven_to_its_end_by_a_client(spec_id: str, tmp_path: Path) -> None:
    source = there(spec_id)
    workspace = tmp_path / "workspace"
    folder = workspace / "specs" / "active"
    folder.mkdir(parents=True)
    file = Path(shutil.copy(source, folder))
    user_config(tmp_path, SETTINGS)
    program, *words = command_line(workspace)
    server = StdioServerParameters(command=program, args=words, env=environment(tmp_path / "state"))
    async with Client(server) as client:

        async def call(tool: str, /, **arguments: Any) -> Json:
            result = await client.call_tool(tool, arguments)
            assert result.structured_content is not None
            return dict(result.structured_content)

        plan = (await accepted(call, "spec", action="get", spec_id=spec_id))["plan"]
        driven = await drive(call, spec_id, make_files(workspace), at_once=True)
        log = await events(call, driven.session_id)

    hold(plan, driven, log)
    assert file.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("spec_id", REAL_SPECS)
async def test_every_real_spec_that_can_be_run_is_driven_to_its_end(spec_id: str, tmp_path: Path) -> None:
    call = InProcess(tmp_path, max_tasks=10_000, attestation=Attestation.AGENT, replace_command="true")
    shutil.copy(there(spec_id), call.spec_file(spec_id))
    plan = (await accepted(call, "spec", action="get", spec_id=spec_id))["plan"]
    driven = await drive(call, spec_id, make_files(call.workspace))
    hold(plan, driven, await events(call, driven.session_id))


async def test_the_real_spec_with_a_node_given_twice_is_refused_for_it_and_runs_once_mended(tmp_path: Path) -> None:
    call = InProcess(tmp_path, max_tasks=10_000, attestation=Attestation.AGENT, replace_command="true")
    text = there(REFUSED_SPEC).read_text(encoding="utf-8")
    file = call.spec_file(REFUSED_SPEC)
    file.write_text(text, encoding="utf-8")
    start = {"action": "session", "command": "start", "spec_id": REFUSED_SPEC}
    data = await refused(call, ErrorCode.SPEC_INVALID, "task", **start)
    faults = [(fault["level"], fault["code"], fault["node"]) for fault in data["details"]["findings"]]
    assert faults == [
        (FindingLevel.ERROR, FindingCode.DUPLICATE_KEY, "task-6-2-3"),
        # The node that its parent misses is the one that was given another's name.
        (FindingLevel.WARNING, FindingCode.DANGLING_CHILD, "task-6-2"),
        (FindingLevel.WARNING, FindingCode.UNLISTED_CHILD, "phase-1"),
        (FindingLevel.WARNING, FindingCode.UNLISTED_CHILD, "phase-3"),
    ]
    assert all(fault["pointer"] for fault in data["details"]["findings"])
    assert (await accepted(call, "task", action="session", command="list"))["sessions"] == []
    before, given_again, after = text.rpartition('"task-6-2-3": {')
    file.write_text(before + given_again.replace("-3", "-5") + after, encoding="utf-8")
    plan = (await accepted(call, "spec", action="get", spec_id=REFUSED_SPEC))["plan"]
    driven = await drive(call, REFUSED_SPEC, make_files(call.workspace))
    hold(plan, driven, await events(call, driven.session_id))


def there(spec_id: str) -> Path:
    """Give the file of a real spec; skip the test where it is not there."""
    source = REAL / f"{spec_id}.json"
    if not source.exists():
        pytest.skip(f"{source} is not here; FOUNDRY_SPECS names the folder of the real specs")
    return source


def hold(plan: Json, driven: Driven, log: list[Json]) -> None:
    """Hold a driven session to its plan: every phase in order, each unit reported once, a gate a phase."""
    assert driven.last["loop_signal"] == LoopSignal.SPEC_COMPLETE
    assert driven.phases == len(plan["phases"])
    phases = [event["payload"]["phase_id"] for event in log if event["type"] == EventType.PHASE_COMPLETED]
    assert phases == [phase["id"] for phase in plan["phases"]]
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    reports = [event["payload"] for event in log if event["type"] == EventType.STEP_REPORTED]
    done = [(entry["phase_id"], entry["unit_id"]) for entry in reports if entry["type"] != StepType.RUN_FIDELITY_GATE]
    assert sorted(done) == sorted((phase["id"], unit["id"]) for phase in plan["phases"] for unit in phase["units"])
    gates = [entry["phase_id"] for entry in reports if entry["type"] == StepType.RUN_FIDELITY_GATE]
    assert gates == phases
    assert {entry["outcome"] for entry in reports} == {Outcome.SUCCESS}
