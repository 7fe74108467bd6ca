"""A deprecated member says so wherever it is shown, and stays as valid as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contractgen.pipeline import generate
from tests.generator.library import Edit

MARK = {"in": "1.2.0", "on": "2026-03-01", "instead": "lent"}
SAID = "Nobody knows where. Deprecated since 1.2.0 (2026-03-01); use lent."


def mark(data: Any) -> None:
    data["$defs"]["ItemStatus"]["x-enum"]["members"]["lost"]["x-deprecated"] = MARK


@pytest.fixture
def trees(contracts: Path, edit: Edit) -> tuple[dict[str, str], dict[str, str]]:
    """Generate the library before and after one member of it is deprecated."""
    before = generate(contracts).tree
    edit("vocabulary.json", mark)
    return before, generate(contracts).tree


def test_python_typescript_the_manifest_and_the_reference_tell_of_it(
    trees: tuple[dict[str, str], dict[str, str]],
) -> None:
    tree = trees[1]
    assert f'LOST = "lost"\n    """{SAID}"""' in tree["python/library_contracts/vocabulary.py"]
    assert f' * "lost": {SAID}\n' in tree["typescript/index.d.ts"]
    members = json.loads(tree["mcp/capabilities_manifest.json"])["enumerations"]["ItemStatus"]["members"]
    assert [member.get("deprecated") for member in members] == [None, None, MARK]
    assert "`on-shelf`, `lent`, `lost`. Deprecated: `lost`." in tree["docs/tools.md"]


def test_the_schemas_and_the_tools_are_as_they_were(trees: tuple[dict[str, str], dict[str, str]]) -> None:
    before, after = trees
    same = [path for path in before if path.startswith(("mcp/tools", "schemas/")) and path != "schemas/catalog.json"]
    assert len(same) > 3
    assert {path: before[path] for path in same} == {path: after[path] for path in same}
