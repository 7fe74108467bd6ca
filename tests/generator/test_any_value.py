"""A property that may be anything, written as `true`, goes through every emitter."""

from __future__ import annotations

import json
from pathlib import Path

from contractgen.pipeline import generate
from tests.generator.library import Edit


def test_an_answer_and_the_envelope_may_hold_anything(contracts: Path, edit: Edit) -> None:
    edit("commands/loan/borrow.json", lambda data: data["$defs"]["BorrowResponse"]["properties"].update(extra=True))
    edit("shapes.json", lambda data: data["$defs"]["Answer"]["properties"].update(extra=True, many=MANY))
    tree = generate(contracts).tree
    manifest = json.loads(tree["mcp/capabilities_manifest.json"])
    (borrow,) = [
        command
        for tool in manifest["tools"]
        for action in tool["actions"]
        for command in action["commands"]
        if command["name"] == "loan.item.borrow"
    ]
    assert {"name": "extra", "type": "any", "required": False, "description": ""} in borrow["returns"]
    (page,) = (text for path, text in tree.items() if path.startswith("docs/") and "# Tool reference" in text)
    assert page.count("| `extra` | any | no |") == 2
    assert "| `many` | array of any | no | Whatever came. |" in page


MANY = {"type": "array", "description": "Whatever came.", "items": True}
