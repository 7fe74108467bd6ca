"""The reviewer that is any program: a phase as JSON on its standard input, a verdict and findings on its output.

Whatever goes wrong with it is a failing review whose finding says what; it never is a pass.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import jsonschema_rs

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.config import ReviewConfig, VerificationConfig
from foundry_contracts.models.formats_plan import CommandLine
from foundry_contracts.models.formats_review import PhaseReview, ReviewAnswer, UnitResult
from foundry_contracts.settings import ENVIRONMENT
from foundry_contracts.vocabulary import ReviewFindingCode, SandboxKind, Verdict
from foundry_mcp.adapters.json_text import parse_json
from foundry_mcp.adapters.launching import End, Launch, launched
from foundry_mcp.adapters.output_capture import OutputCapture
from foundry_mcp.adapters.sandbox import Grounds, command_line, problem_of
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.ports import Review, ReviewRequest

_BYTES_PER_KB: Final = 1 << 10
_NO_LIMIT: Final = 1 << 62
_SHOWN: Final = 600


class CommandReviewer:
    """Run a program in the workspace for each review, with nothing left of it afterwards.

    It may do what the server's user may: a model's program needs its network and its own files. `environ` is the
    server's; what begins with the product's name is kept back. `limits` are those of verifications' commands.
    """

    def __init__(
        self,
        workspace: Path,
        command: CommandLine,
        settings: ReviewConfig,
        limits: VerificationConfig,
        environ: Mapping[str, str],
    ) -> None:
        self._root = os.path.realpath(workspace)
        self._command = command
        self._settings = settings
        self._limits = limits
        self._sandbox: SandboxKind | None = None
        self._environ = {name: value for name, value in environ.items() if not name.startswith(ENVIRONMENT)}

    async def review(self, request: ReviewRequest) -> Review:
        """Have the program judge a phase."""
        answer = OutputCapture(limit := self._settings.max_answer_kb * _BYTES_PER_KB, kept=limit)
        errors = OutputCapture(_NO_LIMIT)
        try:
            end = await self._end_of(request, answer, errors)
        finally:
            answer.close()
            errors.close()
        problem = _problem(end) or _fault(answer.kept)
        if problem is not None:
            return _failing(*problem, answer.tail, errors.tail)
        said = ReviewAnswer.model_validate_json(answer.kept)
        return Review(said.verdict, tuple(said.findings))

    async def _end_of(self, request: ReviewRequest, answer: OutputCapture, errors: OutputCapture) -> End:
        cwd = os.path.realpath(os.path.join(self._root, self._command.cwd))
        name, *arguments = self._command.argv
        program = shutil.which(os.path.join(cwd, name) if os.sep in name else name, path=self._environ.get("PATH"))
        if program is None:
            return End(None, f"The command {name} was not found, or may not be executed.", began=False)
        with tempfile.TemporaryDirectory(prefix="review-", ignore_cleanup_errors=True) as scratch:
            phase = Path(scratch) / "phase.json"
            phase.write_text(self._document(request).model_dump_json(exclude_unset=True) + "\n", encoding="utf-8")
            grounds = Grounds(workspace=self._root, cwd=cwd, scratch=os.path.realpath(scratch), input=str(phase))
            kind = await asyncio.to_thread(self._kind)
            line = command_line(kind, [program, *arguments], grounds, self._limits)
            environ = {**self._environ, "PYTHONPYCACHEPREFIX": grounds.compiled}
            return await launched(Launch(kind, line, cwd, environ, self._settings.timeout_s), answer, errors)

    def _document(self, request: ReviewRequest) -> PhaseReview:
        results = [UnitResult(unit_id=unit, standing=or_absent(standing)) for unit, standing in request.standing]
        return PhaseReview(
            workspace=self._root,
            session_id=request.session_id,
            spec_id=request.spec_id,
            version=request.version,
            phase=request.phase,
            results=results,
            findings=list(request.findings),
            protected_changes=list(request.protected_changes),
        )

    def _kind(self) -> SandboxKind:
        """Give what sees to it that all of a program ends, and hides nothing from it; tried once."""
        if self._sandbox is None:
            sure = problem_of(SandboxKind.SUBREAPER, self._limits) is None
            self._sandbox = SandboxKind.SUBREAPER if sure else SandboxKind.PROCESS_GROUP
        return self._sandbox


def _problem(end: End) -> tuple[ReviewFindingCode, str] | None:
    if not end.began:
        return ReviewFindingCode.REVIEWER_NOT_STARTED, end.error
    if end.exit_code is None:
        return ReviewFindingCode.REVIEWER_STOPPED, end.error
    if end.exit_code != 0:
        said = end.error or f"It exited with {end.exit_code}."
        return ReviewFindingCode.REVIEWER_CRASHED, said
    return None


def _fault(answer: bytes) -> tuple[ReviewFindingCode, str] | None:
    """Say what is wrong with an answer, by its contract."""
    parsed = parse_json(answer)
    if not parsed.readable:
        return ReviewFindingCode.REVIEWER_ANSWER_INVALID, "What it wrote to its standard output is no JSON."
    if parsed.findings:
        place = parsed.findings[0].pointer or "/"
        return ReviewFindingCode.REVIEWER_ANSWER_INVALID, f"Its answer says two things, or none, at {place}."
    fault = next(iter(_schema().iter_errors(parsed.value)), None)
    if fault is None:
        return None
    place = "".join(f"/{part}" for part in fault.instance_path) or "/"
    return ReviewFindingCode.REVIEWER_ANSWER_INVALID, f"Its answer is wrong at {place}: {fault.message[:_SHOWN]}."


@cache
def _schema() -> jsonschema_rs.Validator:
    path = files("foundry_contracts") / "schemas" / "formats" / f"{ReviewAnswer.__name__}.json"
    return jsonschema_rs.validator_for(json.loads(path.read_text(encoding="utf-8")))


def _failing(code: ReviewFindingCode, problem: str, answer: str, errors: str) -> Review:
    tails = {"output": answer.strip(), "errors": errors.strip()}
    shown = [f"The end of its {name}: {text[-_SHOWN:]}" for name, text in tails.items() if text]
    message = "\n".join((f"The program that reviews gave no verdict: {problem}", *shown))
    return Review(Verdict.FAIL, (ReviewFinding(code=code, message=message),))
