"""The graph names every contract, and an edge says that one would not stand without the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contractgen.cli import main
from contractgen.graph import needs
from contractgen.pipeline import lint
from tests.generator.contract_sets import FOLDERS, NAMES, load
from tests.generator.library import LIBRARY

EXPECTED = {
    "commands/catalog/search.json": ["shapes.json", "tools/catalog.json", "vocabulary.json"],
    "commands/loan/borrow.json": ["events/loan.json", "shapes.json", "tools/loan.json", "vocabulary.json"],
    "commands/loan/give_back.json": ["events/loan.json", "shapes.json", "tools/loan.json", "vocabulary.json"],
    "configuration.json": [],
    "events/loan.json": ["shapes.json"],
    "policy.json": ["commands/loan/borrow.json", "events/loan.json", "vocabulary.json"],
    "shapes.json": ["vocabulary.json"],
    "tools/catalog.json": [],
    "tools/loan.json": [],
    "vocabulary.json": [],
}


def drawn(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["graph", "--contracts", str(LIBRARY), *words]) == 0
    return capsys.readouterr().out


def test_the_librarys_graph_is_this(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(drawn(capsys, "--format", "json")) == EXPECTED


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_every_contract_is_in_the_graph_once(folder: Path) -> None:
    contracts = load(folder)
    edges = needs(contracts)
    assert set(edges) == {path.relative_to(folder).as_posix() for path in folder.rglob("*.json")}
    assert all(needed in edges and needed != file for file, below in edges.items() for needed in below)


def test_a_contract_that_nothing_needs_can_go_and_one_that_is_needed_cannot(contracts: Path) -> None:
    needed = {file for below in EXPECTED.values() for file in below}
    for file in EXPECTED:
        path = contracts / file
        text = path.read_bytes()
        path.unlink()
        dangling = {"ref-resolves", "tool-exists", "event-exists", "machine-trigger", "machine-names", "role-exists"}
        broken = bool(dangling & {finding.rule for finding in lint(contracts)[1]})
        assert broken is (file in needed), file
        path.write_bytes(text)


def test_mermaid_and_dot_draw_the_same_edges(capsys: pytest.CaptureFixture[str]) -> None:
    lines = drawn(capsys).splitlines()
    assert lines[0] == "flowchart LR"
    names = dict(line.strip().rstrip('"]').split('["') for line in lines if '["' in line)
    arrows = {tuple(names[end] for end in line.strip().split(" --> ")) for line in lines if " --> " in line}
    assert arrows == {(file, needed) for file, below in EXPECTED.items() for needed in below}
    dot = drawn(capsys, "--format", "dot")
    assert dot.startswith("digraph contracts {\n")
    assert dot.endswith("}\n")
    assert {line.strip() for line in dot.splitlines() if "->" in line} == {f'"{a}" -> "{b}";' for a, b in arrows}


def test_an_unknown_format_is_bad_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["graph", "--format", "svg"])
    assert ended.value.code == 2
