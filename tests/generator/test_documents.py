"""What cannot be read is a finding with file, line, column, pointer, message and remedy."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from contractgen import lower, settings_file
from contractgen.model import Finding
from tests.generator.contract_sets import OWN


def findings(contracts: Path) -> list[Finding]:
    with pytest.raises(lower.ContractError) as caught:
        lower.load(contracts)
    return list(caught.value.findings)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(path: Path, part: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if part in line)


CASES = [
    # id, file, old text, new text, rule, pointer, part of the message, part of the remedy
    ("an unknown x- keyword of a definition", "shapes.json", '"x-published": true', '"x-publish": true',
     "unknown-keyword", "/$defs/Shelf/x-publish", '"x-publish"', "Remove it or correct its spelling"),
    ("an x- keyword deeper in a schema", "shapes.json", '"scale": {', '"scale": {"x-published": true, ',
     "unknown-keyword", "/$defs/Chart/properties/scale/x-published", '"x-published"', "It stands in a definition"),
    ("an unknown x- keyword at the root", "tools/loan.json", '"x-tool"', '"x-tol"',
     "unknown-keyword", "/x-tol", '"x-tol"', "Remove it or correct its spelling"),
    ("a misspelt keyword of JSON Schema", "shapes.json", '"minimum": 1', '"minmum": 1',
     "unknown-keyword", "/$defs/Book/properties/pages/minmum", '"minmum"', "Remove it or correct its spelling"),
    ("a reference to a name that is not there", "shapes.json", '"#/$defs/Chart"', '"#/$defs/Atlas"',
     "ref-resolves", "/$defs/Item/oneOf/1/$ref", "shapes.json defines no Atlas", "Define it"),
    ("a reference into the wrong file", "events/loan.json", "../shapes.json#/$defs/Day",
     "../vocabulary.json#/$defs/Day", "ref-resolves", "/$defs/ItemLent/properties/due/$ref",
     "vocabulary.json defines no Day",
     'Write "../shapes.json#/$defs/Day"'),
    ("a key given twice", "shapes.json", '"kind": {"const": "chart"}', '"kind": {"const": "chart"},\n"kind": {}',
     "duplicate-key", "/$defs/Chart/properties/kind", "given twice", "Remove one"),
    ("a keyword with a wrong value", "shapes.json", '"minimum": 1', '"minimum": "1"',
     "meta-schema", "/$defs/Book/properties/pages/minimum", '"1"', "Correct this place"),
    ("a pattern that is none", "shapes.json", "^[A-Z]-", "^([A-Z]-",
     "meta-schema", "/$defs/ItemId/pattern", "regex", "Correct this place"),
    ("a definition of two kinds", "policy.json", '"x-values": {',
     '"x-event": {"type": "odd", "stream": "odd"}, "x-values": {',
     "one-kind", "/$defs/LendingRule", "x-event and x-values", "one definition a kind"),
    ("a title that is not the name", "shapes.json", '"description": "A book."', '"title": "Tome"',
     "definition-title", "/$defs/Book/title", "Tome", "Leave the title out"),
    ("a name defined twice", "shapes.json", '"Chart": {', '"LendingRule": {',
     "unique-name", "/$defs/LendingRule", "also defined in", "Rename one"),
    ("a command without a response", "commands/loan/borrow.json", '"BorrowResponse"', '"BorrowReply"',
     "command-shapes", "/$defs", "ends in Response", "add the response"),
    *(
        (f"a machine in place of a command's {name.lower()}", "commands/loan/borrow.json", f'"Borrow{name}": {{',
         f'"Borrow{name}": {{"x-machine": {{"states": "ItemStatus", "initial": "lost", "terminal": ["lost"],'
         ' "transitions": [{"trigger": "item_lost", "from": [], "to": []}]}, ',
         "command-shapes", "/$defs", f"ends in {name}", f"add the {name.lower()}")
        for name in ("Request", "Response")
    ),
    ("a command of no tool", "commands/loan/borrow.json", '"tool": "loan"', '"tool": "lone"',
     "tool-exists", "/x-command/tool", "lone", "correct the name"),
    ("an attribute left out", "vocabulary.json", '"description": "Somebody has it.", "kind": "conflict",',
     '"description": "Somebody has it.",', "enum-attributes", "/$defs/Problem/x-enum/members/ON_LOAN", '"kind"',
     "give the attribute a default"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "rule", "pointer", "says", "remedy"), [
    pytest.param(*case[1:], id=case[0]) for case in CASES
])  # fmt: skip
def test_a_fault_is_named_with_its_place_and_its_remedy(
    contracts: Path, file: str, old: str, new: str, rule: str, pointer: str, says: str, remedy: str
) -> None:
    replace(contracts / file, old, new)
    found = [item for item in findings(contracts) if (item.rule, item.origin.pointer) == (rule, pointer)]
    assert len(found) == 1, findings(contracts)
    assert found[0].origin.file == file
    assert found[0].origin.line > 0
    assert found[0].origin.column > 0
    assert says in found[0].message
    assert remedy in found[0].remedy


def test_the_line_of_a_fault_is_where_its_key_stands(contracts: Path) -> None:
    path = contracts / "shapes.json"
    replace(path, '"scale": {', '"scale": {\n"x-odd": 1,\n')
    (found,) = findings(contracts)
    assert (found.origin.line, found.origin.column) == (line_of(path, '"x-odd"'), 1)


def test_the_second_of_two_equal_keys_is_the_one_named(contracts: Path) -> None:
    path = contracts / "shapes.json"
    replace(path, '"kind": {"const": "chart"}', '"kind": {"const": "chart"},\n    "kind": {"const": "map"}')
    (found,) = findings(contracts)
    assert (found.origin.line, found.origin.column) == (line_of(path, '"kind": {"const": "map"}'), 5)


def test_bad_json_is_named_with_line_and_column(contracts: Path) -> None:
    (contracts / "shapes.json").write_text('{\n  "title": oops\n}', encoding="utf-8")
    found = findings(contracts)[0]
    assert (found.rule, found.origin.line, found.origin.column) == ("json", 2, 12)


def test_an_unknown_key_of_the_settings_is_named_with_its_line(contracts: Path) -> None:
    replace(contracts / "contracts.toml", 'server = "library"', 'server = "library"\nport = 1')
    (found,) = findings(contracts)
    assert (found.rule, found.origin.pointer) == ("settings", "/mcp/port")
    assert found.origin.line == line_of(contracts / "contracts.toml", "port = 1")


SETTINGS_FAULTS = [
    ('server = "library"', 'sever = "library"', "/mcp/sever", "Unknown key sever in [mcp].", 'Did you mean "server"?'),
    ('server = "library"', "server = 1", "/mcp/server", "mcp.server is not what it has to be.", "Set it to a string"),
    ('server = "library"', "", "/mcp/server", "mcp.server is missing.", "Set it to a string: The name of the server."),
    ("[docs]", "[doc]", "/doc", "Unknown section [doc].", 'Did you mean "docs"?'),
    ("[docs]", "[doc]", "/docs", "Section [docs] is missing.", "Add [docs]."),
]


@pytest.mark.parametrize(("old", "new", "pointer", "message", "remedy"), SETTINGS_FAULTS)
def test_the_settings_hold_to_their_schema(
    contracts: Path, old: str, new: str, pointer: str, message: str, remedy: str
) -> None:
    replace(contracts / "contracts.toml", old, new)
    found = {item.origin.pointer: item for item in findings(contracts)}
    assert found[pointer].message == message
    assert remedy in found[pointer].remedy


def test_what_the_settings_leave_out_is_what_their_schema_says(contracts: Path) -> None:
    assert "input_budget" not in (contracts / "contracts.toml").read_text(encoding="utf-8")
    default = settings_file.schema()["properties"]["mcp"]["properties"]["input_budget"]["default"]
    assert lower.load(contracts).settings.input_budget == default


def test_the_schema_of_the_settings_is_one_and_says_of_every_key_what_it_is() -> None:
    jsonschema_rs.meta.validate(settings_file.schema())
    sections = settings_file.schema()["properties"].values()
    assert [key for each in sections for key, said in each["properties"].items() if not said["description"]] == []
    for rule in tomllib.loads((OWN.parent / ".taplo.toml").read_text(encoding="utf-8"))["rule"]:
        assert (OWN.parent / rule["schema"]["path"]).is_file()


def test_a_reference_inside_data_is_data(contracts: Path) -> None:
    replace(contracts / "shapes.json", '"scale": {', '"scale": {"examples": [{"$ref": "nowhere"}], ')
    assert lower.load(contracts).definitions["Chart"].schema["properties"]["scale"]["examples"] == [{"$ref": "nowhere"}]


@pytest.mark.parametrize(("text", "says"), [
    ("[" * 100_000, "nested too deeply"),
    ('{"title": NaN}', "NaN is no value of JSON"),
    ('{"title": "\\ud800"}', "half of a surrogate pair"),
    ("\ufeff{}", "BOM"),
], ids=["too deep", "not a number", "half a character", "a byte order mark"])  # fmt: skip
def test_what_only_looks_like_json_is_a_finding(contracts: Path, text: str, says: str) -> None:
    (contracts / "notes.json").write_text(text, encoding="utf-8")
    (found,) = findings(contracts)
    assert (found.rule, found.origin.file) == ("json", "notes.json")
    assert says in found.message
