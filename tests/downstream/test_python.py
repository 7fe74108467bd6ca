"""Another project reads what the server answered: with the schemas and jsonschema, or with the contracts' wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.downstream.conftest import FAULTS, GENERATED, TRANSCRIPT, spoil
from tests.downstream.isolated import closure, linked, python

CONSUMERS = Path(__file__).parent / "consumers"
faults = pytest.mark.parametrize("fault", FAULTS)


@pytest.fixture(scope="session")
def jsonschema_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return linked(tmp_path_factory.mktemp("only") / "jsonschema", "jsonschema")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, and install it where nothing else of ours is."""
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(GENERATED / "python", folder / "source", ignore=shutil.ignore_patterns("*.egg-info"))
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(words, cwd=source, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("foundry_contracts-*.whl")
    with ZipFile(found) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture(scope="session")
def wheels_needs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return linked(tmp_path_factory.mktemp("needs") / "pydantic", "pydantic", "typing_extensions")


def lines() -> int:
    return len(TRANSCRIPT.read_text(encoding="utf-8").splitlines())


def test_every_call_and_answer_holds_to_the_published_schemas(schemas: Path, jsonschema_alone: Path) -> None:
    done = python([jsonschema_alone], CONSUMERS / "validate.py", schemas, TRANSCRIPT)
    assert (done.stderr, done.stdout) == ("", f"{3 * lines()}\n")


@faults
def test_the_published_schemas_notice(schemas: Path, jsonschema_alone: Path, tmp_path: Path, fault: str) -> None:
    spoilt = spoil(tmp_path, FAULTS[fault])
    done = python([jsonschema_alone], CONSUMERS / "validate.py", schemas, spoilt)
    assert (done.returncode, "ValidationError" in done.stderr) == (1, True), done


def test_a_schema_that_was_edited_is_not_what_the_catalog_says(
    schemas: Path, jsonschema_alone: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(schemas, tmp_path / "schemas")
    envelope = copy / "formats" / "Envelope.json"
    envelope.write_text(envelope.read_text(encoding="utf-8") + " ", encoding="utf-8")
    done = python([jsonschema_alone], CONSUMERS / "validate.py", copy, TRANSCRIPT)
    assert "formats/Envelope.json is not what the catalog says" in done.stderr


def test_jsonschema_alone_is_alone(jsonschema_alone: Path) -> None:
    assert closure("jsonschema").isdisjoint({"foundry-contracts", "foundry-mcp", "pydantic", "contractgen"})
    done = python([jsonschema_alone], "-c", "import jsonschema; import foundry_contracts")
    assert "No module named 'foundry_contracts'" in done.stderr


def test_the_wheel_alone_reads_every_call_and_answer_and_gives_it_back_as_it_was(
    wheel: Path, wheels_needs: Path
) -> None:
    done = python([wheel, wheels_needs], CONSUMERS / "validate_wheel.py", TRANSCRIPT)
    assert (done.stderr, done.stdout) == ("", f"{3 * lines()}\n")


@faults
def test_the_wheels_models_notice(wheel: Path, wheels_needs: Path, tmp_path: Path, fault: str) -> None:
    spoilt = spoil(tmp_path, FAULTS[fault])
    done = python([wheel, wheels_needs], CONSUMERS / "validate_wheel.py", spoilt)
    assert (done.returncode, "ValidationError" in done.stderr) == (1, True), done
