"""What a client of the deprecated names was answered when it was recorded, it is answered today.

`transcripts/legacy_client.jsonl` holds one call a line: the role, the tool, the arguments and the whole answer. It was
recorded against a server whose clock, ids and keys are fixed as they are here, and leaves receipts out, which say of
the machine what each run met. It is never recorded anew to make this
test pass: a difference is a change that clients in the field will see.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foundry_contracts.dispatch import ALIASES
from foundry_contracts.vocabulary import Role
from tests.driving import Json, check, spec, task
from tests.in_process import InProcess
from tests.surface.known_key import KnownKey

pytestmark = pytest.mark.anyio

RECORDED = Path(__file__).parent / "transcripts" / "legacy_client.jsonl"
SPEC = "recorded-2026-11-24-001"
PLAN = spec(
    SPEC,
    [
        task("task-1-1", file_path="README.md", acceptance_criteria=["It says how to start."]),
        task("task-1-2", "task-1-1"),
        check("verify-1-1", command="make test"),
    ],
    [task("task-2-1")],
)


def recorded() -> list[Json]:
    return [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


def within(before: Any, now: Any) -> bool:
    """Tell whether everything that was there is there still; a field that is new harms no client."""
    if isinstance(before, dict) and isinstance(now, dict):
        return all(name in now and within(value, now[name]) for name, value in before.items())
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(within, before, now))
    return type(before) is type(now) and bool(before == now)


def test_the_transcript_uses_every_deprecated_name() -> None:
    used = {(entry["tool"], entry["arguments"]["action"]) for entry in recorded()}
    assert set(ALIASES) <= used


def test_a_value_that_went_or_changed_is_noticed_and_a_new_one_is_not() -> None:
    before: Json = {"a": [{"b": 1}], "c": None}
    assert within(before, {**before, "d": 2})
    assert not within(before, {"a": [{"b": 1}]})
    assert not within(before, {**before, "a": [{"b": True}]})
    assert not within(before, {**before, "a": []})


async def test_a_recorded_client_of_deprecated_names_is_answered_as_it_was(tmp_path: Path) -> None:
    server = InProcess(tmp_path, PLAN, signer=KnownKey())
    for number, entry in enumerate(recorded(), start=1):
        server.clock.time = entry["time"]
        answer = await server.answer(entry["tool"], Role(entry["role"]), **entry["arguments"])
        assert within(entry["answer"], answer.document), f"line {number}: {entry['arguments']}: {answer.document}"
