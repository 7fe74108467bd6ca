"""`contractgen init` makes a project that runs and passes at once, and touches no folder that holds anything."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from contractgen import new_project
from contractgen.cli import main
from contractgen.pipeline import lint
from tests.generator.contract_sets import FOLDERS, UNITS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mcp")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "a project"
    assert main(["init", str(folder)]) == 0
    return folder


def inside(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(project / "src"), str(project / "generated" / "python")])
    env = {**os.environ, "PYTHONPATH": paths, "MYPYPATH": paths}
    return subprocess.run([sys.executable, "-m", *words], cwd=project, env=env, capture_output=True, text=True)


def test_its_contracts_are_a_case_of_the_generators_own_tests() -> None:
    assert UNITS in FOLDERS
    assert lint(UNITS)[1] == []


def test_it_holds_contracts_handlers_a_server_tests_and_a_pipeline(project: Path) -> None:
    written = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    assert {path for path, _ in new_project.files()} < written
    assert {
        "README.md", "pyproject.toml", ".gitignore", ".github/workflows/ci.yml", "contracts/contracts.toml",
        "src/units_server/handlers.py", "src/units_server/server.py", "tests/test_server.py",
        "generated/manifest.lock.json",
    } <= written  # fmt: skip
    assert not [path for path in written if path.endswith(".txt") or path.startswith("dot-")]


def test_its_tests_pass_at_once(project: Path) -> None:
    done = inside(project, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_it_is_fresh_and_type_checks_strictly(project: Path) -> None:
    assert inside(project, "contractgen", "check", "--full").returncode == 0
    done = inside(project, "mypy", "--strict", "--cache-dir", os.devnull, "src", "tests")
    assert done.returncode == 0, done.stdout


def test_its_server_answers_over_stdio(project: Path) -> None:
    paths = os.pathsep.join([str(project / "src"), str(project / "generated" / "python")])
    words = StdioServerParameters(command=sys.executable, args=["-m", "units_server"], env={"PYTHONPATH": paths})

    async def ask() -> object:
        async with Client(words) as client:
            listed = await client.list_tools()
            assert [tool.name for tool in listed.tools] == ["units"]
            asked = {"action": "convert", "amount": 2, "unit": "kilogram", "target": "gram"}
            return (await client.call_tool("units", asked)).structured_content

    assert asyncio.run(ask()) == {"ok": True, "data": {"amount": 2000.0, "unit": "gram"}}


def test_a_broken_example_fails_the_projects_tests(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    assert main(["init", str(folder)]) == 0
    handlers = folder / "src" / "units_server" / "handlers.py"
    handlers.write_text(handlers.read_text().replace("known.size / wanted.size", "wanted.size / known.size"))
    done = inside(folder, "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert (done.returncode, "Miles in kilometres" in done.stdout) == (1, True)


def test_a_folder_that_is_there_and_empty_will_do_and_so_will_a_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert main(["init", str(tmp_path)]) == 0


def test_a_folder_that_holds_anything_is_refused_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert main(["init", str(tmp_path)]) == 2
    said = f"contractgen: {tmp_path} is not empty (it holds notes.txt); name a folder that is empty or not there yet.\n"
    assert capsys.readouterr().err == said
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["init", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err
