"""Play every example and write what was sent and answered into the contracts, and into the transcript of examples.

`python -m tests.surface.record_examples`, then `contractgen generate`. To be run when an answer was changed on purpose.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from foundry_contracts.vocabulary import CommandName
from foundry_mcp.ports import IN_TOTO_TYPE
from tests.driving import Json
from tests.surface.example_scenes import SCENES, Played, play, world
from tests.surface.known_key import KnownKey

ROOT = Path(__file__).parents[2]
TRANSCRIPT = Path(__file__).parent / "transcripts" / "examples.jsonl"
# A digest of the contracts cannot stand in the contracts, and a receipt says of the machine what the run met there.
UNKNOWABLE: Json = {
    "contract_digest": "0" * 64,
    "receipt": {
        "payloadType": IN_TOTO_TYPE,
        "payload": "e30=",
        "signatures": [{"keyid": KnownKey.key_id, "sig": "MDA="}],
    },
}


def settled(answer: Json) -> Json:
    """Give an answer without what it cannot say of itself beforehand."""
    data: Json = {name: UNKNOWABLE.get(name, value) for name, value in answer["data"].items()}
    return {**answer, "data": data}


def transcript(played: list[Played]) -> str:
    """Write a transcript: a call a line."""
    lines = [{**example.line(), "answer": settled(example.answer)} for example in played]
    return "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)


def stated(played: Played) -> Json:
    """Write what was played as a contract states it."""
    told = settled(played.answer)
    said = {"response": told["data"]} if told["success"] else {"error": told["data"]["error_code"]}
    return {"title": played.title, "request": json.loads(json.dumps(played.request)), **said}


def files() -> dict[CommandName, Path]:
    """Give the file of each command."""
    found = {}
    for path in sorted((ROOT / "contracts" / "commands").rglob("*.json")):
        raw = json.loads(path.read_text(encoding="utf-8"))["x-command"]
        found[CommandName(".".join(filter(None, (raw["tool"], raw["action"], raw.get("command")))))] = path
    return found


async def play_all(folder: Path) -> list[Played]:
    """Play every example, each in a world of its own."""
    return [await play(world(folder / str(number)), command, title) for number, (command, title) in enumerate(SCENES)]


def main() -> None:
    """Write what differs."""
    with tempfile.TemporaryDirectory() as folder:
        played = asyncio.run(play_all(Path(folder)))
    for command, path in files().items():
        document = json.loads(path.read_text(encoding="utf-8"))
        examples = [stated(example) for example in played if example.command is command]
        # A file that says so already stays as its author spaced it.
        if document["x-command"]["examples"] != examples:
            document["x-command"]["examples"] = examples
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    TRANSCRIPT.write_text(transcript(played), encoding="utf-8")


if __name__ == "__main__":
    main()
