"""A set of another trade, with every keyword there is: its code is typed, and no model disagrees with its schema."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contractgen import refusals, resolve
from contractgen.cli import main
from contractgen.compat.normal import MANY, NAMED, ONE, PLAIN
from tests.generator.library import Run

MUSEUM = Path(__file__).parent / "cases" / "museum" / "contracts"


@pytest.fixture(scope="module")
def museum(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("museum") / "generated"
    assert main(["generate", "--contracts", str(MUSEUM), "--out", str(out)]) == 0
    return out


def schemas(museum: Path) -> list[dict[str, Any]]:
    catalog = json.loads((museum / "schemas/catalog.json").read_text(encoding="utf-8"))
    return [json.loads((museum / "schemas" / e["path"]).read_text(encoding="utf-8")) for e in catalog["schemas"]]


def test_the_set_has_three_tools_and_every_keyword(museum: Path) -> None:
    assert len(list((MUSEUM / "tools").iterdir())) == 3
    used = {keyword for schema in schemas(museum) for _, found in resolve.walk(schema) for keyword in found}
    # An open list is marked for those who compare sets; what is published is plain JSON Schema.
    assert (ONE | MANY | NAMED | PLAIN | {"$ref", "format", "discriminator"}) - used - {"x-open"} == set(), used
    text = "".join(path.read_text(encoding="utf-8") for path in MUSEUM.rglob("*.json"))
    assert '"x-open": true' in text
    # Once lowered each of these is a plain reference, or gone.
    assert [key for key in ("$id", "$anchor", "$dynamicAnchor", "$dynamicRef") if f'"{key}":' not in text] == []
    assert {"$anchor", "$dynamicAnchor", "$dynamicRef"} & used == set()


def test_every_keyword_that_types_cannot_tell_refuses_something_alone(museum: Path) -> None:
    shown: set[str] = set()
    for schema in schemas(museum):
        if schema["title"] in ("Ledger", "Label", "Log", "PieceShowResponse"):
            shown |= {what.split(" only ")[1].split(" ")[0] for what, _ in refusals.refused_by_one_keyword(schema)}
    # A lowest count of 1 is what `contains` says by itself.
    assert set(refusals.KEYWORDS) - shown == {"minContains"}, shown


def test_the_code_is_typed_and_no_model_disagrees_with_its_schema(museum: Path, run: Run) -> None:
    package = museum / "python"
    typed = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "-p", "museum_contracts"],
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert typed.returncode == 0, typed.stdout
    tests = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(museum / "tests"), PYTHONPATH=str(package))
    assert tests.returncode == 0, tests.stdout
    assert " invalid instances tried" in tests.stdout
