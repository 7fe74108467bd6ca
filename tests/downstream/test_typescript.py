"""Another project in TypeScript: the generated types hold the compiler, and Ajv judges by the published schemas."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contractgen.emit import typescript
from contractgen.model import ContractSet
from tests.downstream.conftest import FAULTS, GENERATED, TRANSCRIPT, spoil
from tests.downstream.node import PROJECT, compiled, node, project
from tests.generator.contract_sets import FOLDERS, NAMES, load


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the client."""
    folder = project(tmp_path_factory.mktemp("client") / "project", GENERATED / "typescript", "foundry-contracts")
    shutil.copy(PROJECT / "validate.ts", folder)
    done = compiled(folder, "node")
    assert done.stdout == ""
    return folder


def test_every_call_and_answer_holds_to_the_published_schemas(client: Path, schemas: Path) -> None:
    done = node(client, "validate.js", schemas, TRANSCRIPT)
    count = len(TRANSCRIPT.read_text(encoding="utf-8").splitlines())
    assert (done.stderr, done.stdout) == ("", f"{3 * count}\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_ajv_notices(client: Path, schemas: Path, tmp_path: Path, fault: str) -> None:
    done = node(client, "validate.js", schemas, spoil(tmp_path, FAULTS[fault]))
    assert (done.returncode, "ValidationError" in done.stderr) == (1, True), done


def constants(contracts: ContractSet) -> Iterator[str]:
    names = sorted({name for command in contracts.commands for name in (command.request, command.response)})
    yield f'import type {{ {", ".join(names)} }} from "types";'
    number = 0
    for command in contracts.commands:
        # An example that is refused may be one of a request that no type takes.
        for example in (example for example in command.examples if example.response is not None):
            for name, value in ((command.request, example.request), (command.response, example.response)):
                number += 1
                yield f"export const c{number}: {name} = {json.dumps(value)};"


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_the_types_take_every_example_of_a_set(folder: Path, tmp_path: Path) -> None:
    contracts = load(folder)
    types = tmp_path / "types"
    for path, text in typescript.emit(contracts).items():
        target = types / path.removeprefix("typescript/")
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    place = project(tmp_path / "project", types, "types")
    (place / "examples.ts").write_text("\n".join(constants(contracts)), encoding="utf-8")
    done = compiled(place)
    assert done.stdout == ""


SHAPES: list[tuple[dict[str, Any], str, list[str], list[str]]] = [
    ({"type": ["string", "null"]}, "string | null", ['"a"', "null"], ["1"]),
    ({"const": {"a": [1]}}, "{ a: [1]; }", ["{a: [1]}"], ["{a: [2]}"]),
    ({"type": "array", "items": {"enum": [1, "b"]}}, '(1 | "b")[]', ['[1, "b"]'], ['["c"]']),
    ({"type": "array", "prefixItems": [{"type": "string"}], "items": False}, "[(string)?]",
        ["[]", '["a"]'], ["[1]", '["a", "b"]']),
    ({"type": "array", "prefixItems": [{"type": "string"}], "minItems": 1}, "[(string), ...(unknown)[]]",
        ['["a", 5]'], ["[]"]),
    ({"type": "object", "additionalProperties": False}, "{\n  [key: string]: never;\n}", ["{}"], ["{a: 1}"]),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, "{\n  [key: string]: number;\n}",
        ["{a: 1}"], ['{a: "b"}']),
    ({"type": "object", "additionalProperties": False, "required": ["a b"],
        "properties": {"a b": {"type": "boolean"}, "c": {"type": "null"}}},
        '{\n  "a b": boolean;\n  c?: null;\n}', ['{"a b": true}', '{"a b": true, c: null}'], ["{}", '{"a b": 1}']),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, "{\n  a?: string;\n  [key: string]: unknown;\n}",
        ["{b: 1}"], ["{a: 1}"]),
    ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "string | number", ["1"], ["true"]),
    ({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}, {"type": "object"}],
        "allOf": [{"properties": {"a": {"enum": ["x", "y"]}}}]}, "", ['{a: "x"}'], ['{a: "z"}']),
    ({"not": {"type": "string"}}, "unknown", ["1"], []),
]  # fmt: skip


def test_each_way_to_say_a_shape_takes_and_refuses_what_its_type_can_say(tmp_path: Path) -> None:
    lines = []
    for number, (schema, written, taken, refused) in enumerate(SHAPES):
        assert written in ("", typescript.type_of(schema, ""))
        lines.append(f"type T{number} = {typescript.type_of(schema, '')};")
        lines += [f"export const t{number}_{n}: T{number} = {value};" for n, value in enumerate(taken)]
        for n, value in enumerate(refused):
            lines += ["// @ts-expect-error", f"export const r{number}_{n}: T{number} = {value};"]
    (tmp_path / "types").mkdir()
    place = project(tmp_path / "project", tmp_path / "types", "types")
    (place / "shapes.ts").write_text("\n".join(lines), encoding="utf-8")
    done = compiled(place)
    assert done.stdout == ""
