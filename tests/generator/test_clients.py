"""Which client takes which tool, what a list of tools costs, and that the lint says when either is too much."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from contractgen import clients, sizes
from contractgen.cli import main
from contractgen.emit.mcp_tools import definitions
from contractgen.pipeline import lint
from tests.generator.contract_sets import FOLDERS, NAMES, OWN, load
from tests.generator.library import Change, Edit

BORROW = "commands/loan/borrow.json"
PLAIN: dict[str, Any] = {
    "name": "tool",
    "inputSchema": {
        "type": "object",
        "properties": {"action": {"type": "string", "enum": ["a"]}},
        "required": ["action"],
        "additionalProperties": False,
    },
    "outputSchema": {"type": "object"},
}


def broken(change: Change, server: str = "server") -> dict[str, set[str]]:
    tool = copy.deepcopy(PLAIN)
    change(tool)
    found: dict[str, set[str]] = {clients.REFUSES: set(), clients.LIMITS: set()}
    for verdict in clients.verdicts(server, [tool]):
        found[verdict.effect].add(verdict.client)
    return found


def root(**keywords: Any) -> Change:
    return lambda tool: tool["inputSchema"].update(keywords)


def below(**schema: Any) -> Change:
    return lambda tool: tool["inputSchema"]["properties"].update(action=schema)


CASES: list[tuple[str, Change, set[str], set[str]]] = [
    ("nothing", root(), set(), set()),
    ("no object", root(type="string"), {"Claude", "OpenAI", "Codex"}, set()),
    ("composition at the root", root(oneOf=[{"type": "object", "properties": {}, "additionalProperties": False}]),
        {"Claude", "OpenAI", "Cursor"}, set()),
    ("composition below", below(type="string", anyOf=[{"type": "string"}]), {"Cursor"}, set()),
    ("a reference", below(type="string", **{"$ref": "#/x"}), {"Gemini", "Cursor", "Copilot", "Codex"}, set()),
    ("a list of types", below(type=["string", "null"]), {"Gemini", "Cursor", "Codex"}, set()),
    ("an enum of numbers", below(type="integer", enum=[1]), {"Gemini"}, set()),
    ("a const", below(type="string", const="a"), {"Gemini"}, set()),
    ("an array of anything", below(type="array"), {"OpenAI", "Gemini", "Copilot"}, set()),
    ("an object of anything", below(type="object"), {"OpenAI", "Copilot"}, {"OpenAI"}),
    ("a default", below(type="string", default="a"), set(), {"OpenAI"}),
    ("an optional parameter", root(required=[]), set(), {"OpenAI"}),
    ("many optional parameters", root(properties={f"p{n}": {"type": "string"} for n in range(25)}, required=[]),
        set(), {"Claude", "OpenAI"}),
    ("an odd key", root(properties={"a b": {"type": "string"}}, required=["a b"]), {"Claude"}, set()),
    ("a long key", root(properties={"k" * 65: {"type": "string"}}, required=["k" * 65]), {"Claude"}, set()),
    ("a long name", lambda tool: tool.update(name="t" * 55), {"Cursor"}, set()),
    ("an answer that is no object", lambda tool: tool["outputSchema"].update(type="array"), {"Claude"}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("change", "refusing", "limiting"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
def test_each_known_fault_is_met_by_the_clients_that_report_it(
    change: Change, refusing: set[str], limiting: set[str]
) -> None:
    assert broken(change) == {clients.REFUSES: refusing, clients.LIMITS: limiting}


def test_every_check_is_used_by_a_client_and_breaks_in_a_case() -> None:
    used = {rule.rule for rules in clients.table().values() for rule in rules}
    assert used == clients.CHECKS.keys()
    assert {rule.effect for rules in clients.table().values() for rule in rules} == {clients.REFUSES, clients.LIMITS}
    tools = []
    for _, change, _, _ in CASES:
        tools.append(copy.deepcopy(PLAIN))
        change(tools[-1])
    dumb = {name for name, check in clients.CHECKS.items() if not any(list(check("s" * 6, t, 24)) for t in tools)}
    assert dumb - {"key_names", "full_name"} == set()


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_no_client_refuses_a_tool_of_a_sound_set(folder: Path) -> None:
    contracts = load(folder)
    found = clients.verdicts(contracts.settings.server, definitions(contracts))
    assert [verdict for verdict in found if verdict.effect == clients.REFUSES] == []


def test_size_prints_bytes_tokens_the_budget_and_a_verdict_of_each_client(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["size", "--contracts", str(OWN)]) == 0
    said = capsys.readouterr().out
    for size in sizes.measure(definitions(load(OWN))):
        assert f"{size.tool} " in said
        assert f"{size.inputs:,} " in said
        assert f"{size.tokens:,}\n" in said
    assert all(f"\n{client}" in said for client in clients.table())
    assert "within the budget of 24,000 bytes" in said


def test_a_size_is_that_of_the_shortest_spelling_in_bytes() -> None:
    tool = {"name": "t", "inputSchema": {"a": "é"}}
    assert sizes.measure([tool]) == [
        sizes.Size("t", len('{"a":"é"}'.encode()), len('{"name":"t","inputSchema":{"a":"é"}}') + 1)
    ]


def small_budget(contracts: Path) -> None:
    path = contracts / "contracts.toml"
    path.write_text(path.read_text().replace('server = "library"', 'server = "library"\ninput_budget = 900'))


def test_a_list_over_the_budget_is_a_finding_and_size_exits_with_1(
    contracts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_budget(contracts)
    (finding,) = lint(contracts)[1]
    assert (finding.rule, finding.origin.file, finding.origin.pointer) == (
        "wire-budget",
        "contracts.toml",
        "/mcp/input_budget",
    )
    assert "loan has" in finding.message
    assert main(["size", "--contracts", str(contracts)]) == 1
    assert "over the budget of 900" in capsys.readouterr().out


def test_a_key_that_a_client_refuses_is_a_finding(
    contracts: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    def rename(data: Any) -> None:
        data["$defs"]["BorrowRequest"]["properties"]["größe"] = {"type": "string", "description": "A size."}

    edit(BORROW, rename)
    (finding,) = [found for found in lint(contracts)[1] if found.rule == "wire-client"]
    assert finding.message.startswith("Claude refuses the tool loan (/größe)")
    assert main(["size", "--contracts", str(contracts)]) == 1
    assert "- refuses loan /größe" in capsys.readouterr().out


def test_size_of_a_set_with_findings_prints_them(contracts: Path, edit: Edit) -> None:
    edit(BORROW, lambda data: data.update(surprise=1))
    assert main(["size", "--contracts", str(contracts)]) == 1


def test_a_budget_that_is_no_number_is_a_finding(contracts: Path) -> None:
    path = contracts / "contracts.toml"
    path.write_text(path.read_text().replace('server = "library"', 'server = "library"\ninput_budget = "much"'))
    assert [finding.origin.pointer for finding in lint(contracts)[1]] == ["/mcp/input_budget"]
