"""Whatever somebody does to a contract, the lint answers with findings that have a place, in every format."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contractgen import report
from contractgen.pipeline import lint
from tests.generator.library import LIBRARY

FILES = sorted(path.relative_to(LIBRARY).as_posix() for path in LIBRARY.rglob("*.json"))
VALUES: list[Any] = [None, [], {}, "x", 1, True, False]
NAMES = [
    "$ref",
    "$id",
    "$anchor",
    "$dynamicRef",
    "x-enum",
    "x-suppress",
    "properties",
    "type",
    "items",
    "enum",
    "a/b",
    "~",
    "zz",
]


def places(data: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, below in pairs:
        yield (*above, key)
        yield from places(below, (*above, key))


def at(data: Any, place: tuple[str | int, ...]) -> Any:
    for token in place:
        data = data[token]
    return data


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, Any]:
    """Draw a file of the library with one place replaced, removed, renamed or overwritten by another place."""
    file = draw(st.sampled_from(FILES))
    data = json.loads((LIBRARY / file).read_text(encoding="utf-8"))
    everywhere = list(places(data))
    place = draw(st.sampled_from(everywhere))
    holder, key = at(data, place[:-1]), place[-1]
    what = draw(st.sampled_from(["replace", "remove", "rename", "overwrite"]))
    if what == "replace":
        holder[key] = draw(st.sampled_from(VALUES))
    elif what == "overwrite":
        holder[key] = copy.deepcopy(at(data, draw(st.sampled_from(everywhere))))
    else:
        value = holder.pop(key)
        if what == "rename" and isinstance(holder, dict):
            holder[draw(st.sampled_from(NAMES))] = value
    return file, data


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the library once; each example puts back the file it damaged."""
    return Path(shutil.copytree(LIBRARY, tmp_path_factory.mktemp("damaged") / "contracts"))


@given(damage=damages())
@settings(max_examples=200, deadline=None)
def test_damage_is_told_as_findings_with_a_place(copied: Path, damage: tuple[str, Any]) -> None:
    file, data = damage
    text = (copied / file).read_text(encoding="utf-8")
    try:
        (copied / file).write_text(json.dumps(data, indent=1), encoding="utf-8")
        findings = lint(copied)[1]
    finally:
        (copied / file).write_text(text, encoding="utf-8")
    assert [finding for finding in findings if not finding.origin.line] == []
    for form in report.FORMATS:
        assert report.render(findings, form, "contracts")


@pytest.mark.parametrize("schema", [True, False])
def test_an_attribute_without_a_schema_is_a_finding(schema: bool, contracts: Path) -> None:
    path = contracts / "vocabulary.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["$defs"]["Problem"]["x-enum"]["attributes"]["retryable"] = schema
    path.write_text(json.dumps(data), encoding="utf-8")
    (found,) = lint(contracts)[1]
    assert (found.rule, found.origin.pointer) == ("meta-schema", "/$defs/Problem/x-enum/attributes/retryable")


@pytest.mark.parametrize("schema", [True, False])
@pytest.mark.parametrize("place", [("LibraryConfig", "lending"), ("LendingConfig", "motto")])
def test_a_section_or_a_setting_that_is_no_object_is_a_finding(
    schema: bool, place: tuple[str, str], contracts: Path
) -> None:
    path = contracts / "configuration.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["$defs"][place[0]]["properties"][place[1]] = schema
    path.write_text(json.dumps(data), encoding="utf-8")
    findings = lint(contracts)[1]
    assert findings
    assert [finding for finding in findings if not finding.origin.line] == []
