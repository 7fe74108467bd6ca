"""Hold the server to the official suite in both eras, to the Inspector, and to the official TypeScript clients.

Which scenarios are expected to fail, and why, stands in expected_failures.json. One that passes all the same is a
fault, too. The programs are those of package-lock.json, run by the node that is one of them.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from foundry_contracts.vocabulary import LoopSignal, Role
from foundry_mcp.bootstrap import open_tokens
from tests.driving import Json, check, spec, task
from tests.http_server import HttpServer, command_line
from tests.mcp_client import ERAS
from tests.outside import user_config
from tests.stdio_server import command_line as stdio_command_line
from tests.stdio_server import environment

HERE: Final = Path(__file__).parent
PROGRAMS: Final = HERE / "node_modules"
NODE: Final = PROGRAMS / "node" / "bin" / "node"
INSPECTOR: Final = PROGRAMS / "@modelcontextprotocol" / "inspector" / "clients" / "launcher" / "build" / "index.js"
SUITE: Final = PROGRAMS / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
OPEN: Final = "[server]\nrequire_token = false\n"
CLIENTS: Final = {"v1": ERAS["legacy"], "v2-legacy": ERAS["legacy"], "v2-modern": ERAS["auto"]}


class Report:
    """Hold what was found, and say it as it comes."""

    def __init__(self) -> None:
        self.failed = 0

    def add(self, name: str, well: bool, said: str) -> None:
        """Note one result."""
        self.failed += not well
        print(f"{'ok    ' if well else 'FAILED'} {name}" + ("" if well else f"\n{said}"), flush=True)


async def node(words: Sequence[str], environ: dict[str, str]) -> tuple[int, str, str]:
    """Run a program to its end, and give its exit code and what it wrote."""
    path = f"{NODE.parent}:{environ.get('PATH', '')}"
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        *words,
        env={**environ, "PATH": path},
        cwd=HERE,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def workspace(folder: Path) -> Path:
    """Give a fresh workspace, with a spec for each client."""
    place = folder / "workspace"
    (place / "specs" / "active").mkdir(parents=True)
    for name in CLIENTS:
        document = spec(name, [task("t1"), check("v1", command="true")])
        (place / "specs" / "active" / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    return place


async def suite(report: Report, folder: Path) -> None:
    """Run every scenario of each era against the server with the suite's tools beside its own."""
    expected: Json = json.loads((HERE / "expected_failures.json").read_text(encoding="utf-8"))
    user_config(folder, OPEN)
    environ = environment(folder / "state")
    words = [sys.executable, "-m", "tests.conformance.fixture_server", str(workspace(folder))]
    async with HttpServer.begin(words, environ) as server:
        for era in ERAS.values():
            known = folder / f"{era}.yml"
            # JSON is YAML.
            checks = [entry for group in expected[era] for entry in group["checks"]]
            known.write_text(json.dumps({"server": checks}), encoding="utf-8")
            options = ["--suite", "all", "--spec-version", era, "--expected-failures", str(known)]
            options += ["--url", server.url, "--output-dir", str(folder / era)]
            code, out, err = await node([str(SUITE), "server", *options], environ)
            summary = out[out.find("=== SUMMARY ===") :]
            # Some of what is expected to fail is only a warning to the suite, and not among those it counts.
            counted = re.search(r"Total: (\d+) passed, (\d+) failed", summary)
            checked = f"{counted[1]} passed, {len(checks)} expected to fail" if counted else "nothing was counted"
            report.add(f"suite, {era}: {checked}", code == 0 and counted is not None, summary + err)


async def inspector(report: Report, folder: Path) -> None:
    """Have the Inspector list and call the tools over both transports, in both eras."""
    place, state = workspace(folder), folder / "state"
    user_config(folder, OPEN)
    call = ["--method", "tools/call", "--tool-name", "task", "--tool-arg", "action=session", "command=list"]
    async with HttpServer.begin(command_line(place), environment(state)) as server:
        targets = {"HTTP": [server.url, "--transport", "http"], "stdio": stdio_command_line(place)}
        for transport, target in targets.items():
            for era in ("modern", "legacy"):
                for name, method in {"list": ["--method", "tools/list", "--strict"], "call": call}.items():
                    # A server's own words come after the Inspector's, and an address before them.
                    options = ["--protocol-era", era, *method]
                    words = [*target, *options] if transport == "HTTP" else [*options, "--", *target]
                    code, out, err = await node([str(INSPECTOR), "--cli", *words], environment(state, HOME=str(folder)))
                    well = code == 0 and ("inputSchema" if name == "list" else "contract_version") in out
                    report.add(
                        f"Inspector, {transport}, {era}: {name}", well, f"exit {code}\n{out[-2000:]}{err[-2000:]}"
                    )


async def clients(report: Report, folder: Path) -> None:
    """Have each official client do a whole phase."""
    place, state = workspace(folder), folder / "state"
    token = open_tokens(place, environment(state)).add("client", Role.AUTONOMY_RUNNER)
    async with HttpServer.begin(command_line(place), environment(state)) as server:
        for which, era in CLIENTS.items():
            words = [str(HERE / "phase.mjs"), which, server.url, which]
            code, out, err = await node(words, environment(state, FOUNDRY_MCP_TOKEN=token))
            told: Json = json.loads(out) if code == 0 else {}
            well = told == {"era": era, "steps": 3, "signal": LoopSignal.SPEC_COMPLETE}
            report.add(f"TypeScript client {which}, {era}: a whole phase", well, out + err)


async def main() -> int:
    """Run all; give 1 where something failed."""
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        for part in (suite, inspector, clients):
            folder = Path(name) / part.__name__
            folder.mkdir()
            await part(report, folder)
    print(f"{report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
