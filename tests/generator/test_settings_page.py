"""What a settings file may hold is told whole, on a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from contractgen.emit.settings_page import emit
from contractgen.model import Configuration
from tests.generator.contract_sets import FOLDERS, load

CONFIGURED = [folder for folder in FOLDERS if load(folder).configurations]
configured = pytest.mark.parametrize("folder", CONFIGURED, ids=lambda folder: folder.parent.name)


def page(folder: Path) -> tuple[Configuration, str]:
    """Give a set's configuration and its page."""
    (known,) = load(folder).configurations.values()
    return known, emit(load(folder))[f"docs/{known.page}"]


def rows(text: str, section: str) -> dict[str, list[str]]:
    """Give the rows of a section's table by the first cell."""
    below = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in below.splitlines() if line.startswith("| `")]
    return {first.strip("|` "): rest for first, *rest in cells}


@configured
def test_every_setting_stands_on_the_page_with_its_default_its_variable_and_what_tightens_it(folder: Path) -> None:
    known, text = page(folder)
    for setting in known.settings:
        kind, default, meaning, stricter, variable = rows(text, setting.section)[setting.key]
        assert kind
        assert (default == "none") == ("default" not in setting.schema)
        assert setting.description in meaning
        assert ("By profile: " in meaning) == (setting.profile is not None)
        assert (stricter == "") == (setting.tighter == "any")
        assert variable.strip("|` ") == known.variable(setting.section, setting.key)


@configured
def test_what_one_variable_sets_is_told(folder: Path) -> None:
    known, text = page(folder)
    assert known.grouped
    assert all(f'`{known.variable(section)}="name=value,name=value"`' in text for section in known.grouped)


def test_a_set_without_settings_gets_no_page() -> None:
    without = [folder for folder in FOLDERS if folder not in CONFIGURED]
    assert without
    assert all(emit(load(folder)) == {} for folder in without)
