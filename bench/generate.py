"""What the toolchain costs: a check of the unchanged, a cold generation, an edit while watching, growth.

Floors of the same run: the start of a bare interpreter, and the command line of datamodel-code-generator on the very
schemas that the models are made of. All are measured in turns, so that a busy machine is as busy for each of them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from bench.timing import Timings
from contractgen import lower, pipeline
from contractgen.emit.models import documents

ROOT = Path(__file__).parents[1]
EDITED = "commands/task/session/pause.json"
SIZES = (10, 100, 1_000)
COMMANDS_A_TOOL = 10
BARE, CHECK, COLD = "floor: a bare interpreter", "check, unchanged", "generate, cold"
FLOOR, EDIT = "floor: datamodel-code-generator", "an edit while watching"
COLD_BESIDE = "floor: generate, cold, in turns"


def python(*words: str | Path) -> None:
    """Run Python to its end, well."""
    # Compiling the sources anew is no part of what is measured.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *map(str, words)], env=env, check=True, capture_output=True)


def measure_check(timings: Timings, folder: Path, count: int) -> None:
    """Time a check that finds nothing changed, and a bare interpreter."""
    contracts, out = _generated(folder)
    words = ("-m", "contractgen", "check", "--contracts", contracts, "--out", out)
    python(*words)
    for _ in range(count * 5):
        timings.take(BARE, partial(python, "-c", "pass"))
        timings.take(CHECK, partial(python, *words))


def measure_cold(timings: Timings, folder: Path, count: int) -> None:
    """Time a generation from nothing, and the model generator's own command line on the same schemas."""
    contracts = Path(shutil.copytree(ROOT / "contracts", folder / "contracts"))
    schemas = folder / "schemas"
    schemas.mkdir()
    for module, text in documents(lower.load(contracts)).items():
        (schemas / f"{module}.json").write_text(text, encoding="utf-8")
    for number in range(count):
        timings.take(COLD, partial(_generate, contracts, folder / f"out-{number}"))
        timings.take(FLOOR, partial(python, *_floor(schemas, folder / f"models-{number}")))


def _floor(schemas: Path, out: Path) -> tuple[str | Path, ...]:
    options = ("--input-file-type", "jsonschema", "--output-model-type", "pydantic_v2.BaseModel", "--disable-timestamp")
    return ("-m", "datamodel_code_generator", "--input", schemas, "--output", out, *options)


def measure_watch(timings: Timings, folder: Path, count: int) -> None:
    """Time, in a watching process, from the saving of an edit to its outputs being written; cold beside it."""
    contracts, out = _generated(folder)
    words = [sys.executable, "-m", "contractgen", "watch", "--contracts", str(contracts), "--out", str(out)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for number in range(count):
            timings.take(EDIT, partial(_edit_and_wait, contracts / EDITED, number, process.stdout))
            timings.take(COLD_BESIDE, partial(_generate, contracts, folder / f"cold-{number}"))
        process.terminate()


def _edit_and_wait(path: Path, number: int, told: IO[str]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    note = document["$defs"]["SessionPauseRequest"]["properties"]["note"]
    note["description"] = f"Why, said {number} times."
    path.write_text(json.dumps(document), encoding="utf-8")
    line = told.readline()
    assert " ms." in line, line


def _generate(contracts: Path, out: Path) -> None:
    python("-m", "contractgen", "generate", "--contracts", contracts, "--out", out)


def _generated(folder: Path) -> tuple[Path, Path]:
    contracts, out = Path(shutil.copytree(ROOT / "contracts", folder / "contracts")), folder / "generated"
    _generate(contracts, out)
    return contracts, out


def measure_growth(timings: Timings, folder: Path, count: int) -> None:
    """Time generations of more and more contracts, in a process that has all modules loaded."""
    pipeline.generate(many(folder / "first", SIZES[0]))
    for size in SIZES:
        contracts = many(folder / f"of-{size}", size)
        for _ in range(max(1, count * SIZES[0] // size)):
            timings.take(_of(size), partial(pipeline.generate, contracts))


def _of(size: int) -> str:
    return f"generate, {size} contracts"


def many(folder: Path, size: int) -> Path:
    """Make a set of so many contracts, each a command of its own shapes beside a few that all share."""
    template = ROOT / "tests" / "generator" / "cases" / "units" / "contracts"
    shutil.copytree(template, folder)
    command = json.loads((folder / "commands" / "units" / "convert.json").read_text(encoding="utf-8"))
    shutil.rmtree(folder / "commands")
    settings = folder / "contracts.toml"
    text = settings.read_text(encoding="utf-8").replace(
        'server = "units"', 'server = "units"\ninput_budget = 100000000'
    )
    settings.write_text(text, encoding="utf-8")
    tool = folder / "tools" / "units.json"
    described = tool.read_text(encoding="utf-8")
    tool.unlink()
    for number in range(size):
        name = f"units_{number // COMMANDS_A_TOOL:03d}"
        (folder / "tools" / f"{name}.json").write_text(described.replace('"units"', f'"{name}"'), encoding="utf-8")
        document = json.loads(json.dumps(command).replace("Convert", f"Convert{number:04d}"))
        document["x-command"] |= {"tool": name, "action": f"convert-{number:04d}", "order": number}
        path = folder / "commands" / name / f"convert-{number:04d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")
    return folder


MEASURES = {"check": measure_check, "cold": measure_cold, "watch": measure_watch, "growth": measure_growth}


def judge(timings: Timings) -> Iterator[str]:
    """Say of each figure that was measured how it stands to what is asked of it."""
    yield from timings.ratio(CHECK, [BARE], 2.5)
    yield from timings.ratio(COLD, [FLOOR], 1.2)
    yield from timings.ratio(EDIT, [COLD_BESIDE], 0.2)
    least, middle, most = map(_of, SIZES)
    # Ten times as many contracts: what is fixed for any number weighs on the small set, so the limit is a little over.
    yield from timings.ratio(middle, [least])
    yield from timings.ratio(most, [middle], 12)


def main() -> None:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(MEASURES)}; all by default")
    parser.add_argument("--count", type=int, default=10, help="samples of each figure; of a check five times as many")
    args = parser.parse_args()
    timings = Timings()
    with tempfile.TemporaryDirectory() as name:
        for part in args.parts or MEASURES:
            folder = Path(name) / part
            folder.mkdir()
            MEASURES[part](timings, folder, args.count)
    print(timings.table())
    print("\n".join(judge(timings)))


if __name__ == "__main__":
    main()
