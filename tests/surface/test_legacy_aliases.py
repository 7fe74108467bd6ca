"""A deprecated name does what its replacement does, byte for byte but for the word that it is deprecated."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_contracts.dispatch import ALIASES, COMMANDS, AliasEntry
from foundry_contracts.vocabulary import CommandName, ReasonCode, Role
from foundry_mcp.adapters.signing import FileSigner
from tests.adapters.batches import listed, logged
from tests.driving import Json, next_step, spec, start, task
from tests.in_process import InProcess

pytestmark = pytest.mark.anyio

SPEC = "a-spec"
PAUSE = {"action": "session", "command": "pause"}


async def nothing_yet(call: InProcess) -> Json:
    return {"spec_id": SPEC}


async def running(call: InProcess) -> Json:
    return {"session_id": await start(call, SPEC)}


async def paused(call: InProcess) -> Json:
    session = await running(call)
    assert (await call("task", **PAUSE, **session))["success"]
    return session


async def step_out(call: InProcess) -> Json:
    session = await running(call)
    await next_step(call, session["session_id"])
    return session


async def to_end(call: InProcess) -> Json:
    return {**await running(call), "reason": ReasonCode.TESTING}


async def paused_to_end(call: InProcess) -> Json:
    return {**await paused(call), "reason": ReasonCode.TESTING}


async def to_report(call: InProcess) -> Json:
    session = await running(call)
    step = (await next_step(call, session["session_id"]))["step"]
    return {**session, "result": step["report_call"]["params"]["result"]}


# What comes before a call, and the parameters it is then sent with.
BEFORE = {
    CommandName.TASK_SESSION_START: nothing_yet,
    CommandName.TASK_SESSION_STATUS: running,
    CommandName.TASK_SESSION_PAUSE: running,
    CommandName.TASK_SESSION_RESUME: paused,
    CommandName.TASK_SESSION_END: to_end,
    CommandName.TASK_SESSION_REBASE: paused,
    CommandName.TASK_SESSION_RESET: paused_to_end,
    CommandName.TASK_SESSION_LIST: nothing_yet,
    CommandName.TASK_SESSION_STEP_NEXT: running,
    CommandName.TASK_SESSION_STEP_REPORT: to_report,
    CommandName.TASK_SESSION_STEP_REPLAY: step_out,
    CommandName.TASK_SESSION_STEP_HEARTBEAT: step_out,
}


def without_deprecation(document: Json) -> Json:
    return {**document, "meta": {name: value for name, value in document["meta"].items() if name != "deprecated"}}


def test_every_deprecated_name_has_a_case() -> None:
    assert {alias.command_name for alias in ALIASES.values()} == set(BEFORE)


@pytest.mark.parametrize("good", [True, False], ids=["accepted", "refused"])
@pytest.mark.parametrize("alias", ALIASES.values(), ids=[f"{tool}.{action}" for tool, action in ALIASES])
async def test_a_deprecated_name_answers_as_its_replacement_does(tmp_path: Path, alias: AliasEntry, good: bool) -> None:
    entry = COMMANDS[alias.command_name]
    assert entry.command is not None
    assert alias.replacement == {"action": entry.action, "command": entry.command}
    signer = FileSigner(tmp_path / "signer")
    documents, texts, logs = [], [], []
    for place, words in (("old", {"action": alias.action}), ("new", dict(alias.replacement))):
        call = InProcess(tmp_path / place, spec(SPEC, [task("t1")]), signer=signer)
        params = await BEFORE[alias.command_name](call)
        more = params if good else {"no_such_parameter": 1}
        answer = await call.answer(alias.tool, Role.MAINTAINER, **words, **more)
        documents.append(answer.document)
        texts.append(answer.text)
        logs.append([logged(call.store, row.session_id) for row in listed(call.store)])
    old, new = documents
    assert (old["success"], new["success"]) == (good, good)
    assert isinstance(old["meta"], dict)
    assert old["meta"]["deprecated"] == {
        "action": alias.action,
        "replacement": dict(alias.replacement),
        "removal_version": alias.removal_version,
        "removal_date": alias.removal_date,
    }
    assert without_deprecation(old) == new
    assert logs[0] == logs[1]
