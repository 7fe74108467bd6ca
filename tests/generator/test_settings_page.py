"""What a settings file may hold is told whole, and its sample may be used as it stands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from contractgen.bundle import bundled
from contractgen.emit.settings_page import emit
from contractgen.pipeline import lint
from foundry_mcp.adapters.settings import load_settings
from tests.generator.contract_sets import LIBRARY, OWN, load

CONTRACTS = load(OWN)
FILES = emit(CONTRACTS)
PAGE, SAMPLE = FILES["docs/08-settings.md"], FILES["samples/foundry-mcp.toml"]
USED = re.sub(r"(?m)^#(?=\w+ = )", "", SAMPLE)
SCHEMA = bundled(CONTRACTS, "Config")


def properties() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (section, name): setting
        for section, below in SCHEMA["properties"].items()
        for name, setting in SCHEMA["$defs"][below["$ref"].rpartition("/")[2]]["properties"].items()
    }


def test_every_setting_stands_on_the_page_with_its_variable() -> None:
    for section, name in properties():
        assert f"\n| `{name}` |" in PAGE
        assert f"`FOUNDRY_MCP_{section}_{name}`".upper() in PAGE.upper()


def test_the_sample_as_it_stands_sets_nothing() -> None:
    assert tomllib.loads(SAMPLE) == {section: {} for section in SCHEMA["properties"]}


def test_the_sample_with_every_setting_taken_holds_to_the_contract() -> None:
    values = tomllib.loads(USED)
    assert {(section, name) for section, below in values.items() for name in below} == set(properties())
    jsonschema_rs.validator_for(SCHEMA).validate(values)


def test_the_sample_shows_each_default(tmp_path: Path) -> None:
    values = tomllib.loads(USED)
    for (section, name), setting in properties().items():
        if "default" in setting:
            assert values[section][name] == setting["default"]
    (tmp_path / "foundry-mcp.toml").write_text(USED, encoding="utf-8")
    used, bare = load_settings(tmp_path, {}).model_dump(), load_settings(tmp_path / "nothing", {}).model_dump()
    assert {key: used[key[0]][key[1]] for key, setting in properties().items() if "default" in setting} == {
        key: bare[key[0]][key[1]] for key, setting in properties().items() if "default" in setting
    }


def test_a_set_without_settings_gets_neither_page_nor_sample() -> None:
    assert emit(load(LIBRARY)) == {}


@pytest.mark.parametrize(
    ("lines", "pointer"),
    [
        ('definition = "Nothing"\nfile = "a.toml"\nenvironment = "A"\npage = "a.md"', "/config/definition"),
        ('definition = "Answer"', "/config/environment"),
        ('definition = "Answer"\nfile = "a.toml"\nenvironment = "A"\npage = "a.md"\nmore = 1', "/config/more"),
    ],
)
def test_what_is_said_wrongly_of_the_settings_file_is_a_finding(contracts: Path, lines: str, pointer: str) -> None:
    path = contracts / "contracts.toml"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n[config]\n{lines}\n", encoding="utf-8")
    assert ("settings", pointer) in [(found.rule, found.origin.pointer) for found in lint(contracts)[1]]
