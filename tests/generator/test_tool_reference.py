"""The pages for people: complete, without doubles, and every link leads somewhere."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from contractgen.bundle import bundled
from contractgen.emit.tool_reference import emit
from contractgen.markdown import anchor
from tests.generator.contract_sets import FOLDERS, NAMES, load

pytestmark = pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")


def headings(page: str) -> list[str]:
    return HEADING.findall(re.sub(r"```.*?```", "", page, flags=re.DOTALL))


def test_every_command_error_and_event_has_exactly_one_heading(folder: Path) -> None:
    contracts = load(folder)
    counted = Counter(heading for page in emit(contracts).values() for heading in headings(page))
    errors = [member.value for member in contracts.enumerations[contracts.settings.errors].members]
    named = [*(command.name for command in contracts.commands), *errors, *contracts.events]
    assert {name: counted[name] for name in named} == dict.fromkeys(named, 1)


def test_every_link_leads_to_a_page_and_a_heading_there(folder: Path) -> None:
    pages = {path.removeprefix("docs/"): page for path, page in emit(load(folder)).items()}
    anchors = {name: {anchor(heading) for heading in headings(page)} for name, page in pages.items()}
    for name, page in pages.items():
        for target, fragment in LINK.findall(page):
            assert not fragment or fragment in anchors[target or name], f"{name}: {target}#{fragment}"


def test_every_parameter_and_every_example_is_shown(folder: Path) -> None:
    contracts = load(folder)
    page = emit(contracts)[f"docs/{contracts.settings.tool_reference}"]
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)]
    for command in contracts.commands:
        route = {"action": command.action} | ({"command": command.command} if command.command else {})
        assert all(route | dict(example.request) in shown for example in command.examples)
        assert all(f"\n| `{name}` |" in page for name in bundled(contracts, command.request).get("properties", {}))


def test_every_table_has_cells_as_its_header_has(folder: Path) -> None:
    for page in emit(load(folder)).values():
        for table in re.findall(r"(?:^\|.*\n)+", page, flags=re.MULTILINE):
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table


def test_no_two_blank_lines_follow_each_other(folder: Path) -> None:
    assert not [path for path, page in emit(load(folder)).items() if "\n\n\n" in page or not page.endswith("\n")]
