"""The dialect of contracts: a meta-schema of its own, each keyword explained wherever somebody may ask for it."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from contractgen import dialect, rulebook
from contractgen.cli import main
from tests.generator.contract_sets import FOLDERS
from tests.generator.library import LIBRARY

ROOT = Path(__file__).parents[2]
FILES = [path for folder in FOLDERS for path in sorted(folder.rglob("*.json"))]
REGISTRY = jsonschema_rs.Registry([(dialect.DIALECT, dialect.metaschema())])


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_dialect_is_a_meta_schema_with_a_vocabulary_of_its_own() -> None:
    meta = dialect.metaschema()
    assert meta["$id"] == dialect.DIALECT
    assert jsonschema_rs.meta.is_valid(meta)
    own = {uri for uri in meta["$vocabulary"] if not uri.startswith("https://json-schema.org/")}
    assert own == {"https://foundry-mcp.dev/contractgen/vocabulary-v1"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_contract_is_a_schema_of_the_dialect(path: Path) -> None:
    assert jsonschema_rs.meta.is_valid(read(path), registry=REGISTRY)


@pytest.mark.parametrize("place", [(), ("$defs", "Chart"), ("$defs", "Chart", "properties", "scale")])
def test_an_unknown_keyword_is_refused_by_the_meta_schema_itself(place: tuple[str, ...]) -> None:
    contract = read(LIBRARY / "shapes.json")
    below = contract
    for token in place:
        below = below[token]
    below["x-odd"] = True
    assert not jsonschema_rs.meta.is_valid(contract, registry=REGISTRY)


@pytest.mark.parametrize("name", dialect.keywords())
def test_every_keyword_has_examples_that_the_meta_schema_takes(name: str) -> None:
    meta = dialect.metaschema()
    validator = jsonschema_rs.Draft202012Validator({"$defs": meta["$defs"], "$ref": f"#/$defs/{name}"})
    for example in dialect.keywords()[name].examples:
        assert [error.message for error in validator.iter_errors(example)] == []


@pytest.mark.parametrize("name", dialect.keywords())
def test_explain_says_of_every_keyword_where_it_stands_and_what_its_keys_are(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", name]) == 0
    said = capsys.readouterr().out
    keyword = dialect.keywords()[name]
    assert said.startswith(f"# {name}: {keyword.title}\n\n{keyword.description}\n\nStands ")
    assert keyword.places
    for part in keyword.parts:
        assert f"| `{part.path}` |" in said


def test_explain_says_of_an_error_code_what_its_contract_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "ON_LOAN", "--contracts", str(LIBRARY)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# ON_LOAN (Problem)\n\nSomebody has it.\n\n- kind: conflict\n- retryable: true\n")
    assert "Answered by: loan.item.borrow." in said


def test_explain_without_contracts_says_that_it_looked_for_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "ON_LOAN", "--contracts", "no-such-folder"]) == 2
    assert "name the contracts with --contracts" in capsys.readouterr().err


def test_explain_of_contracts_that_cannot_be_read_gives_their_findings(
    contracts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (contracts / "shapes.json").write_text("{", encoding="utf-8")
    assert main(["explain", "ON_LOAN", "--contracts", str(contracts)]) == 1
    assert "[json]" in capsys.readouterr().err


def test_the_generated_pages_hold_every_keyword_and_every_rule(generated: Path) -> None:
    words = (generated / "docs/contract-keywords.md").read_text(encoding="utf-8")
    rules = (generated / "docs/lint-rules.md").read_text(encoding="utf-8")
    assert [name for name in dialect.keywords() if f"\n## {name}: " not in words] == []
    assert [name for name in rulebook.pages() if f"\n## {name}\n" not in rules] == []


def test_editors_are_told_of_the_meta_schema_for_every_contract() -> None:
    (entry,) = read(ROOT / ".vscode/settings.json")["json.schemas"]
    assert read(ROOT / entry["url"]) == dialect.metaschema()
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        assert any(fnmatch.fnmatch(name, pattern.replace("**/", "*")) for pattern in entry["fileMatch"]), name
