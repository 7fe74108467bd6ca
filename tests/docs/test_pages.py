"""What the pages say has to be so: links, commands, names, and the programs they show."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from enum import EnumType, StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeGuard

import jsonschema_rs
import pytest

from foundry_contracts import vocabulary
from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.models.config import Config
from foundry_contracts.settings import GROUPED, SETTINGS
from foundry_contracts.tables import (
    FEATURE_FLAG_INFO,
    GUARDED_AGENT_INFO,
    GUARDED_PLACE_INFO,
    LOOP_SIGNAL_INFO,
    PAUSE_REASON_INFO,
    POSTURE_VALUES,
    SANDBOX_KIND_INFO,
    SETTING_SOURCE_INFO,
    STARTUP_RULE_INFO,
)
from foundry_contracts.vocabulary import GuardAccess, GuardReason, GuardState, SandboxGuard, WorkerIsolation
from foundry_mcp.adapters.spec_files import WorkspaceSpecFiles
from foundry_mcp.machine.settings import plain
from tests.docs.blocks import ROOT, Block, blocks_of, pages, without_blocks
from tests.outside import load_settings, outside, user_config

PAGES = pages()
README = ROOT / "README.md"
SETTINGS_PAGE = ROOT / "docs" / "09-settings.md"
ISOLATION = ROOT / "docs" / "10-isolation.md"
OPERATING = ROOT / "docs" / "06-operating.md"

# Capitals that no contract declares, and why a page says them.
ELSEWHERE = {
    "SPEC_ID": "stands for a spec's id in a command line",
    "FOUNDRY_MCP_": "the beginning of every setting's name in the environment",
    "FOUNDRY_PYTHON": "names another Python to justw",
    "XDG_STATE_HOME": "the XDG base directory specification's",
    "XDG_CONFIG_HOME": "the XDG base directory specification's",
    "XDG_CONFIG_DIRS": "the XDG base directory specification's",
    "UV_DEFAULT_INDEX": "one of uv's settings",
    "HTTPS_PROXY": "a convention of network tools",
}


def _of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _block(page: Path, target: str) -> Block:
    return next(block for block in blocks_of(_text(page)) if block.target == target)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", without_blocks(_text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(_text(page))):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in _anchors(place), f"{target}: the page has no such heading"


def _command_lines(page: str) -> Iterator[str]:
    """Give what is shown to be typed: lines of blocks, and code in sentences."""
    for block in blocks_of(page):
        for line in block.text.splitlines():
            yield line.removeprefix("$ ").strip()
    yield from re.findall(r"`([^`\n]+)`", without_blocks(page))


def _words(line: str) -> list[str]:
    return shlex.split(line, comments=True)


@pytest.mark.parametrize("page", PAGES, ids=_of)
def test_every_recipe_shown_exists(page: Path) -> None:
    recipes = set(re.findall(r"^([a-z]+)(?: [^:=\n]*)?:(?!=)", _text(ROOT / "justfile"), re.MULTILINE))

    shown = {tuple(_words(line)[1:2]) for line in _command_lines(_text(page)) if line.startswith("./justw")}

    assert {name for words in shown for name in words} <= recipes


@pytest.mark.parametrize("page", PAGES, ids=_of)
def test_every_command_and_option_of_the_command_line_shown_exists(page: Path) -> None:
    for line in _command_lines(_text(page)):
        if re.match(r"(\.venv/bin/)?foundry-mcp [a-z]", line):
            _, command, *words = _words(line)
            help_text = _help(command)
            if "VERB" in help_text:
                help_text += _help(command, words[0])
            for option in (word for word in words if word.startswith("--")):
                assert re.search(rf"{option}\b", help_text), f"{line}: no option {option}"


@cache
def _help(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "foundry_mcp.cli.main", *words, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _declared() -> set[str]:
    """Give every name the contracts declare: enumeration members and settings, also as environment names."""
    names = {str(member) for kind in vars(vocabulary).values() if _is_enumeration(kind) for member in kind}
    for section, field in Config.model_fields.items():
        model: Any = field.annotation
        names |= set(model.model_fields)
        names |= {f"FOUNDRY_MCP_{section}_{key}".upper() for key in model.model_fields}
    return names | set(GROUPED.values())


def _is_enumeration(kind: object) -> TypeGuard[type[StrEnum]]:
    return isinstance(kind, EnumType) and kind is not StrEnum


@pytest.mark.parametrize("page", PAGES, ids=_of)
def test_every_name_in_capitals_is_declared(page: Path) -> None:
    text = _text(page)
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]*)+\b", " ".join(re.findall(r"`([^`\n]+)`", without_blocks(text)))))

    assert named <= _declared() | ELSEWHERE.keys()


def test_no_exception_is_listed_in_vain() -> None:
    whole = "".join(map(_text, PAGES))

    assert {name for name in ELSEWHERE if name not in whole} <= {"UV_DEFAULT_INDEX", "HTTPS_PROXY"}


def _first_column(page: Path, heading: str) -> list[str]:
    section = _text(page).partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_the_table_of_signals_is_whole_and_its_exit_codes_are_the_contracts() -> None:
    rows = _first_column(README, "What the loop is told")
    text = _text(README)

    assert rows == ["loop_signal", "null", *(str(signal) for signal in LOOP_SIGNAL_INFO)]
    for signal, info in LOOP_SIGNAL_INFO.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{signal}` |"))
        assert f"exits {info.exit_code}" in row


def test_the_table_of_pauses_is_whole() -> None:
    assert set(_first_column(OPERATING, "When a person is needed")) == {str(reason) for reason in PAUSE_REASON_INFO}


def test_the_table_of_guards_is_whole_and_says_what_each_sandbox_holds() -> None:
    rows = [
        [cell.strip(" `") for cell in row.split("|")[1:-1]]
        for row in _text(OPERATING).splitlines()
        if row.startswith("| `") and row.split("`")[1] in set(SandboxGuard)
    ]
    assert [row[0] for row in rows] == list(SandboxGuard)
    for name, _, *cells in rows:
        for cell, known in zip(cells, SANDBOX_KIND_INFO.values(), strict=True):
            held = SandboxGuard(name) in known.enforces
            assert cell == ("no" if not held else "not as root" if SandboxGuard(name) in known.not_as_root else "yes")


def _rows(page: Path, heading: str) -> list[list[str]]:
    section = _text(page).partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip(" `") for cell in row.split("|")[1:-1]] for row in rows]


def test_the_table_of_profiles_is_the_contracts() -> None:
    stated = {name: entry.profile for name, entry in SETTINGS.items() if entry.profile}
    rows = _rows(SETTINGS_PAGE, "Posture")
    assert {name: cells for name, *cells in rows} == {
        name: [str(getattr(values, field)).lower() for values in POSTURE_VALUES.values()]
        for name, field in stated.items()
    }


def test_the_table_of_start_up_rules_is_the_contracts() -> None:
    assert _rows(SETTINGS_PAGE, "What is looked at before a server starts") == [
        [rule, *(str(info.levels.get(profile, "")) for profile in POSTURE_VALUES), info.remedy]
        for rule, info in STARTUP_RULE_INFO.items()
    ]


def test_the_tables_of_isolation_are_the_contracts() -> None:
    assert [(place, may) for place, _, may in _rows(ISOLATION, "What a loop may not do")] == [
        (place, {GuardAccess.READ: "read", GuardAccess.NONE: "nothing"}[info.access])
        for place, info in GUARDED_PLACE_INFO.items()
    ]
    assert [[agent, file, source] for agent, file, _, source in _rows(ISOLATION, "Set up the hooks")] == [
        [agent, info.file, info.source] for agent, info in GUARDED_AGENT_INFO.items()
    ]
    assert _first_column(ISOLATION, "How a guard stands") == list(GuardState)
    assert _first_column(ISOLATION, "Why a call is refused") == list(GuardReason)
    assert _first_column(ISOLATION, "Workers in bubblewrap") == list(WorkerIsolation)


def test_the_tables_of_sources_and_features_are_whole() -> None:
    assert _first_column(SETTINGS_PAGE, "Where settings stand") == list(SETTING_SOURCE_INFO)
    assert _rows(SETTINGS_PAGE, "Features") == [
        [flag, told[1], ", ".join(info.needs)]
        for (flag, info), told in zip(FEATURE_FLAG_INFO.items(), _rows(SETTINGS_PAGE, "Features"), strict=True)
    ]


def test_the_configuration_shown_may_stand_outside(tmp_path: Path) -> None:
    shown = next(block.text for block in blocks_of(_text(SETTINGS_PAGE)) if block.language == "toml")
    resolved = load_settings(tmp_path, user_config(tmp_path / "outside", shown))
    assert resolved.held["session_defaults.max_tasks"].value == tomllib.loads(shown)["session_defaults"]["max_tasks"]


def test_the_settings_shown_are_the_defaults(tmp_path: Path) -> None:
    shown = next(block.text for block in blocks_of(_text(README)) if block.language == "toml")
    (tmp_path / "foundry-mcp.toml").write_text(shown, encoding="utf-8")

    values = tomllib.loads(shown)
    environ = outside(tmp_path)
    assert not load_settings(tmp_path, environ).loosened
    defaults = load_settings(tmp_path / "no", environ).held
    for section, inside in values.items():
        assert {key: plain(defaults[f"{section}.{key}"].value) for key in inside} == inside


def test_the_servers_json_shown_starts_a_command_that_exists() -> None:
    shown = next(block.text for block in blocks_of(_text(README)) if "mcpServers" in block.text)
    (server,) = json.loads(shown)["mcpServers"].values()

    assert server["command"].endswith("/foundry-mcp")
    assert "--workspace" in _help(server["args"][0])


def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((files("foundry_contracts") / "schemas" / "formats" / name).read_text())
    return schema


TASK = {
    "workspace": ".",
    "step": {
        "step_id": "stp_01jdf3k2m4n5p6q7r8s9t0v1w3",
        "type": "implement_task",
        "session_id": "ses_01jdf3k2m4n5p6q7r8s9t0v1w2",
        "spec_id": "greeter",
        "phase_id": "phase-1",
        "phase_title": "Say hello",
        "unit": {"id": "task-1", "kind": "task", "title": "Write the greeting", "file_path": "hello.txt"},
        "attempt": 1,
        "proof": f"prf_{'0' * 64}",
        "instruction": "Do the task.",
        "findings": [{"code": "file_missing", "message": "The declared file is not there."}],
        "report_call": {"tool": "task", "action": "session-step", "command": "next", "params": {}},
    },
}


def test_the_worker_shown_does_a_step(tmp_path: Path) -> None:
    jsonschema_rs.validator_for(_schema("WorkerTask.json")).validate(TASK)
    (tmp_path / "worker.py").write_text(_block(README, "worker.py").text, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "worker.py"],
        cwd=tmp_path,
        input=json.dumps(TASK),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    answer = json.loads(done.stdout)
    jsonschema_rs.validator_for(_schema("WorkerResult.json")).validate(answer)
    assert answer == {"outcome": "success", "files_touched": ["hello.txt"]}
    assert (tmp_path / "hello.txt").read_text() == "hello\n"
    assert "to mend: The declared file is not there." in done.stderr


def test_the_specs_shown_are_good_ones(tmp_path: Path) -> None:
    shown = [
        block.text
        for page in PAGES
        for block in blocks_of(_text(page))
        if block.language == "json" and block.text.startswith('{\n  "spec_id"')
    ]

    folder = tmp_path / "specs" / "active"
    folder.mkdir(parents=True)
    assert len(shown) == 2
    for text in shown:
        (folder / "greeter.json").write_text(text, encoding="utf-8")
        loaded = WorkspaceSpecFiles(tmp_path).load("greeter")
        assert loaded is not None
        assert loaded.plan is not None
        assert loaded.findings == ()


def test_the_run_shown_ends_well_and_the_calls_by_hand_work(tmp_path: Path) -> None:
    workspace, state = tmp_path / "workspace", tmp_path / "state"
    _laid_out(workspace)
    line = next(line for line in _command_lines(_text(README)) if line.startswith("foundry-mcp run greeter"))
    environment = {**os.environ, "XDG_STATE_HOME": str(state)}

    def python(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=workspace,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    last = json.loads(python("-P", "-m", "foundry_mcp.cli.main", *_words(line)[1:]).splitlines()[-1])
    assert last["loop_signal"] == "spec_complete"

    status, resume = _asked(OPERATING)
    session = json.loads(python("ask.py", *status))["data"]["session"]
    assert session["status"] == "completed"
    assert json.loads(resume[1])["command"] == "resume"


def _laid_out(workspace: Path) -> None:
    for page, target in ((README, "specs/active/greeter.json"), (README, "worker.py")):
        place = workspace / target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_block(page, target).text, encoding="utf-8")
    (workspace / "ask.py").write_text(_block(OPERATING, "ask.py").text, encoding="utf-8")


def _asked(page: Path) -> list[list[str]]:
    """Give the arguments of each call of ask.py that a page shows, in order."""
    lines = [line for block in blocks_of(_text(page)) for line in block.text.splitlines() if " ask.py " in line]
    return [_words(line.split(" ask.py ")[1])[:2] for line in lines]


def test_the_commands_named_in_sentences_exist() -> None:
    """Every `tool action` a sentence names, `spec validate` say, is a command."""
    known = {" ".join(filter(None, (entry.tool, entry.action, entry.command))) for entry in COMMANDS.values()}
    tools = {entry.tool for entry in COMMANDS.values()}
    named = set(_sentences(PAGES, tools))

    assert named - known <= {"spec count"}, "only the worked example speaks of a command that is not there"


def _sentences(found: Iterable[Path], tools: set[str]) -> Iterator[str]:
    for page in found:
        for code in re.findall(r"`([a-z][a-z -]+)`", without_blocks(_text(page))):
            if code.split()[0] in tools and " " in code:
                yield code
