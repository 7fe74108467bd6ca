"""docs/04-adding-a-command.md, carried out to the letter on a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import ROOT, Block, blocks_of

PAGE = ROOT / "docs" / "04-adding-a-command.md"

# The page's commands as they run in a copy that has no environment of its own.
RUNS = {
    "./justw fresh": ["-m", "contractgen", "check"],
    "./justw generate": ["-m", "contractgen", "generate"],
    ".venv/bin/mypy src/foundry_mcp/application/handlers.py": ["-m", "mypy", "src/foundry_mcp/application/handlers.py"],
    ".venv/bin/python -m tests.surface.record_examples": ["-m", "tests.surface.record_examples"],
    '.venv/bin/python -c "import foundry_mcp.bootstrap"': ["-c", "import foundry_mcp.bootstrap"],
}

CALL = """
import asyncio, json, os, sys
from pathlib import Path

from mcp import Client

from foundry_mcp.bootstrap import join
from foundry_mcp.surface.server import make_server


async def main() -> None:
    joined = join(Path(sys.argv[1]), os.environ)
    handle, fresh = joined.application.handle, joined.ids.fresh
    server = make_server("foundry-mcp", "0", handle, joined.caller, fresh, joined.policy.flags)
    async with Client(server) as client:
        answer = await client.call_tool("spec", json.loads(sys.argv[2]))
    await joined.application.close()
    print(json.dumps(answer.structured_content))


asyncio.run(main())
"""

SPEC = {
    "spec_id": "greeter",
    "title": "A greeter",
    "phases": [{"id": "phase-1", "title": "Say hello", "tasks": [{"id": "task-1", "title": "Write it"}]}],
}


class Copy:
    """A copy of the project in which a reader works."""

    def __init__(self, root: Path, state: Path) -> None:
        self.root = root
        left_out = shutil.ignore_patterns("__pycache__", ".hypothesis", "node_modules")
        for name in ("contracts", "generated", "generator", "src", "tests"):
            shutil.copytree(ROOT / name, root / name, ignore=left_out)
        shutil.copy(ROOT / "pyproject.toml", root)
        paths = [root / "src", root / "generated" / "python", root / "generator"]
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_STATE_HOME": str(state),
        }

    def run(self, *words: str) -> tuple[int, str]:
        """Run Python on the copy; give its exit code and all it wrote."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.root,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    def write(self, path: str, text: str) -> None:
        """Write a file as the page gives it."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def patch(self, path: str, diff: str) -> None:
        """Apply a diff; each hunk's old lines have to stand in the file exactly once."""
        place = self.root / path
        text = place.read_text(encoding="utf-8")
        for hunk in diff.split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if not line.startswith("+"))
            new = "".join(line[1:] for line in lines if not line.startswith("-"))
            assert text.count(old) == 1, f"{path} no longer holds, once:\n{old}"
            text = text.replace(old, new)
        place.write_text(text, encoding="utf-8")


def test_the_page_on_adding_a_command_works_as_it_is_written(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "project", tmp_path / "state")
    page = blocks_of(PAGE.read_text(encoding="utf-8"))
    called: list[dict[str, object]] = []
    codes: list[int] = []

    for block in page:
        if block.language == "console":
            codes.append(_type_in(copy, block))
        elif block.language == "diff":
            copy.patch(block.target, block.text)
        elif block.target == "call":
            called.append(_call(copy, tmp_path / "workspace", block.text))
        elif block.target == "answer":
            assert called[-1]["success"] is True
            assert called[-1]["data"] == json.loads(block.text)
        else:
            copy.write(block.target, block.text)

    wanted = [1, 0, 1, 1, 0, 0, 0]
    assert codes == wanted, "check fails, generate works, the checker and the start-up fail, then all is well"
    assert called, "the page shows a call"
    _everything_else_has_appeared(copy)
    _the_row_passes(copy)


def _type_in(copy: Copy, block: Block) -> int:
    """Run a console block's command, and find every line that the page shows in what it said."""
    command, *shown = block.text.splitlines()
    code, said = copy.run(*RUNS[command.removeprefix("$ ")])
    for line in shown:
        assert line == "..." or _unnumbered(line) in _unnumbered(said), f"{command}\ndid not say\n{line}\nbut\n{said}"
    return code


def _unnumbered(text: str) -> str:
    """Level numbers: counts of files and lines grow with the project, and teach a reader nothing."""
    return re.sub(r"\d+", "N", text)


def _call(copy: Copy, workspace: Path, arguments: str) -> dict[str, object]:
    specs = workspace / "specs" / "active"
    specs.mkdir(parents=True)
    (specs / "greeter.json").write_text(json.dumps(SPEC), encoding="utf-8")
    code, said = copy.run("-c", CALL, str(workspace), arguments)
    assert code == 0, said
    envelope: dict[str, object] = json.loads(said.splitlines()[-1])
    return envelope


def _everything_else_has_appeared(copy: Copy) -> None:
    for name in ("docs/05-mcp-tool-reference.md", "mcp/capabilities_manifest.json"):
        assert "spec.count" in (copy.root / "generated" / name).read_text(encoding="utf-8"), name
    tools = json.loads((copy.root / "generated/mcp/tools.json").read_text(encoding="utf-8"))
    spec = next(tool for tool in tools if tool["name"] == "spec")
    assert "count" in spec["inputSchema"]["properties"]["action"]["enum"]
    code, said = copy.run("-m", "contractgen", "check")
    assert code == 0, said


def _the_row_passes(copy: Copy) -> None:
    code, said = copy.run("-m", "pytest", "-q", "tests/application/test_query_counts.py")
    assert (code, "2 passed" in said) == (0, True), said
    code, said = copy.run(
        "-m", "pytest", "-q", "-k", "spec.count or scene or nothing_else", "tests/surface/test_examples.py"
    )
    assert (code, "3 passed" in said) == (0, True), said
