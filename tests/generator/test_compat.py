"""`contractgen compat`: the table of changes with their right verdicts, random changes, and what the command says."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from contractgen.cli import main
from contractgen.compat.judges import Judges
from contractgen.compat.normal import normal
from contractgen.compat.openview import open_view
from contractgen.compat.verdict import BREAKING, REQUEST, RESPONSE, ROLES, SAFE, STORED, UNPROVEN, Judgement, judge
from contractgen.compat.witness import Pair, search
from tests.generator.random_schemas import Source

Json = Any
PAIRS: list[dict[str, Json]] = json.loads(Path(__file__).with_name("compat_pairs.json").read_text(encoding="utf-8"))
# The keywords of 2020-12 that can refuse a value or lead to one that does, all of which the table has to speak of
KEYWORDS = frozenset({
    "$anchor", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$ref", "additionalProperties", "allOf", "anyOf",
    "const", "contains", "dependentRequired", "dependentSchemas", "else", "enum", "exclusiveMaximum",
    "exclusiveMinimum", "format", "if", "items", "maxContains", "maxItems", "maxLength", "maxProperties",
    "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf",
    "pattern", "patternProperties", "prefixItems", "properties", "propertyNames", "required", "then", "type",
    "unevaluatedItems", "unevaluatedProperties", "uniqueItems",
})  # fmt: skip
DIRECTIONS = ("forward", "backward")


def sides(pair: dict[str, Json], direction: str) -> tuple[Json, Json]:
    return (pair["old"], pair["new"]) if direction == "forward" else (pair["new"], pair["old"])


def proves(old: Json, new: Json, direction: str, value: Json) -> bool:
    """Ask both validators, on the schemas as written where nothing has to be seen through a reader's eyes."""
    view = open_view(normal(old))
    takes, refuses = (old, new) if direction == REQUEST else (new, view)
    firsts = [jsonschema_rs.validator_for(schema, validate_formats=True).is_valid(value) for schema in (takes, refuses)]
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    draft = jsonschema.Draft202012Validator
    seconds = [draft(schema, format_checker=checker).is_valid(value) for schema in (takes, refuses)]
    return firsts == [True, False] and seconds == [True, False]


def test_the_table_has_pairs_enough_and_speaks_of_every_keyword() -> None:
    text = json.dumps(PAIRS)
    assert len(PAIRS) >= 60
    assert len({pair["name"] for pair in PAIRS}) == len(PAIRS)
    assert {keyword for keyword in KEYWORDS if f'"{keyword}":' not in text} == set()
    for pair in PAIRS:
        for direction in DIRECTIONS:
            stated = pair[direction]
            assert set(stated) == set(ROLES)
            worst = BREAKING if BREAKING in (stated[REQUEST], stated[RESPONSE]) else SAFE
            assert stated[STORED] == worst, pair["name"]


def test_no_verdict_of_the_table_is_wrong_and_every_break_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for pair in PAIRS:
        for direction in DIRECTIONS:
            old, new = sides(pair, direction)
            # The judgement of a stored format answers for both directions, by the same steps as each alone.
            found = judge(old, new, STORED)
            got = {role: found.directions[role].verdict for role in (REQUEST, RESPONSE)} | {STORED: found.verdict}
            for role, verdict in got.items():
                counts[verdict] += 1
                if verdict not in (pair[direction][role], UNPROVEN):
                    wrong.append(f"{pair['name']}, {direction}, {role}: {verdict}")
            for role, inclusion in found.directions.items():
                if inclusion.verdict == BREAKING and not proves(old, new, role, inclusion.witness[0]):
                    wrong.append(f"{pair['name']}, {direction}, {role}: {inclusion.witness} shows nothing")
    listed = dict(sorted(counts.items()))
    with capsys.disabled():
        print(f"\ncompat: {len(PAIRS)} pairs, {counts.total()} verdicts: {listed}, {len(wrong)} wrong")
    assert wrong == []
    assert counts[UNPROVEN] * 100 <= counts.total() * 7


@pytest.mark.parametrize("role", [REQUEST, RESPONSE])
def test_one_role_alone_is_judged_as_within_both(role: str) -> None:
    for pair in PAIRS[::9]:
        assert judge(*sides(pair, "forward"), role).verdict == pair["forward"][role], pair["name"]


