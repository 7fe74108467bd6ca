"""Every example of the contracts was really sent and really answered so; what differs is mended or recorded anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import CommandName
from tests.driving import Json
from tests.surface.example_scenes import SCENES, play, world
from tests.surface.record_examples import TRANSCRIPT, files, stated, transcript

pytestmark = pytest.mark.anyio
MEND = "Mend the server; or, where the change is meant, run: python -m tests.surface.record_examples"


def examples() -> dict[tuple[CommandName, str], Json]:
    found = {}
    for command, path in files().items():
        for example in json.loads(path.read_text(encoding="utf-8"))["x-command"]["examples"]:
            found[command, example["title"]] = example
    return found


def recorded() -> list[str]:
    return TRANSCRIPT.read_text(encoding="utf-8").splitlines(keepends=True)


def test_every_example_has_a_scene_and_every_command_an_example() -> None:
    assert set(examples()) == set(SCENES)
    assert {command for command, _ in SCENES} == set(CommandName)


@pytest.mark.parametrize(("command", "title"), SCENES, ids=lambda part: str(part).replace(" ", "-"))
async def test_an_example_is_answered_as_the_contract_and_the_transcript_say(
    tmp_path: Path, command: CommandName, title: str
) -> None:
    played = await play(world(tmp_path), command, title)
    assert stated(played) == examples()[command, title], MEND
    assert transcript([played]) in recorded(), MEND


def test_the_transcript_holds_nothing_else() -> None:
    assert len(recorded()) == len(SCENES), MEND
