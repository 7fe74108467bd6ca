"""The reviewer that needs no model: it looks at what was proven and at what lies on the disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.formats_plan import PlanPhase
from foundry_contracts.vocabulary import ReviewFindingCode, UnitKind, Verdict
from foundry_mcp.machine.optional import given
from foundry_mcp.ports import Review, ReviewRequest

# Specs declare paths as free text: 'a.py, b.py', 'src/*.py', 'docs/', 'to be decided'. What holds a space, a comma,
# a glob or a control character, or ends in a slash, is prose and says nothing that can be checked.
_PROSE: Final = re.compile(r"[\s,*?\[\]{}\x00-\x1f]|/$|^$")


class EvidenceReviewer:
    """Pass a phase whose units are proven and whose declared files are there."""

    def __init__(self, workspace: Path) -> None:
        self._root = os.path.realpath(workspace)

    async def review(self, request: ReviewRequest) -> Review:
        """Give a verdict with a finding for every unproven unit and every declared file that is not there."""
        findings = list(request.unproven)
        files = _declared(request.phase)
        findings += [found for node, path in files if (found := self._fault(node, path)) is not None]
        return Review(Verdict.FAIL if findings else Verdict.PASS, tuple(findings))

    def _fault(self, node: str, path: str) -> ReviewFinding | None:
        if _PROSE.search(path):
            return None
        real = os.path.realpath(os.path.join(self._root, path))
        if os.path.commonpath([self._root, real]) != self._root:
            message = "The declared file lies outside the workspace; declare one inside it."
            return ReviewFinding(code=ReviewFindingCode.FILE_OUTSIDE_WORKSPACE, node=node, path=path, message=message)
        if not os.path.exists(real):
            message = "The declared file is not there; make it, or correct the spec's file path."
            return ReviewFinding(code=ReviewFindingCode.FILE_MISSING, node=node, path=path, message=message)
        return None


def _declared(phase: PlanPhase) -> Iterator[tuple[str, str]]:
    for unit in phase.units:
        path = given(unit.file_path)
        if unit.kind is UnitKind.TASK and path is not None:
            yield unit.id, path
