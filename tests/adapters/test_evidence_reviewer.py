"""What the evidence reviewer finds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.formats_plan import PlanPhase
from foundry_contracts.vocabulary import Verdict
from foundry_mcp.adapters.evidence_reviewer import EvidenceReviewer
from foundry_mcp.ports import Review, Reviewer, ReviewRequest

PHASE = {"id": "phase-1", "title": "A phase"}
UNIT = {"kind": "task", "title": "A task", "depends_on": [], "status": "pending"}


def review(workspace: Path, *paths: str, unproven: tuple[ReviewFinding, ...] = ()) -> Review:
    reviewer: Reviewer = EvidenceReviewer(workspace)
    # One that declares nothing, and a check whose path is no claim that a file is there, are passed over.
    others = [{**UNIT, "id": "t-0"}, {**UNIT, "id": "v-1", "kind": "verify", "file_path": "no-file"}]
    units = [*others, *({**UNIT, "id": "t-1", "file_path": path} for path in paths)]
    phase = PlanPhase.model_validate({**PHASE, "units": units})
    return asyncio.run(reviewer.review(ReviewRequest("ses", "a-spec", 1, phase, unproven=unproven)))


def found(result: Review) -> list[tuple[str, object, object]]:
    return [(one.code, one.node, getattr(one, "path", None)) for one in result.findings]


def test_a_phase_with_its_files_and_results_passes(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    assert review(tmp_path, "a.py", "./a.py", str(tmp_path / "a.py")) == Review(Verdict.PASS, ())


def test_an_absent_file_is_a_finding(tmp_path: Path) -> None:
    result = review(tmp_path, "src/gone.py")
    assert result.verdict is Verdict.FAIL
    assert found(result) == [("file_missing", "t-1", "src/gone.py")]


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "out/x", "../workspace-2"])
def test_a_file_outside_the_workspace_is_a_finding(tmp_path: Path, path: str) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (tmp_path / "x").touch()
    (tmp_path / "workspace-2").touch()
    (workspace / "out").symlink_to(tmp_path)
    assert found(review(workspace, path)) == [("file_outside_workspace", "t-1", path)]


@pytest.mark.parametrize("path", ["a.py, b.py", "src/*.py", "docs/", "to be decided", "", "a,b", "x?", "a\0b"])
def test_prose_is_not_checked(tmp_path: Path, path: str) -> None:
    assert review(tmp_path, path).verdict is Verdict.PASS


def test_every_unit_without_a_result_is_a_finding(tmp_path: Path) -> None:
    lacking = tuple(ReviewFinding(code="not_proven", node=node, message="It is not done.") for node in ("t-1", "v-1"))
    result = review(tmp_path, unproven=lacking)
    assert (result.verdict, result.findings) == (Verdict.FAIL, lacking)