def test_random_changes_are_judged_without_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    for seed in range(25):
        source = Source(seed)
        old = source.document()
        new = source.changed(old)
        found = judge(old, new, STORED)
        for role, inclusion in found.directions.items():
            counts[inclusion.verdict] += 1
            documents = normal(old, None, "old"), normal(new, None, "new")
            takes, refuses = documents if role == REQUEST else (documents[1], open_view(documents[0]))
            pair = Pair(Judges(takes), Judges(refuses))
            if inclusion.verdict == BREAKING:
                assert proves(old, new, role, inclusion.witness[0]), (seed, role)
            elif inclusion.verdict == SAFE:
                values = [source.value() for _ in range(300)]
                assert [value for value in values if pair.separates(value)] == [], (seed, role)
                assert search(pair, 600) == [], (seed, role)
    with capsys.disabled():
        print(f"\ncompat: random changes: {dict(sorted(counts.items()))}")
    assert counts[UNPROVEN] * 100 <= counts.total() * 7
    assert min(counts[SAFE], counts[BREAKING]) >= 10


def test_a_closed_schema_takes_what_the_written_one_takes_and_a_reader_takes_no_less() -> None:
    for seed in range(60):
        source = Source(seed)
        schema = source.document()
        written = jsonschema_rs.validator_for(schema, validate_formats=True)
        closed, read = Judges(normal(schema)), Judges(open_view(normal(schema)))
        for value in (source.value() for _ in range(100)):
            assert closed.takes(value) == written.is_valid(value), (seed, value)
            assert read.takes(value) or not written.is_valid(value), (seed, value)


def test_a_verdict_is_the_same_each_time() -> None:
    def said(found: Judgement) -> str:
        return json.dumps([[inclusion.verdict, inclusion.witness] for inclusion in found.directions.values()])

    for pair in PAIRS[::15]:
        assert said(judge(pair["old"], pair["new"], STORED)) == said(judge(pair["old"], pair["new"], STORED))


def write(folder: Path, name: str, content: Json) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("old", "new", "role", "code", "verdict"),
    [
        ({"type": "integer"}, {"type": "number"}, REQUEST, 0, SAFE),
        ({"type": "integer"}, {"type": "number"}, RESPONSE, 1, BREAKING),
        ({"type": "integer"}, {"type": "number"}, STORED, 1, BREAKING),
        ({"type": "string", "format": "idn-email"}, {"type": "string", "format": "email"}, REQUEST, 1, UNPROVEN),
    ],
)
def test_the_command_prints_a_report_of_its_published_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: Json, new: Json, role: str, code: int, verdict: str
) -> None:
    paths = write(tmp_path, "old.json", old), write(tmp_path, "new.json", new)
    assert main(["compat", *paths, "--role", role, "--format", "json"]) == code
    report = json.loads(capsys.readouterr().out)
    shape = json.loads(files("contractgen.compat").joinpath("report.schema.json").read_text(encoding="utf-8"))
    jsonschema_rs.validate(shape, report)
    assert report["verdict"] == verdict
    assert ("counterexample" in report) == (verdict == BREAKING)
    assert main(["compat", *paths, "--role", role]) == code
    assert capsys.readouterr().out.startswith(f"{verdict}: as a {role}\n")


def test_references_to_files_beside_a_schema_are_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = {"type": "object", "properties": {"n": {"$ref": "parts/n.json#/$defs/N"}}}
    for version, kind in (("old", "integer"), ("new", "string")):
        write(tmp_path, f"{version}/parts/n.json", {"$defs": {"N": {"$ref": "other.json"}}})
        write(tmp_path, f"{version}/parts/other.json", {"type": kind})
    paths = [write(tmp_path, f"{version}/schema.json", schema) for version in ("old", "new")]
    assert main(["compat", *paths, "--role", REQUEST, "--format", "json"]) == 1
    assert "n" in json.loads(capsys.readouterr().out)["counterexample"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a schema: a schema is an object, true or false"),
        ({"type": "strin"}, "is not a schema at /type"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "only https://json-schema.org/draft/2020-12/schema"),
        ({"$ref": "#/$defs/Nowhere"}, "leads nowhere"),
        ({"$ref": "absent.json"}, "leads nowhere"),
        ({"pattern": "["}, "is not a schema"),
    ],
)
def test_what_is_no_schema_is_bad_use_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Json, complaint: str
) -> None:
    good, bad = write(tmp_path, "good.json", {}), write(tmp_path, "bad.json", content)
    assert main(["compat", good, bad, "--role", REQUEST]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert complaint in said.err
    assert "bad.json" in said.err


def test_a_file_that_is_missing_is_bad_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compat", str(tmp_path / "no.json"), write(tmp_path, "good.json", {}), "--role", REQUEST]) == 2
    assert "no.json cannot be read" in capsys.readouterr().err
