"""Workers of every kind of manners."""

from __future__ import annotations

import asyncio
import io
import os
import select
import sys
from pathlib import Path

import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.models.common import ToolCall
from foundry_contracts.models.formats_session import Step
from foundry_contracts.models.formats_worker import WorkerResult, WorkerTask
from foundry_contracts.vocabulary import CommandName, Outcome, StepType
from foundry_mcp.supervisor.worker import Worker
from tests.supervisor.lab import WORKER


def a_task(workspace: Path) -> WorkerTask:
    entry = COMMANDS[CommandName.TASK_SESSION_STEP_REPORT]
    step = Step(
        step_id="stp_01jdf3k2m4n5p6q7r8s9t0v1w3",
        type=StepType.IMPLEMENT_TASK,
        session_id="ses_01jdf3k2m4n5p6q7r8s9t0v1w2",
        spec_id="a-spec",
        phase_id="phase-1",
        phase_title="First",
        attempt=1,
        proof=f"prf_{'5e' * 32}",
        instruction="Do it.",
        findings=[],
        report_call=ToolCall(tool=entry.tool, action=entry.action, params={}),
    )
    return WorkerTask(workspace=str(workspace), step=step)


async def worked(folder: Path, code: str, *, timeout_s: float = 20, **environ: str) -> tuple[WorkerResult, str]:
    words = (sys.executable, "-c", WORKER + code)
    said = io.StringIO()
    worker = Worker(words, folder, timeout_s=timeout_s, environ={**os.environ, **environ}, stderr=said)
    return await worker.work(a_task(folder)), said.getvalue()


def test_a_worker_gets_the_step_and_its_result_is_taken(tmp_path: Path) -> None:
    code = "answer(outcome='success', note=step['instruction'] + os.getcwd(), files_touched=['a'])"
    result, said = asyncio.run(worked(tmp_path, code))
    assert result == WorkerResult(outcome=Outcome.SUCCESS, note=f"Do it.{tmp_path}", files_touched=["a"])
    assert said == ""


def test_what_a_worker_says_is_handed_on_line_by_line(tmp_path: Path) -> None:
    code = "sys.stderr.write('one\\ntwo'); answer(outcome='success')"
    assert asyncio.run(worked(tmp_path, code))[1] == "  worker | one\n  worker | two\n"


def test_a_worker_sees_nothing_of_the_server_s_settings(tmp_path: Path) -> None:
    seen = "n for n in os.environ if n.startswith('FOUNDRY_MCP') or n == 'OWN'"
    code = f"answer(outcome='success', note=' '.join({seen}))"
    result, _ = asyncio.run(worked(tmp_path, code, FOUNDRY_MCP_TOKEN="secret", FOUNDRY_MCP_SERVER_ROLE="x", OWN="y"))
    assert result.note == "OWN"


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("answer(outcome='great')", "The worker's result does not hold to its contract at /outcome: "),
        ("answer(outcome='success', more=1)", "The worker's result does not hold to its contract at /: "),
        ("print('{')", "The worker's output is no JSON object: "),
        ("print('[]')", "The worker's result does not hold to its contract at /: "),
        ("", "The worker's output is no JSON object: "),
        ("print('x' * 2_000_000)", "The worker wrote 2000001 bytes where one small JSON object was expected."),
        ("answer(outcome='success'); sys.exit(3)", "The worker exited with 3."),
        ("os.kill(os.getpid(), signal.SIGKILL)", "The worker was ended by signal 9."),
    ],
)
def test_a_worker_without_manners_has_failed_with_a_note_that_says_why(tmp_path: Path, code: str, note: str) -> None:
    result, _ = asyncio.run(worked(tmp_path, code))
    assert result.outcome is Outcome.FAILURE
    assert isinstance(result.note, str)
    assert result.note.startswith(note)


def test_a_worker_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    result, _ = asyncio.run(worked(tmp_path, "signal.pause()", timeout_s=0.5))
    assert result.note == "The worker ran longer than 0.5 s and was stopped."


def test_a_program_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    worker = Worker((str(tmp_path / "none"),), tmp_path, timeout_s=1, environ={}, stderr=io.StringIO())
    result = asyncio.run(worker.work(a_task(tmp_path)))
    assert isinstance(result.note, str)
    assert result.note.startswith(f"The worker {tmp_path / 'none'} could not be started: ")


def test_what_a_worker_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    code = """
if (child := os.fork()) == 0:
    signal.pause()
answer(outcome="success", note=str(child))
"""
    result, _ = asyncio.run(worked(tmp_path, code))
    assert isinstance(result.note, str)
    assert _gone(int(result.note))


@pytest.mark.parametrize("manners", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"])
def test_a_cancelled_worker_is_ended_whatever_it_thinks_of_that(tmp_path: Path, manners: str) -> None:
    async def cancelled() -> int:
        os.mkfifo(tmp_path / "pipe")
        code = f"{manners}open('pipe', 'w').write(str(os.getpid()))\nsignal.pause()"
        work = asyncio.create_task(worked(tmp_path, code))
        process = int(await asyncio.to_thread((tmp_path / "pipe").read_text))
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return process

    assert _gone(asyncio.run(cancelled()))


def _gone(process: int) -> bool:
    """Tell whether a process ends, at once or in a moment: a signal takes a while to do its work."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 10)[0])
    finally:
        os.close(handle)


UNKEEPABLE = {"surrogate": '{"outcome": "success", "note": "\\ud800"}', "deep": "[" * 100_000}


@pytest.mark.parametrize("text", UNKEEPABLE.values(), ids=UNKEEPABLE)
def test_an_answer_that_no_one_could_keep_is_a_failed_step(tmp_path: Path, text: str) -> None:
    (tmp_path / "answer.json").write_text(text, encoding="utf-8")
    code = f"sys.stdout.write(open({str(tmp_path / 'answer.json')!r}).read())"
    result, _ = asyncio.run(worked(tmp_path, code))
    assert result.outcome is Outcome.FAILURE
    assert "no JSON object" in str(result.note)
