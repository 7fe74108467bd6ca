"""Whatever is edited, in whatever order: what `watch` writes is what a new process would write, byte for byte."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contractgen.errors import ContractError
from contractgen.model import Finding
from contractgen.pipeline import generate
from contractgen.watching import Watch

ROUNDS = 14
SEEDS = range(6)
# Values that Python takes for equal, or that change the kind of a schema.
VALUES: tuple[Any, ...] = (
    0,
    1,
    1.0,
    True,
    False,
    None,
    "",
    "x",
    [],
    {},
    "string",
    "integer",
    "object",
    ["string", "null"],
)
WORDS = (
    "title",
    "description",
    "default",
    "minLength",
    "maximum",
    "required",
    "x-published",
    "deprecated",
    "x-open",
    "$anchor",
    "$id",
)
OBJECT = {"type": "object", "description": "It.", "additionalProperties": False, "x-published": True, "properties": {}}


def containers(value: Any) -> Iterator[Any]:
    """List every object and array of a document."""
    if isinstance(value, (dict, list)):
        yield value
        for below in value.values() if isinstance(value, dict) else value:
            yield from containers(below)


def chosen(data: Any, chance: random.Random) -> Any:
    return chance.choice([found for found in containers(data) if found] or [data])


def reorder(data: Any, chance: random.Random) -> None:
    found = chosen(data, chance)
    items = list(found.items()) if isinstance(found, dict) else list(found)
    chance.shuffle(items)
    found.clear()
    found.update(items) if isinstance(found, dict) else found.extend(items)


def put(data: Any, chance: random.Random) -> None:
    found = chosen(data, chance)
    key = chance.choice([*found, chance.choice(WORDS)] if isinstance(found, dict) else range(len(found)))
    found[key] = copy.deepcopy(chance.choice(VALUES))


def say(data: Any, chance: random.Random) -> None:
    described = [found for found in containers(data) if isinstance(found, dict) and "description" in found]
    chance.choice(described or [data])["description"] = f"Said {chance.randrange(9)}."


def take(data: Any, chance: random.Random) -> None:
    found = chosen(data, chance)
    if found:
        del found[chance.choice([*found] if isinstance(found, dict) else range(len(found)))]


def define(data: Any, chance: random.Random) -> None:
    data.setdefault("$defs", {})[f"More{chance.randrange(3)}"] = copy.deepcopy(OBJECT)


def refer(data: Any, chance: random.Random) -> None:
    definitions = data.get("$defs", {})
    holders = [item for item in definitions.values() if "properties" in item]
    if holders:
        target = chance.choice([*definitions])
        chance.choice(holders)["properties"]["more"] = {"$ref": f"#/$defs/{target}", "description": "More."}


def rename(data: Any, chance: random.Random) -> None:
    definitions = data.get("$defs", {})
    if definitions:
        old = chance.choice([*definitions])
        data["$defs"] = {f"{old}s" if name == old else name: item for name, item in definitions.items()}


Change = Callable[[Any, random.Random], None]
CHANGES: tuple[Change, ...] = (say, say, reorder, reorder, put, take, define, refer, rename)


def edit(contracts: Path, chance: random.Random) -> str:
    """Change the folder in some way that a person might, and say how."""
    path = chance.choice(sorted(contracts.rglob("*.json")))
    way = chance.randrange(12)
    if way == 0:
        path.unlink()
        return f"removed {path.name}"
    if way == 1:
        target = path.with_name(f"other_{path.name}")
        path.rename(target)
        return f"moved to {target.name}"
    if way == 2:
        settings = contracts / "contracts.toml"
        version = f'version = "0.{chance.randrange(9)}.0"'
        lines = settings.read_text(encoding="utf-8").splitlines(keepends=True)
        settings.write_text(
            "".join(f"{version}\n" if li.startswith("version") else li for li in lines), encoding="utf-8"
        )
        return version
    data = json.loads(path.read_text(encoding="utf-8"))
    change = chance.choice(CHANGES)
    change(data, chance)
    # The places of lines are part of what is generated, too.
    path.write_text(json.dumps(data, indent=chance.choice((None, 2))), encoding="utf-8")
    return f"{change.__name__} in {path.name}"


def on_disk(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def undo(contracts: Path, before: dict[str, bytes]) -> None:
    for path in on_disk(contracts).keys() - before.keys():
        (contracts / path).unlink()
    for path, content in before.items():
        (contracts / path).write_bytes(content)


def in_a_new_process(contracts: Path) -> tuple[dict[str, str], list[Finding]]:
    """Generate without remembering anything, as a new process would."""
    try:
        return generate(contracts).tree, []
    except ContractError as error:
        return {}, list(error.findings)


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_edits_the_outputs_are_those_of_a_new_process(
    contracts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    chance, out = random.Random(seed), tmp_path / "out"
    watch = Watch(contracts, out)
    watch.look()
    sound, before, wanted, told = 0, on_disk(contracts), on_disk(out), []
    for _ in range(ROUNDS):
        seen = on_disk(contracts)
        told.append(edit(contracts, chance))
        if on_disk(contracts) == seen:
            continue
        capsys.readouterr()
        watch.look()
        said = capsys.readouterr()
        tree, findings = in_a_new_process(contracts)
        if findings:
            # What is wrong is told alike, the outputs stay, and the next look sees it mended.
            assert said.err.endswith("mend this and save.\n"), (told, said.err)
            assert all(finding.message in said.err for finding in findings), (told, said.err)
            assert f"\n{len(findings)} finding(s)" in said.err, (told, said.err)
            assert on_disk(out) == wanted, told
            if chance.randrange(3):
                undo(contracts, before)
                watch.look()
                assert on_disk(out) == wanted, told
            continue
        wanted = {path: text.encode() for path, text in tree.items()}
        assert on_disk(out) == wanted, told
        before, sound = on_disk(contracts), sound + 1
    assert sound > ROUNDS // 4, told
