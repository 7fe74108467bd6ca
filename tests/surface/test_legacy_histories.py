"""Histories of generated requests, sent by deprecated names to one server and by present names to its twin."""

from __future__ import annotations

import asyncio
import json
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contractgen.bundle import unrolled
from contractgen.instances import strategy
from foundry_contracts.dispatch import ALIASES, COMMANDS, AliasEntry
from foundry_contracts.vocabulary import CommandName, Outcome, Role
from foundry_mcp.adapters.signing import FileSigner
from tests.adapters.batches import listed
from tests.driving import Json, check, spec, task
from tests.in_process import InProcess
from tests.scenes import SPEC

PLAN = spec(SPEC, [task("t1"), task("t2", "t1"), check("v1")], [task("t3")])
_RECURSION = 1
# A session in which nothing is done is soon a dull one, so half of a history is steps.
STEPS = [alias for alias in ALIASES.values() if alias.replacement["action"] == "session-step"]
_SESSION = "session_id"


@cache
def requests(name: CommandName) -> st.SearchStrategy[Json]:
    """Give parameters for a command: as its contract says, or with something it does not say."""
    file = files("foundry_contracts") / "schemas" / COMMANDS[name].request_schema
    schema = json.loads(file.read_text(encoding="utf-8"))
    made: st.SearchStrategy[Json] = strategy(unrolled(schema, _RECURSION))
    other = st.dictionaries(st.sampled_from([*schema["properties"], "no_such"]), st.none() | st.integers(), max_size=2)
    return st.tuples(made, st.just({}) | other).map(lambda parts: {**parts[0], **parts[1]})


@st.composite
def calls(draw: st.DrawFn) -> tuple[AliasEntry, Role, Json, bool, Outcome]:
    """Give one call of a history: a name, a role, parameters, whether its ids are to be real, and what it reports."""
    alias = draw(st.sampled_from(list(ALIASES.values())) | st.sampled_from(STEPS))
    role = draw(st.sampled_from([Role.MAINTAINER, Role.AUTONOMY_RUNNER, Role.AUTONOMY_RUNNER, Role.OBSERVER]))
    return alias, role, draw(requests(alias.command_name)), draw(st.integers(0, 9)) < 9, draw(st.sampled_from(Outcome))


class Twin:
    """Hold a server whose requests are sent by one kind of names, and what it was last given to go on with."""

    def __init__(self, folder: Path, signer: FileSigner) -> None:
        self.server = InProcess(folder, PLAN, signer=signer)
        self._known: Json = {}

    async def send(self, words: Json, params: Json, role: Role, real: bool, outcome: Outcome) -> Json:
        """Send a call, with the ids this server knows where they are to be real ones."""
        answer = await self.server.answer(
            "task", role, **{**words, **(self._real(params, outcome) if real else params)}
        )
        self._learn(answer.document["data"])
        return answer.document

    def _real(self, params: Json, outcome: Outcome) -> Json:
        params = {**params, **({"spec_id": SPEC} if "spec_id" in params else {})}
        if _SESSION in params:
            params[_SESSION] = self._known.get(_SESSION, params[_SESSION])
        result = self._known.get("result")
        for name in ("run_id", "verdict", *([] if result else ["last_step_result"])):
            params.pop(name, None)
        for name in ("result", "last_step_result"):
            if name in params and result:
                params[name] = {**result, "outcome": outcome}
        return params

    def _learn(self, data: Any) -> None:
        if _SESSION in data.get("session", {}):
            self._known[_SESSION] = data["session"][_SESSION]
        if "step" in data:
            self._known["result"] = data["step"]["report_call"]["params"]["result"]

    def log(self) -> list[Any]:
        """Give all that was recorded."""
        store = self.server.store
        return [store.log(row.session_id) for row in listed(store)]


@settings(max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(calls(), min_size=8, max_size=24))
def test_two_names_for_one_command_never_come_apart(
    history: list[tuple[AliasEntry, Role, Json, bool, Outcome]],
) -> None:
    asyncio.run(_same_both_ways(history))


async def _same_both_ways(history: list[tuple[AliasEntry, Role, Json, bool, Outcome]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        signer = FileSigner(Path(folder, "signer"))
        old, new = Twin(Path(folder, "old"), signer), Twin(Path(folder, "new"), signer)
        start = {"action": "session", "command": "start"}
        for twin in (old, new):
            await twin.send(start, {"spec_id": SPEC}, Role.AUTONOMY_RUNNER, True, Outcome.SUCCESS)
        for alias, role, params, real, outcome in history:
            told = await old.send({"action": alias.action}, params, role, real, outcome)
            # A kept answer keeps the word on the name it was first asked by.
            assert told["meta"].pop("deprecated")
            assert told == await new.send(dict(alias.replacement), params, role, real, outcome)
        assert old.log() == new.log()
