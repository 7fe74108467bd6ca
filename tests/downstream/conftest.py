"""What stands for another project: copies of what is published, and transcripts of what the server answered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "generated"
TRANSCRIPT = ROOT / "tests" / "surface" / "transcripts" / "examples.jsonl"
Spoil = Callable[[list[dict[str, Any]]], None]


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the published schemas out of the checkout."""
    return Path(shutil.copytree(GENERATED / "schemas", tmp_path_factory.mktemp("downstream") / "schemas"))


def spoil(folder: Path, how: Spoil) -> Path:
    """Copy the transcript with a fault in it."""
    records = [json.loads(line) for line in TRANSCRIPT.read_text(encoding="utf-8").splitlines()]
    how(records)
    path = folder / "spoilt.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def _first(records: list[dict[str, Any]], *, success: bool) -> dict[str, Any]:
    return next(record for record in records if record["answer"]["success"] is success)


def _ask(**arguments: Any) -> Spoil:
    return lambda records: _first(records, success=True)["arguments"].update(arguments)


def _answer(success: bool, change: Callable[[dict[str, Any]], object]) -> Spoil:
    def how(records: list[dict[str, Any]]) -> None:
        change(_first(records, success=success)["answer"])

    return how


FAULTS: dict[str, Spoil] = {
    "a parameter nobody knows": _ask(surprise=1),
    "a parameter of another type": _ask(spec_id=5),
    "an answer without its signal": _answer(True, lambda answer: answer["data"].pop("loop_signal")),
    "an answer with a signal nobody knows": _answer(True, lambda answer: answer["data"].update(loop_signal="go")),
    "a refusal without its code": _answer(False, lambda answer: answer["data"].pop("error_code")),
    "an envelope with more in it": _answer(True, lambda answer: answer.update(more=True)),
}
