"""A configuration gives a sample that changes nothing, a schema for its file, and a table of its settings."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from contractgen.emit.sample_config import emit
from contractgen.model import Configuration
from tests.generator.contract_sets import FOLDERS, load
from tests.generator.library import LIBRARY, Run

CONFIGURED = [folder for folder in FOLDERS if load(folder).configurations]
own_sets = pytest.mark.parametrize("folder", CONFIGURED, ids=lambda folder: folder.parent.name)
SAID = re.compile(r"^# ([a-z_]+ = .+)$", re.MULTILINE)


def configuration(folder: Path) -> Configuration:
    (found,) = load(folder).configurations.values()
    return found


@own_sets
def test_the_sample_as_it_stands_sets_nothing(folder: Path) -> None:
    sample = emit(load(folder))[f"config/{configuration(folder).file}"]
    assert set(map(str, tomllib.loads(sample).values())) == {"{}"}
    assert list(tomllib.loads(sample)) == list(configuration(folder).sections)


@own_sets
def test_each_default_shown_is_one_and_the_schema_takes_them_all(folder: Path) -> None:
    contracts, known = load(folder), configuration(folder)
    sample = emit(contracts)[f"config/{known.file}"]
    values = tomllib.loads(SAID.sub(r"\1", sample))
    schema = json.loads(emit(contracts)[f"config/{known.file.replace('.toml', '.schema.json')}"])
    jsonschema_rs.validator_for(schema).validate(values)
    for setting in known.settings:
        if "default" in setting.schema:
            assert values[setting.section][setting.key] == setting.schema["default"]
        else:
            assert (setting.key in values[setting.section]) == (setting.profile is not None)


@own_sets
def test_the_sample_names_every_setting_with_its_variable(folder: Path) -> None:
    known = configuration(folder)
    lines = emit(load(folder))[f"config/{known.file}"].splitlines()
    for setting in known.settings:
        assert f"# Variable: {known.variable(setting.section, setting.key)}" in lines


def test_what_a_setting_says_of_itself_reaches_no_reader_of_its_schema() -> None:
    schemas = [text for path, text in emit(load(LIBRARY)).items() if path.endswith(".json")]
    assert len(schemas) == 2
    assert all("x-" not in text for text in schemas)


def test_the_table_says_of_each_setting_what_tightens_it(generated: Path, run: Run) -> None:
    code = """
import json
from library_contracts.settings import CHOSEN_BY, ENVIRONMENT, FILE_NAME, GROUPED, SETTINGS
print(json.dumps([FILE_NAME, ENVIRONMENT, CHOSEN_BY, dict(GROUPED),
    {name: [e.environment, e.kind, e.default, e.profile, e.tighter, e.order] for name, e in SETTINGS.items()}]))
"""
    done = run("-c", code, PYTHONPATH=str(generated / "python"))
    assert json.loads(done.stdout) == [
        "library.toml",
        "LIBRARY_",
        "lending.rule",
        {"features": "LIBRARY_FEATURES"},
        {
            "features.returns": ["LIBRARY_FEATURES_RETURNS", "boolean", True, None, "order", [True, False]],
            "lending.rule": [
                "LIBRARY_LENDING_RULE",
                "string",
                "open-shelf",
                None,
                "order",
                ["open-shelf", "reading-room"],
            ],
            "lending.days": ["LIBRARY_LENDING_DAYS", "integer", None, "days", "lower", []],
            "lending.seat": ["LIBRARY_LENDING_SEAT", "string", None, None, "order", ["hall", None, "desk"]],
            "lending.motto": ["LIBRARY_LENDING_MOTTO", "string", "", None, "any", []],
        },
    ]
