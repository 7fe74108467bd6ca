"""The contracts' names are written once: the code takes them from the vocabulary, and writes none out as a string."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

import foundry_mcp
from foundry_contracts.dispatch import ALIASES, ROUTES
from foundry_contracts.vocabulary import CommandName, ErrorCode, EventType, LoopSignal, PauseReason, SessionStatus

SOURCE = Path(foundry_mcp.__file__).parent
# A table for people, in which "ended" heads a row and is no status; words people type, "list" and "config" among them.
LABELS_FOR_PEOPLE = {"cli/demo_ending.py", "cli/main.py", "cli/config.py", "cli/token.py"}

ENUMS = (CommandName, ErrorCode, EventType, LoopSignal, PauseReason, SessionStatus)
NAMES = (
    {member.value for enum in ENUMS for member in enum}
    | {word for _, action, command in ROUTES for word in (action, command) if word}
    | {action for _, action in ALIASES}
)


def fields() -> Iterator[str]:
    """Give the name of every field in the published schemas."""
    for path in (files("foundry_contracts") / "schemas").iterdir():
        if path.name.endswith(".json"):
            yield from _properties(json.loads(path.read_text(encoding="utf-8")))


def _properties(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        found = schema.get("properties")
        yield from found if isinstance(found, dict) else ()
        for value in schema.values():
            yield from _properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _properties(value)


FIELDS = frozenset(fields())


def literals(source: str) -> list[tuple[int, str]]:
    """Give the line and text of each string that is one of the contracts' names.

    A word may name a field too (`status`, `session`). It does where a field's name stands: as a key, as a
    subscript, or as what is passed to a function that reads a field. What is counted for people is named in their
    words. Anywhere else it is the contracts' name.
    """
    tree = ast.parse(source)
    left_out = {id(node) for node in (*_docstrings(tree), *_field_names(tree), *_counted(tree))}
    found = (
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out
    )
    return sorted((line, text) for line, text in found if text in NAMES)


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    # A string that is a statement: a docstring, also below an attribute.
    return (
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _field_names(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        places: list[ast.expr | None] = []
        if isinstance(node, ast.Dict):
            places = [*node.keys]
        elif isinstance(node, ast.Subscript):
            places = [node.slice]
        elif isinstance(node, ast.Call):
            places = [*node.args[:1]]
        yield from (place for place in places if isinstance(place, ast.Constant) and place.value in FIELDS)


def _counted(tree: ast.AST) -> Iterator[ast.AST]:
    # cli/words.py: counted(2, "events") says "2 events".
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    return (word for call in calls if ast.unparse(call.func) == "counted" for word in call.args[1:2])


def test_no_file_writes_a_name_of_the_contracts_out() -> None:
    found = [
        f"{path.relative_to(SOURCE.parent)}:{line}: {text!r} is a name of the contracts; take it from the vocabulary"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).as_posix() not in LABELS_FOR_PEOPLE
        for line, text in literals(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('x = 1\ny = "SESSION_NOT_FOUND"', [(2, "SESSION_NOT_FOUND")]),
        ('if kind == "step_issued": pass', [(1, "step_issued")]),
        ('call("session-step", command="next")', [(1, "next"), (1, "session-step")]),
        ('state == "paused"', [(1, "paused")]),
        ('reasons = {"user"}', [(1, "user")]),
        ('signals = {"spec_complete": 0}', [(1, "spec_complete")]),
        ('state = "completed"', [(1, "completed")]),
        ('x = f"{a}failed"', [(1, "failed")]),
        ('reply = {"status": x, "session": y}', []),
        ('counted(2, "events")', []),
        ('counted("step_issued", 2, "step_issued")', [(1, "step_issued"), (1, "step_issued")]),
        ('reply["status"] = reply.get("status")', []),
        ('def f():\n    """failed"""', []),
        ('x: int\n"""failed"""', []),
        ('print("The session failed.")', []),
    ],
)
def test_a_planted_name_is_found_and_a_field_or_a_sentence_is_not(source: str, found: list[tuple[int, str]]) -> None:
    assert literals(source) == found
